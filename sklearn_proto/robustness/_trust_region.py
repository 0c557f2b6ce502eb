"""The nearest point of the boundary, and a proof that nothing nearer crosses it."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._expansion import expand, log_ratio
from sklearn_proto.robustness._pairs import Pairs

# A radius stops short of the boundary by this share, which leaves the proof some room.
_SHORT = 1e-3
_STEPS, _FULL_STEPS, _ON_THE_RAY = 20, 4, 5
# A log-ratio this small is the boundary.
_SETTLED = 1e-5
_HALVINGS = 8


class TrustRegion:
    """Second-order bound around the worst perturbation instead of around the row.

    Around a perturbation that is the worst of its size, the slope of the log-ratio
    points back to the row. If the curvature is at most the length of the slope over the
    size, the concave quadratic below the log-ratio has its minimum over the ball right
    there: then the local search has found the nearest point of the boundary, and the
    radius is exact. It is the condition of a global minimum of the trust-region
    problem. Elsewhere the size is lowered until the quadratic stays positive.
    """

    name = "trust_region"

    def refusal(self, view: SimilarityView) -> str | None:
        """Return None: the bound holds for every similarity-based model."""
        del view
        return None

    def radius(self, pairs: Pairs) -> Tensor:
        """See `Certificate`."""
        return prove(pairs, nearest_boundary(pairs))


class Boundary(NamedTuple):
    """Where a gap was found to close, or, if it was not, where to start a proof."""

    size: Tensor  # (m,), 0 where it is closed at the row
    delta: Tensor  # (m, d)
    crossed: Tensor  # (m,), whether the gap all but closes at delta


def nearest_boundary(pairs: Pairs, steps: int = _STEPS) -> Boundary:
    """Search the smallest perturbation that closes each gap.

    Every step goes from the row to the nearest point where the linearised log-ratio
    is 0, in the norm of the perturbations: a fixed point is a point of the boundary at
    which the slope is normal to the ball. Pairs that have settled leave the loop.
    """
    delta = pairs.no_change
    value, slope = log_ratio(pairs, delta)
    closed = ~(value > 0)
    crossed = closed.clone()
    best = delta.clone()
    active = (~closed).nonzero().squeeze(1)
    some, value, slope = pairs.take(active), value[active], slope[active]
    current, far = delta[active], some.far
    for step in range(steps):
        if not len(active):
            break
        if step < steps - _ON_THE_RAY:
            target = _to_linearised_boundary(some, current, value, slope, far)
            # A full step may swing around a strongly curved boundary for ever.
            weight = 1.0 if step < _FULL_STEPS else 1.5 / (step - _FULL_STEPS + 2)
            current = torch.lerp(current, target, weight)
        else:
            # What has not settled by now gets to the boundary straight from the row.
            falling = (slope * current).sum(1)
            factor = 1.0 - value / torch.where(falling < 0, falling, -torch.inf)
            factor = factor.nan_to_num(nan=1.0).clamp(0.5, 2.0)
            current = factor[:, None] * current
        value, slope = log_ratio(some, current)
        best[active] = current
        settled = value.abs() < _SETTLED
        crossed[active] = value < _SETTLED
        going = (~settled).nonzero().squeeze(1)
        if len(going) < len(active):
            active, some = active[going], some.take(going)
            value, slope, current = value[going], slope[going], current[going]
            far = far[going]
    size = pairs.perturbations.size(best).masked_fill(closed, 0.0)
    return Boundary(size, best, crossed)


def _to_linearised_boundary(
    pairs: Pairs, delta: Tensor, value: Tensor, slope: Tensor, far: Tensor
) -> Tensor:
    perturbations = pairs.perturbations
    fall = perturbations.support(-slope, torch.ones_like(value)).clamp_min(1e-300)
    size = (value - (slope * delta).sum(1)) / fall
    size = torch.minimum(size.clamp_min(0.0), far)
    return perturbations.inside(size[:, None] * perturbations.steepest(slope))


def prove(pairs: Pairs, boundary: Boundary, most: Tensor | None = None) -> Tensor:
    """Largest size (m,), up to the boundary or `most`, at which the bound is positive.

    It is the size asked for, or of the form found by halving it.
    """
    target = boundary.size * (1 - _SHORT)
    if most is not None:
        target = torch.minimum(target, most)
    proven = torch.zeros_like(target)
    active = ((target > 0) & target.isfinite()).nonzero().squeeze(1)
    some, ray = pairs.take(active), boundary.delta[active]
    ray, target = ray / boundary.size[active, None], target[active]
    for rough in (True, False):
        holds = _gap_beyond(some, ray, rough=rough)(target) > 0
        proven[active[holds]] = target[holds]
        left = (~holds).nonzero().squeeze(1)
        active, some = active[left], some.take(left)
        ray, target = ray[left], target[left]
        if not len(active):
            return proven
    # Halvings, as the bound falls all at once where the curvature wins.
    gap = _gap_beyond(some, ray)
    lo, hi = torch.zeros_like(target), target
    for _ in range(_HALVINGS):
        mid = (lo + hi) / 2
        holds = gap(mid) > 0
        lo, hi = torch.where(holds, mid, lo), torch.where(holds, hi, mid)
    proven[active] = lo
    return proven


def _gap_beyond(
    pairs: Pairs, ray: Tensor, *, rough: bool = False
) -> Callable[[Tensor], Tensor]:
    """Smallest gap on balls, seen from where the `ray` (m, d) leaves them."""

    def bound(eps: Tensor) -> Tensor:
        at = expand(pairs, eps, eps[:, None] * ray)
        return (at.rough if rough else at).lower_bound() - pairs.rounding

    return bound
