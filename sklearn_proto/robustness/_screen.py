"""A cheap second-order bound for every rival at once, to leave most of them aside."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_proto._functional import log_growth
from sklearn_proto.robustness._pairs import SimilarityBatch
from sklearn_proto.robustness._perturbations import Perturbations

# Sums below this have lost digits to underflow: nothing is concluded from them.
_FAINT = 1e-250
# An underflowed share may belong to the term that grows most: it never counts less.
_LEAST_SHARE = 1e-280
# What rounding may take from the difference of squares.
_ROUNDED_UP = 1 + 1e-14


@dataclass(frozen=True)
class Screen:
    """The second-order bound around n rows of a class, for their r pairs with rivals.

    With the trace of the scatter of the negative slopes, in the notation of
    `Expansion`.
    """

    value: Tensor  # log-ratio (n, r) at the row, -inf where nothing is known
    slope: Tensor  # its gradient (n, r, d)
    p: Tensor  # shares (n, r, K) of the negative terms
    squares: Tensor  # |r_j|^2 (n, r, K)
    last: Tensor  # share (n, r) of the negative constant
    last_square: Tensor  # |r_0|^2 (n, r)
    kept: float  # exponent of its growth at eps = 1, against all other terms
    rounding: Tensor  # (n,)
    perturbations: Perturbations

    def estimates(self) -> Tensor:
        """Distances (n, r) to the linearised boundaries."""
        fall = self._fall(torch.ones_like(self.rounding))
        return (self.value / fall.clamp_min(1e-300)).clamp_min(0.0)

    def holds(self, eps: Tensor) -> Tensor:
        """Whether each gap (n, r) provably stays positive, for sizes `eps` (n,)."""
        reach = self.perturbations.extent * eps[:, None]
        moving = self.p * log_growth(reach[..., None] * self.squares.sqrt()).exp_()
        t = reach * self.last_square.sqrt()
        scatter = (moving * self.squares).sum(-1)
        scatter += self.last * log_growth(t).exp() * self.last_square
        bend = torch.log1p(reach.square() * scatter)
        # The sum of the shares never falls, so that of the constant grows by exp(t).
        share = (self.last * t.exp()).clamp_max(1.0)
        grown = torch.log1p(share * torch.expm1(self.kept * eps.square())[:, None])
        least = self.value - self._fall(eps) - bend - grown
        return least > self.rounding[:, None]

    def _fall(self, eps: Tensor) -> Tensor:
        n, r, _ = self.slope.shape
        rows = torch.arange(n, device=eps.device).repeat_interleave(r)
        every = self.perturbations.take(rows)
        return every.support(-self.slope.flatten(0, 1), eps[rows]).view(n, r)


def screen(batch: SimilarityBatch) -> Iterator[Screen]:
    """Screen the pairs of ``batch.duels()``, of rows in the order of their classes.

    All widths must be the same. Rows of one class meet the same rivals with the same
    weights, so that sums over the prototypes are products of matrices.
    """
    geometry, perturbations = batch.geometry, batch.perturbations
    width = float(batch.view.widths[0])
    rate = 2.0 / width
    points, anchor = rate * geometry.points, rate * geometry.place(batch.z)
    own, phi = _ROUNDED_UP * points.square().sum(1), batch.similarities()
    for rows, weights, constant in batch.by_class():
        seen, a = phi[rows], anchor[rows][:, None]
        harms, lost = (-weights).clamp_min(0.0), (-constant).clamp_min(0.0)
        free = constant.clamp_min(0.0)
        up, down = seen @ weights.clamp_min(0.0).T + free, seen @ harms.T + lost
        known = (up > _FAINT) & (down > _FAINT)
        up, down = up.clamp_min(_FAINT), down.clamp_min(_FAINT)
        last = lost / down
        terms = seen[:, None] * weights
        slope = terms @ points
        p = terms.clamp_max_(0.0).div_(-down[..., None])
        inner = p @ points
        slope.addcmul_(inner, down[..., None]).div_(up[..., None])
        slope -= (1 - free / up)[..., None] * a
        mean = inner - (1 - last)[..., None] * a
        slope -= mean
        p += _LEAST_SHARE * (harms > 0)
        # As in `Deviations`: |r_j|^2 = c^2 |w_j|^2 + 2 gamma_j.
        around = mean + a
        squares = own + _ROUNDED_UP * around.square().sum(-1, keepdim=True)
        squares.sub_(2.0 * (around @ points.T)).clamp_min_(0.0)
        yield Screen(
            torch.where(known, (up / down).log(), -torch.inf),
            slope,
            p,
            squares,
            last,
            mean.square().sum(-1),
            perturbations.lipschitz**2 / width,
            batch.rounding[rows],
            perturbations.take(rows),
        )
