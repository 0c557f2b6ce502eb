"""Vertices of the l1 ball: ``log P - log N >= min_i,+- (T - log N)(+-eps e_i)``.

T is a tangent of log P. A convex function, as ``log N - T`` is, is largest at a vertex.

Proof in the guide: `vertices`, `best-tangent`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto._memory import CORE, at_once
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._similarity._certificate import RootFindingCertificate
from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._similarity._quadratic_bound import moved_terms
from sklearn_proto.robustness._threat_model._perturbations import (
    Perturbations,
    fractional_knapsack,
)

# Tangents that are tried: the first touches at the row.
_TANGENTS = 17


class Vertices(RootFindingCertificate):
    """The positive side above a tangent, the negative side at every vertex of the ball.

    An l1 ball is the convex hull of two perturbations of each feature, and for Gaussian
    kernels log N is convex: log N less a linear function is nowhere larger than at one
    of them. So nothing is lost but what the tangent of log P loses. Any tangent gives a
    proof. The best one touches at a mean of vertices that are equally bad, which the
    mean of those that were the worst so far approaches (fictitious play).
    """

    name = "vertices"
    _rtol, _max_iter = 1e-4, 40

    def why_not_applicable(
        self, view: SimilarityView, perturbations: Perturbations
    ) -> str | None:
        """Say that it takes few vertices and a negative side that is log-convex."""
        if perturbations.norm != 1:
            return f"with norm={perturbations.norm:g} the ball has too many vertices"
        if view.metric != "sqeuclidean":
            return f"with metric={view.metric!r} the negative side is not log-convex"
        return None

    def smallest_gap(self, gaps: GapBatch) -> Callable[[Tensor], Tensor]:
        """Return the smallest log-ratio at the vertices, less its rounding."""

        def log_gap(eps: Tensor) -> Tensor:
            rounding_error = gaps.rounding + _rounding(gaps, eps)
            return _smallest_log_ratio(gaps, eps) - rounding_error

        return log_gap


def _smallest_log_ratio(gaps: GapBatch, eps: Tensor) -> Tensor:
    """Bound it from below (m,), for perturbations of `eps` (m,)."""
    step = torch.stack([eps, -eps], 1)[:, :, None]
    at_row, growth = _negative_side(gaps, step)
    limits = _share_limits(gaps.perturbations, eps)
    bound = torch.full_like(eps, -torch.inf)
    at = gaps.no_change
    for tried in range(1, _TANGENTS + 1):
        height, slope = _tangent(gaps, at)
        loss = torch.addcmul(growth, step, slope[:, None], value=-1.0).flatten(1)
        worst_loss, worst = _most_lost(loss, limits)
        bound = torch.fmax(bound, height - at_row - worst_loss)
        at = torch.lerp(at, _vertex(worst, eps, at), 1.0 / (tried + 1))
    return bound


def _negative_side(gaps: GapBatch, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Log N at the row (m,), and its growth (m, 2, d) from there to the vertices.

    In those one feature changes by either of the `steps` (m, 2, 1). Up to the factor
    that all terms share, as in `moved_terms`.
    """
    logs = gaps.exponents + gaps.negative_weights.log()
    constant = (-gaps.constant).clamp_min(0.0).log() - gaps.level
    at_row = torch.logaddexp(torch.logsumexp(logs, 1), constant)
    geometry, anchor = gaps.geometry, gaps.anchor
    slopes = (geometry.rate[:, None] * geometry.points).T
    few = at_once(2 * slopes.numel(), CORE)
    every = torch.arange(len(gaps), device=anchor.device)
    growth = []
    for some in torch.split(every, few):
        step = steps[some]
        square = step.square() * gaps.perturbations.squared_columns
        common = 2.0 * step * anchor[some, None] + square
        moved = logs[some, None, None] + step[..., None] * slopes
        if not gaps.view.same_width:
            moved += geometry.leftover * common[..., None]
        last = constant[some, None, None] + geometry.reference * common
        found = torch.logaddexp(torch.logsumexp(moved, 3), last)
        growth.append(found - at_row[some, None, None])
    # Where nothing harms nothing grows; what else is not a number is unknown.
    nothing = at_row.isneginf()[:, None, None]
    return at_row, torch.cat(growth).nan_to_num_(torch.inf).masked_fill_(nothing, 0.0)


def _tangent(gaps: GapBatch, at: Tensor) -> tuple[Tensor, Tensor]:
    """Value at the row (m,) and slope (m, d) of the tangent of log P at `at` (m, d)."""
    geometry, perturbations = gaps.geometry, gaps.perturbations
    moved = perturbations.apply(at)
    change = moved_terms(gaps, at, moved.square().sum(1))
    of_constant = change.of_constant + gaps.constant.clamp_min(0.0).log()
    logs = torch.cat(
        [change.exponents + gaps.positive_weights.log(), of_constant[:, None]], 1
    )
    q = torch.softmax(logs, 1).nan_to_num(0.0)
    q, last = q[:, :-1], q[:, -1]
    free = 2.0 * (q @ geometry.leftover + geometry.reference * last)
    slope = (q * geometry.rate) @ geometry.points
    slope += free[:, None] * (gaps.anchor + perturbations.adjoint(moved))
    return torch.logsumexp(logs, 1) - (slope * at).sum(1), slope


def _share_limits(perturbations: Perturbations, eps: Tensor) -> Tensor | None:
    """Share (m, 2 d) of the way to each vertex that is inside the bounds."""
    if perturbations.box_slack is None:
        return None
    down, up = perturbations.box_slack
    tiny = torch.finfo(eps.dtype).tiny
    return torch.cat([up, down], 1) / eps.clamp_min(tiny)[:, None]


def _most_lost(loss: Tensor, limits: Tensor | None) -> tuple[Tensor, Tensor]:
    """Largest mean (m,) of losses (m, 2 d) at the vertices and 0, and the worst vertex.

    Within bounds the share of each vertex is limited.
    """
    if limits is None:
        most, worst = loss.max(1)
        return most.clamp_min(0.0), worst
    loss = loss.clamp_min(0.0)
    most = fractional_knapsack(loss, limits, torch.ones_like(loss[:, 0]))
    return most, (loss * limits.clamp_max(1.0)).argmax(1)


def _vertex(index: Tensor, eps: Tensor, like: Tensor) -> Tensor:
    """Vertices (m, d) by their index (m,): the d positive ones come first."""
    d = like.shape[1]
    size = torch.where(index < d, eps, -eps)
    return torch.zeros_like(like).scatter_(1, (index % d)[:, None], size[:, None])


def _rounding(gaps: GapBatch, eps: Tensor) -> Tensor:
    """Bound what rounding may add (m,): that of exponents, of their sums and slopes."""
    geometry = gaps.geometry
    k, d = geometry.points.shape
    anchor, reach = gaps.anchor.norm(dim=1), gaps.perturbations.lipschitz * eps
    common = geometry.reference * (2.0 * eps * anchor + reach.square())
    exponents = gaps.exponents.abs().amax(1) + gaps.level.abs()
    size = exponents + eps * geometry.lengths.max() + common + 1.0
    found: Tensor = 4.0 * (k + d + 16) * torch.finfo(size.dtype).eps * size
    return found
