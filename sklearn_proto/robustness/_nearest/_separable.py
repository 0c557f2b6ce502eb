"""Sums of absolute values, feature by feature."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_proto._functional import last_positive, lp_norm
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._nearest._rivals import smallest_over_rivals
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


def is_separable(batch: RivalBatch) -> bool:
    """Whether every feature moves one term of the distance, and no other."""
    geometry = batch.geometry
    matrix = batch.perturbations.matrix
    diagonal = matrix is None or matrix.ndim == 1
    return geometry.kind == "manhattan" and geometry.view.omega is None and diagonal


def separable_radius(batch: RivalBatch, lower: Tensor) -> Tensor:
    """Radii (m,), at least as large as the smallest of the lower bounds (m, R)."""

    def bound(rows: Tensor, rivals: Tensor) -> Tensor:
        best = lower[rows, rivals]
        gaps = batch.gaps(rows, rivals)
        for i in range(len(batch.own)):
            found = decrease_towards(batch, rows, rivals, i).reach(gaps[:, i])
            best = torch.maximum(best, found)
        return best

    size = 12 * batch.perturbations.n_features
    return smallest_over_rivals(lower, bound, size=size).radius


@dataclass(frozen=True)
class PiecewiseLinearDecrease:
    """How much each feature can take from the margin of one own prototype.

    Parameters
    ----------
    norm : float
        The p of the norm.
    idle, rate : Tensor of shape (B, d)
        How far a feature of the perturbation moves before it takes anything, and how
        fast it does from there.
    width, total : Tensor of shape (B, d)
        How far it moves until it has taken all it can, and how much that is.
    """

    norm: float
    idle: Tensor
    rate: Tensor
    width: Tensor
    total: Tensor

    def reach(self, gap: Tensor) -> Tensor:
        """Size (B,) below which no perturbation takes all of the gap (B,)."""
        if self.norm == 1:
            return self._dearest_last(gap)
        taken = self._everywhere if self.norm == math.inf else self._below_chords
        far = lp_norm(self.width, self.norm)
        return last_positive(lambda eps: gap - taken(eps), far, rtol=1e-9)

    def _everywhere(self, eps: Tensor) -> Tensor:
        """Take from every feature at once, as far as `eps` and its width let it."""
        moved = torch.minimum(eps[:, None], self.width) - self.idle
        return (self.rate * moved.clamp_min(0.0)).sum(1)

    def _below_chords(self, eps: Tensor) -> Tensor:
        """Bound what can be taken by chords from 0 to where all has been taken."""
        count = self.width.shape[1]
        ball = Perturbations(self.norm, count, None, (self.width, self.width))
        return ball.support(self._chords, eps)

    def _dearest_last(self, gap: Tensor) -> Tensor:
        """Spend a budget of the l1 norm on the steepest chords first."""
        slope, order = self._chords.sort(1, descending=True)
        total, width = self.total.gather(1, order), self.width.gather(1, order)
        before = total.cumsum(1) - total
        share = ((gap[:, None] - before) / slope).nan_to_num(0.0)
        spent = torch.minimum(share.clamp_min(0.0), width).sum(1)
        found = torch.where(gap > self.total.sum(1), torch.inf, spent)
        return found.masked_fill(gap <= 0, 0.0)

    @property
    def _chords(self) -> Tensor:
        return (self.total / self.width).nan_to_num(0.0)


def decrease_towards(
    batch: RivalBatch, rows: Tensor, rivals: Tensor, i: int
) -> PiecewiseLinearDecrease:
    """Decrease of the margin over rivals (B,) of the own prototype counted `i`.

    The part of a feature in ``d_j - d_i`` is ``|y - w_j| - |y - w_i|``: constant until
    y has come to w_i, then falling at rate 2 until w_j, then constant again.
    """
    view, given = batch.geometry.view, batch.perturbations.take(rows)
    w = view.tensor(view.prototypes)
    own, rival = w[batch.own[i]], w[batch.rivals[rivals]]
    towards = (rival - own).sign()
    travelled = (batch.z[rows] - own) * towards
    a = torch.ones_like(own) if given.matrix is None else given.matrix
    rate = (2.0 * a.abs()).expand_as(travelled)
    left = ((rival - own).abs() - travelled.clamp_min(0.0)).clamp_min(0.0)
    idle = (-travelled).clamp_min(0.0) / a.abs()
    width = idle + left / a.abs()
    if given.box_slack is not None:
        down, up = given.box_slack
        width = torch.minimum(width, torch.where(towards * a > 0, up, down))
    # Features that cannot take anything, since they are frozen or beyond the rival.
    useless = (rate == 0) | (left == 0) | (width <= idle)
    idle, width = idle.masked_fill(useless, 0.0), width.masked_fill(useless, 0.0)
    return PiecewiseLinearDecrease(
        norm=given.norm, idle=idle, rate=rate, width=width, total=rate * (width - idle)
    )
