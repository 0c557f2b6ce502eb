"""Trust region: ``log P - log N >= Q_k(eps, delta_0)`` around the worst perturbation.

A local search finds delta_0 near the point where the gap closes; that nothing nearer
closes it is what ``Q_k > 0`` proves. On an l2 ball whose curvature is small nothing is
lost.

Proof in the guide: `quadratic-bound`, `trust-region-exact`.
"""

import torch
from torch import Tensor

from sklearn_proto._functional import bisected
from sklearn_proto.robustness._similarity._boundary_search import (
    Boundary,
    nearest_boundary,
)
from sklearn_proto.robustness._similarity._certificate import Certificate
from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._similarity._quadratic_bound import expand

# A radius stops short of the boundary by this share, which leaves the proof some room.
_SHORT = 1e-3
# Smaller sizes are halved, and seen from a little inside the ball: on its far side the
# bound is better for it, and the near side has room.
_HALVINGS, INSIDE = 8, 0.9


class TrustRegion(Certificate):
    """Second-order bound around the worst perturbation instead of around the row.

    Around a perturbation that is the worst of its size, the slope of the log-ratio
    points back to the row. If the curvature is at most the length of the slope over the
    size, the concave quadratic below the log-ratio has its minimum over the ball right
    there: then the local search has found the nearest point of the boundary, and the
    radius is exact. It is the condition of a global minimum of the trust-region
    problem. Elsewhere the size is lowered until the bound stays positive.
    """

    name = "trust_region"

    def radius(self, gaps: GapBatch) -> Tensor:
        """Sizes (m,) at which the quadratic at the worst perturbation is positive."""
        return trust_region_radius(gaps, nearest_boundary(gaps))


def trust_region_radius(
    gaps: GapBatch, boundary: Boundary, most: Tensor | float = torch.inf
) -> Tensor:
    """Largest size (m,), up to the boundary or `most`, at which the bound holds.

    It is the size asked for, or of the form found by halving it.
    """
    target = (boundary.size * (1 - _SHORT)).clamp_max(most)
    proven = torch.where(certifies_at(gaps, boundary, target), target, 0.0)
    active = ((target > proven) & target.isfinite()).nonzero().squeeze(1)
    if not len(active):
        return proven
    some, ray = gaps.take(active), boundary.ray[active]

    def holds(eps: Tensor) -> Tensor:
        return expand(some, eps, (INSIDE * eps)[:, None] * ray).holds()

    nothing = torch.zeros_like(target[active])
    proven[active] = bisected(holds, nothing, target[active], max_iter=_HALVINGS)
    return proven


def certifies_at(gaps: GapBatch, boundary: Boundary, target: Tensor) -> Tensor:
    """Whether the bound holds (m,) at sizes `target`, from the way to the boundary.

    At a size of 0, or an infinite one, nothing is tried.
    """
    holds = torch.zeros_like(target, dtype=torch.bool)
    active = ((target > 0) & target.isfinite()).nonzero().squeeze(1)
    some, ray, size = gaps, boundary.ray, target
    if len(active) < len(gaps):
        some, ray, size = gaps.take(active), ray[active], target[active]
    for trace_only in (True, False):
        at = expand(some, size, size[:, None] * ray)
        found = (at.trace_only if trace_only else at).holds()
        holds[active] = found
        left = (~found).nonzero().squeeze(1)
        if not len(left):
            break
        active, some = active[left], some.take(left)
        ray, size = ray[left], size[left]
    return holds
