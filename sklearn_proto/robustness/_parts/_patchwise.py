"""Patchwise: patches at different positions share the length of a perturbation.

Let the patch at position h move by ``m_h``. The moves of a map of length r have squares
that add up to at most ``r^2`` (times the number of patches that overlap). A prototype
that speaks for the class loses no more similarity than with the patch that was its
best, at position h(k), moved away. One that speaks for the rival gains no more than the
sum over positions of what each patch gains over the best one there was. So the margin
falls by at most ``sum_h g_h(m_h)`` with increasing functions g_h. For any multiplier
``t > 0`` of the squares,

    ``sum_h g_h(m_h) <= t sum_h m_h^2 + sum_h max_m (g_h(m) - t m^2)``,

and whichever multiplier is tried, a move r is harmless if the right side, with ``r^2``
for the sum of squares, is less than the margin. The maximum over m is taken over the
cells of a grid ``m_0 = 0 < m_1 < ...`` up to r or beyond: in ``[m_j, m_j+1]`` it is at
most ``g_h(m_j+1) - t m_j^2``.

Proof in the guide: `parts-patchwise`, after `patch-moves`.
"""

import torch
from torch import Tensor

from sklearn_proto._memory import at_once
from sklearn_proto.robustness._parts._batch import PartBatch
from sklearn_proto.robustness._parts._interval import PartInterval

# Moves on the grid, in units of the interval's, and multipliers of a square of that
# unit, in units of the margin: with the best, moves of the radius take half of it.
_SHORTEST, _LONGEST, _CELLS = 0.1, 6.0, 64
_MULTIPLIERS = [2.0 ** (-0.7 * i) for i in range(11)]


class Patchwise:
    """Largest move whose patchwise shares provably leave the margin positive."""

    name = "patchwise"

    def moves(self, batch: PartBatch) -> Tensor:
        """Lengths (n, S) by which the maps may move before each score catches up."""
        (_, k, q), n_scores = batch.squared.shape, batch.margin_coef.shape[1]
        unit = batch.worst(PartInterval().moves(batch))
        # Infinite where no move does harm.
        found = torch.where(unit.isinf(), unit, 0.0)[:, None].repeat(1, n_scores)
        todo = ((unit > 0) & unit.isfinite()).nonzero().squeeze(1)
        few = at_once(max(k, n_scores) * q * _CELLS)
        for start in range(0, len(todo), few):
            rows = todo[start : start + few]
            found[rows] = _moves(batch.take(rows), unit[rows])
        return found


def _moves(batch: PartBatch, unit: Tensor) -> Tensor:
    ends = unit[:, None] * unit.new_tensor(_cells())
    losses = _losses(batch, ends)
    starts = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], 1)
    squares = starts.square()[:, None, None]
    margin = (batch.margin_coef @ batch.similarities[:, :, None]).squeeze(
        2
    ) + batch.margin_offset
    best = torch.zeros_like(margin)
    for factor in _MULTIPLIERS:
        multiplier = factor * margin.clamp_min(0.0) / unit.square()[:, None]
        left = margin - (losses - multiplier[:, :, None, None] * squares).amax(3).sum(2)
        square = left.clamp_min(0.0) / (multiplier * batch.geometry.overlap)
        best = torch.maximum(best, square.nan_to_num(0.0).sqrt())
    return torch.minimum(best, ends[:, -1:])


def _losses(batch: PartBatch, move: Tensor) -> Tensor:
    """Bounds g (n, S, Q, J) on what each margin loses to moves (n, J) of each patch."""
    before = batch.similarities[:, :, None]
    lost = before - batch.lowest_similarities(batch.closest[:, :, None], move[:, None])
    gained = batch.highest_similarities(batch.squared[..., None], move[:, None, None])
    gained = (gained - before[..., None]).clamp_min_(0.0)
    best = torch.nn.functional.one_hot(batch.squared.argmin(2), batch.squared.shape[2])
    positive_coef, negative_coef = (
        batch.margin_coef.clamp_min(0.0),
        (-batch.margin_coef).clamp_min(0.0),
    )
    lost = best[..., None] * lost[:, :, None]
    return torch.einsum("nsk,nkqj->nsqj", positive_coef, lost) + torch.einsum(
        "nsk,nkqj->nsqj", negative_coef, gained
    )


def _cells() -> list[float]:
    ratio = _LONGEST / _SHORTEST
    return [_SHORTEST * ratio ** (j / (_CELLS - 1)) for j in range(_CELLS)]
