"""Tilted: ``log P - log N >= log P(0) - log sum_j n_j exp(eps |b_j - v|_*)``.

All terms see the same perturbation, so that what the slope v of log P has in common
with a slope b_j of a negative term costs nothing.

Proof in the guide: `tilted`, after `tangent` and `negative-side`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto._functional import lp_distances, lp_norm
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._similarity._certificate import RootFindingCertificate
from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._similarity._quadratic_bound import (
    Expansion,
    expand,
    why_no_deviations,
)
from sklearn_proto.robustness._threat_model._perturbations import (
    Perturbations,
    dual_exponent,
)


class Tilted(RootFindingCertificate):
    """The positive side above its tangent, every negative term on its own.

    With v the slope of the tangent, a negative term ``n_j exp(b_j . delta)`` is at most
    ``exp(v . delta) n_j exp(eps |b_j - v|)`` in the dual norm. Only differences of
    slopes enter, so far less is lost than by moving each distance alone. With one
    positive and one negative term it is the distance to a hyperplane, exactly.
    """

    name = "tilted"
    _rtol, _max_iter = 1e-4, 40

    def why_not_applicable(
        self, view: SimilarityView, perturbations: Perturbations
    ) -> str | None:
        """Say that a tangent distance has no slope of this form."""
        del perturbations
        return why_no_deviations(view)

    def smallest_gap(self, gaps: GapBatch) -> Callable[[Tensor], Tensor]:
        """Return the tilted bound on the log-ratio, as a function of sizes."""
        start = gaps.no_change

        def log_gap(eps: Tensor) -> Tensor:
            # The tangent itself may depend on the size: see `expand`.
            at = expand(gaps, eps, start)
            spread = _dual_distances(at)
            worst = torch.logsumexp(at.negative_terms.log_p + eps[:, None] * spread, 1)
            curved = at.curvature * (gaps.perturbations.lp_to_l2 * eps).square() / 2
            return at.value - worst - curved - at.rounding_error

        return log_gap


def _dual_distances(at: Expansion) -> Tensor:
    """``norm_*(b_j - v)`` of shape (m, K + 1), with ``v = slope + mean``.

    ``b_j - v = c_j (w_j - (a + v / c_j))``: distances from the prototypes to points
    that depend on c_j, so one set of distances for every different width.
    """
    assert at.deviations is not None
    v = at.slope + at.mean
    dual = dual_exponent(at.gaps.perturbations.norm)
    scale = at.deviations.slopes.scale.expand(len(v), -1)
    points = at.deviations.slopes.geometry.points
    out = torch.empty((len(v), len(points) + 1), dtype=v.dtype, device=v.device)
    length = lp_norm(v, dual)
    shared = bool((scale == scale[:, :1]).all())
    for j in range(1) if shared else range(len(points)):
        c = scale[:, j : j + 1]
        rows = torch.where(
            c > 0, at.deviations.slopes.anchor + v / c, torch.zeros_like(v)
        )
        chosen = slice(None) if shared else slice(j, j + 1)
        found = c * lp_distances(rows, points[chosen], dual)
        out[:, :-1][:, chosen] = torch.where(c > 0, found, length[:, None])
    out[:, -1] = length
    return out
