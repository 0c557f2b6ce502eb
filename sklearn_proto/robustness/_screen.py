"""A cheap second-order bound for every rival at once, to leave most of them aside."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_proto._functional import log_growth
from sklearn_proto.robustness._expansion import Slopes
from sklearn_proto.robustness._pairs import Duels, SimilarityBatch
from sklearn_proto.robustness._perturbations import Perturbations

# Sums below this have lost digits to underflow: nothing is concluded from them.
_FAINT = 1e-250


@dataclass(frozen=True)
class Screen:
    """Ingredients of the second-order bound at the rows, for m pairs of a Gaussian.

    Shares are computed from the similarities of the rows, which all pairs of a row have
    in common, instead of in logarithms; the curvature is the norm of the covariance
    of the slopes times a factor for its growth.
    """

    value: Tensor  # log-ratio at the row, -inf where nothing is known
    slope: Tensor  # its gradient (m, d)
    fall: Tensor  # dual norm of the gradient
    variance: Tensor  # norm of the covariance of the negative slopes
    radius: Tensor  # bound on the distance of these slopes from their mean
    share: Tensor  # of the negative constant in the negative side
    growth: float  # exponent of its growth at eps = 1
    rounding: Tensor
    perturbations: Perturbations

    @property
    def estimate(self) -> Tensor:
        """Distance (m,) to the linearised boundary."""
        return (self.value / self.fall.clamp_min(1e-300)).clamp_min(0.0)

    def holds(self, eps: Tensor) -> Tensor:
        """Whether each gap provably stays positive for perturbations of `eps` (m,)."""
        perturbations = self.perturbations
        reach = perturbations.extent * eps
        t = self.radius * reach
        bend = log_growth(t).exp() * self.variance * reach.square()
        # The constant grows by exp(|A delta|^2 / sigma) against all other terms. Its
        # share grows by exp(|r_0| |d|) at most: the sum of the shares never falls.
        share = (self.share * t.exp()).clamp_max(1.0)
        grown = torch.log1p(share * torch.expm1(self.growth * eps.square()))
        fall = perturbations.support(-self.slope, eps)
        return self.value - fall - bend - grown > self.rounding


def screen(batch: SimilarityBatch, duels: Duels) -> Screen:
    """Screen the pairs of `duels`; all widths must be the same."""
    geometry, perturbations, row = batch.geometry, batch.perturbations, duels.row
    view = geometry.view
    pairs = batch.pairs(duels)
    phi = batch.similarities()[row]
    rise, fall = pairs.rise.mul_(phi), pairs.fall.mul_(phi)
    constant = pairs.constant
    up = rise.sum(1) + constant.clamp_min(0.0)
    down = fall.sum(1) + (-constant).clamp_min(0.0)
    known = (up > _FAINT) & (down > _FAINT)
    up, down = up.clamp_min(_FAINT), down.clamp_min(_FAINT)
    p = fall.div_(down[:, None])
    difference = rise.div_(up[:, None]).sub_(p)
    rate = (2.0 / view.widths)[None]
    anchor = geometry.place(batch.z)
    slopes = Slopes(geometry, rate, anchor[row])
    mean = slopes.mean(p)
    length = mean.norm(dim=1)
    last = (-constant).clamp_min(0.0) / down
    farthest = Slopes(geometry, rate, anchor).squared_lengths().amax(1).sqrt()
    value = torch.where(known, (up / down).log(), torch.full_like(up, -torch.inf))
    slope = slopes.mean(difference)
    own = perturbations.take(row)
    return Screen(
        value,
        slope,
        own.support(-slope, torch.ones_like(up)),
        slopes.scatter_norm(p, last, mean, slopes.dot(mean)),
        farthest[row] + length,
        last,
        perturbations.lipschitz**2 / float(view.widths[0]),
        pairs.rounding,
        own,
    )
