"""Trace bound: ``log P - log N >= G - h(-g) - log(1 + sum_j p_j (e^t_j - 1 - t_j))``.

With ``t_j = E eps |r_j|``. That is the second-order bound with the trace of the
scatter in the place of its norm, cheap enough for every rival at once: most need no
other proof.

Proof in the guide: `trace-bound`, `largest-step-1`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._memory import CORE, at_once
from sklearn_proto.robustness._similarity._gaps import SimilarityBatch
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


@dataclass(frozen=True)
class TraceBound:
    """Second-order bounds at n rows of a class, for r gaps each, from a trace.

    The trace of the scatter of the negative slopes stands in the place of F, in the
    notation of `Expansion`.
    """

    value: Tensor  # log-ratio (n, r) at the row, -inf where nothing is known
    slope: Tensor  # its gradient (n, r, d)
    p: Tensor  # shares (n, r, K) of the negative terms
    norms: Tensor  # |r_j| (n, r, K)
    last: Tensor  # share (n, r) of the negative constant
    last_norm: Tensor  # |r_0| (n, r), or more
    kept: float  # exponent of its growth at eps = 1, against all other terms
    rounding: Tensor  # (n,), what it may add to the bound
    drift: Tensor  # (n,), and how much more for perturbations of size 1
    perturbations: Perturbations

    @cached_property
    def _steepest_decrease(self) -> Tensor:
        """Largest decrease (n, r) of the tangent for perturbations of size 1."""
        return self._support(torch.ones_like(self.rounding))

    def estimates(self) -> Tensor:
        """Distances (n, r) to the linearised boundaries."""
        tiny = torch.finfo(self._steepest_decrease.dtype).tiny
        return (self.value / self._steepest_decrease.clamp_min(tiny)).clamp_min(0.0)

    def holds(self, eps: Tensor) -> Tensor:
        """Whether each gap (n, r) provably stays positive, for sizes `eps` (n,).

        With ``t_j = E eps |r_j|``, the largest value of ``r_j . delta``, the trace of
        the scatter times ``(E eps)^2`` is ``sum_j p_j (e^t_j - 1 - t_j)``.
        """
        reach = self.perturbations.lp_to_l2 * eps[:, None]
        t = reach[..., None] * self.norms
        curvature = t.exp().sub_(1.0).sub_(t).mul_(self.p).sum(-1)
        t = reach * self.last_norm
        curvature += self.last * (torch.expm1(t) - t)
        # The sum of the shares never falls, so that of the constant grows by exp(t).
        share = (self.last * t.exp()).clamp_max(1.0)
        constant_growth = torch.log1p(
            share * torch.expm1(self.kept * eps.square())[:, None]
        )
        free = self.perturbations.box_slack is None
        decrease = (
            self._steepest_decrease * eps[:, None] if free else self._support(eps)
        )
        minimum_bound = self.value - decrease - torch.log1p(curvature) - constant_growth
        return minimum_bound > torch.addcmul(self.rounding, self.drift, eps)[:, None]

    def _support(self, eps: Tensor) -> Tensor:
        n, r, _ = self.slope.shape
        rows = torch.arange(n, device=eps.device).repeat_interleave(r)
        every = self.perturbations.take(rows)
        return every.support(-self.slope.flatten(0, 1), eps[rows]).view(n, r)


def trace_bounds(batch: SimilarityBatch) -> Iterator[TraceBound]:
    """Bound the gaps of ``batch.gap_index()``, rows in their `SimilarityBatch.order`.

    All widths must be the same. Rows that are alike meet the same rivals with the same
    weights, so that sums over the prototypes are products of matrices.
    """
    geometry, perturbations = batch.geometry, batch.perturbations
    width, rate = float(geometry.widths[0]), float(geometry.rate)
    points, anchor = rate * geometry.points, rate * batch.anchor
    phi = batch.similarities()
    k, d = points.shape
    dtype = torch.finfo(points.dtype)
    # What rounding may take from a difference of squares.
    up = 1.0 + geometry.rounding
    own = up * points.square().sum(1)
    # The rounding of `Expansion`, whatever the shares. Errors of t_j and of their sum
    # are like those of slopes.
    farthest = points.norm(dim=1).max() + 2.0 * anchor.norm(dim=1)
    unit = dtype.eps / 2
    largest = batch.exponents.abs().amax(1) + batch.level.abs()
    rounding = batch.rounding + unit * (2.0 * largest + 4.0 * (k + 8))
    drift = unit * 4.0 * (d + k + 8) * perturbations.lp_to_l2 * farthest
    # Sums below this have lost digits to underflow: nothing is concluded from them. And
    # a term that underflowed may be the one that grows most: it never counts less.
    faint = dtype.tiny**0.8
    for alike, weights, constant in batch.rows_by_gaps():
        harms, negative_constant = (-weights).clamp_min(0.0), (-constant).clamp_min(0.0)
        helps, free = weights.clamp_min(0.0), constant.clamp_min(0.0)
        # Net weights are at most 4.
        smallest_term = 4.0 * dtype.tiny * (harms > 0).to(harms)
        for rows in torch.split(alike, at_once(len(weights) * k, CORE)):
            seen, a = phi[rows], anchor[rows][:, None]
            positive_sum, negative_sum = (
                seen @ helps.T + free,
                seen @ harms.T + negative_constant,
            )
            known = (positive_sum > faint) & (negative_sum > faint)
            positive_sum, negative_sum = (
                positive_sum.clamp_min(faint),
                negative_sum.clamp_min(faint),
            )
            last, over_positive, over_negative = (
                negative_constant / negative_sum,
                1.0 / positive_sum,
                1.0 / negative_sum,
            )
            terms = seen[:, None] * weights
            p = terms.clamp_max(0.0)
            balance = terms.sub_(p).mul_(over_positive[..., None])
            balance.addcmul_(p, over_negative[..., None])
            slope = balance @ points
            slope.addcmul_((free / positive_sum - last)[..., None], a)
            p.sub_(smallest_term).mul_(-over_negative[..., None])
            # As in `Deviations`, around u + c a.
            around = (p @ points).addcmul_(last[..., None], a)
            square = around.square().sum(-1, keepdim=True)
            squares = (around @ points.T).mul_(-2.0).add_(own).add_(square, alpha=up)
            yield TraceBound(
                value=torch.where(
                    known, (positive_sum / negative_sum).log(), -torch.inf
                ),
                slope=slope,
                p=p,
                norms=squares.clamp_min_(0.0).sqrt_(),
                last=last,
                last_norm=square.sqrt().squeeze(-1) + a.norm(dim=-1),
                kept=perturbations.lipschitz**2 / width,
                rounding=rounding[rows],
                drift=drift[rows],
                perturbations=perturbations.take(rows),
            )
