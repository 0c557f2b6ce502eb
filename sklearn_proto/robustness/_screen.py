"""A cheap second-order bound for every rival at once, to leave most of them aside."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_proto.robustness._expansion import Slopes
from sklearn_proto.robustness._pairs import Batch, Duels

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
    growth: Tensor  # factor of eps^2 for a negative constant
    rounding: Tensor
    extent: float

    @property
    def estimate(self) -> Tensor:
        """Distance (m,) to the linearised boundary."""
        return (self.value / self.fall.clamp_min(1e-300)).clamp_min(0.0)

    def holds(self, eps: Tensor) -> Tensor:
        """Whether each gap provably stays positive for perturbations of `eps` (m,)."""
        reach = self.extent * eps
        t = (self.radius * reach).clamp_min(1e-3)
        # 2 psi, which is 1 at 0 and grows.
        factor = 2.0 * (torch.expm1(t) - t) / t.square()
        bend = factor * self.variance * reach.square() / 2 + self.growth * eps.square()
        return self.value - eps * self.fall - bend > self.rounding


def screen(batch: Batch, duels: Duels) -> Screen:
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
    return Screen(
        value,
        slope,
        perturbations.take(row).support(-slope, torch.ones_like(up)),
        slopes.scatter_norm(p, last, mean, slopes.dot(mean)),
        farthest[row] + length,
        torch.where(constant < 0, perturbations.lipschitz**2 / view.widths[0], 0.0),
        pairs.rounding,
        perturbations.extent,
    )
