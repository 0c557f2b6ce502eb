"""A cheap second-order bound for every rival at once, to leave most of them aside."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_proto._functional import growth
from sklearn_proto.robustness._pairs import SimilarityBatch
from sklearn_proto.robustness._perturbations import Perturbations

# Sums below this have lost digits to underflow: nothing is concluded from them.
_FAINT = 1e-250


@dataclass(frozen=True)
class Screen:
    """Ingredients of the second-order bound at the rows, for m pairs of a Gaussian.

    The curvature is the trace of the covariance of the slopes, times a factor for its
    growth.
    """

    value: Tensor  # log-ratio at the row, -inf where nothing is known
    slope: Tensor  # its gradient (m, d)
    variance: Tensor  # trace of the covariance of the negative slopes
    radius: Tensor  # bound on the distance of these slopes from their mean
    share: Tensor  # of the negative constant in the negative side
    growth: float  # exponent of its growth at eps = 1
    rounding: Tensor
    perturbations: Perturbations

    @property
    def estimate(self) -> Tensor:
        """Distance (m,) to the linearised boundary."""
        fall = self.perturbations.support(-self.slope, torch.ones_like(self.value))
        return (self.value / fall.clamp_min(1e-300)).clamp_min(0.0)

    def holds(self, eps: Tensor) -> Tensor:
        """Whether each gap provably stays positive for perturbations of `eps` (m,)."""
        perturbations = self.perturbations
        reach = perturbations.extent * eps
        t = self.radius * reach
        bend = growth(t) * self.variance * reach.square()
        # The constant grows by exp(|A delta|^2 / sigma) against all other terms. Its
        # share grows by exp(|r_0| |d|) at most: the sum of the shares never falls.
        share = (self.share * t.exp()).clamp_max(1.0)
        grown = torch.log1p(share * torch.expm1(self.growth * eps.square()))
        fall = perturbations.support(-self.slope, eps)
        return self.value - fall - bend - grown > self.rounding


def screen(batch: SimilarityBatch) -> Screen:
    """Screen the pairs of ``batch.duels()``; all widths must be the same.

    Rows of one class meet the same rivals with the same weights, so that sums over the
    prototypes are products of matrices.
    """
    geometry, perturbations = batch.geometry, batch.perturbations
    width = float(batch.view.widths[0])
    rate = 2.0 / width
    points, anchor = rate * geometry.points, rate * geometry.place(batch.z)
    lengths = torch.cdist(anchor, points).square()
    phi = batch.similarities()
    shape = len(batch), batch.n_duels
    value, variance, radius, share = batch.z.new_empty(4, *shape)
    slope = batch.z.new_empty(*shape, points.shape[1])
    for rows, weights, constant in batch.by_class():
        seen, squares, a = phi[rows], lengths[rows], anchor[rows][:, None]
        helps, harms = weights.clamp_min(0.0), (-weights).clamp_min(0.0)
        free, lost = constant.clamp_min(0.0), (-constant).clamp_min(0.0)
        up, down = seen @ helps.T + free, seen @ harms.T + lost
        known = (up > _FAINT) & (down > _FAINT)
        up, down = up.clamp_min(_FAINT), down.clamp_min(_FAINT)
        last = lost / down
        terms = seen[:, None] * weights
        rising = terms @ points
        mean = terms.clamp_max_(0.0) @ points
        rising.sub_(mean).div_(up[..., None]).sub_((1 - free / up)[..., None] * a)
        mean.div_(-down[..., None]).sub_((1 - last)[..., None] * a)
        length = mean.square().sum(-1)
        spread = (seen * squares) @ harms.T / down
        value[rows] = torch.where(known, (up / down).log(), -torch.inf)
        # The difference may cancel: the last term covers what rounding took.
        variance[rows] = (spread - length).clamp_min(0.0) + 1e-12 * spread
        radius[rows] = squares.amax(1, keepdim=True).sqrt() + length.sqrt()
        share[rows] = last
        slope[rows] = rising.sub_(mean)
    repeated = torch.arange(shape[0], device=phi.device).repeat_interleave(shape[1])
    return Screen(
        value.flatten(),
        slope.flatten(0, 1),
        variance.flatten(),
        radius.flatten(),
        share.flatten(),
        perturbations.lipschitz**2 / width,
        batch.rounding[repeated],
        perturbations.take(repeated),
    )
