"""Interval: ``sum_+ a_k s(u_k + r) + sum_- a_k s(max(0, u_k - r)) + b``.

Every similarity at its worst on its own, for maps that move by r.

Proof in the guide: `parts-interval`.
"""

import torch
from torch import Tensor

from sklearn_proto._functional import last_positive
from sklearn_proto.robustness._parts._batch import PartBatch

# In units of the scale of the row: beyond, every similarity is 0 or 1 to the last
# digit.
_FARTHEST = 1e12


class PartInterval:
    """Largest move at which the sum of the worst cases stays positive.

    The distance of a prototype to the closest patch changes by no more than the map
    moves: a minimum of 1-Lipschitz functions is one. A similarity falls with it.
    """

    name = "interval"

    def moves(self, batch: PartBatch) -> Tensor:
        """Lengths (n, S) by which the maps may move before each score catches up."""
        n, s = batch.margin_coef.shape[:2]
        unit = batch.scale.clamp_min(1.0)[:, None]

        # Moves of any size as numbers in [0, 1), so that the tolerance is relative.
        def moved(share: Tensor) -> Tensor:
            return unit * share / (1.0 - share)

        def gap(share: Tensor) -> Tensor:
            return smallest_gap(batch, moved(share.view(n, s))).flatten()

        last = 1.0 - 1.0 / (1.0 + _FARTHEST)
        share = last_positive(gap, batch.margin_coef.new_full((n * s,), last)).view(
            n, s
        )
        return torch.where(share.isinf(), torch.inf, moved(share.clamp_max(last)))


def smallest_gap(batch: PartBatch, move: Tensor) -> Tensor:
    """Bound (n, S) on the margin of the own score after moves (n, S) of all patches."""
    positive_coef, negative_coef = (
        batch.margin_coef.clamp_min(0.0),
        (-batch.margin_coef).clamp_min(0.0),
    )
    closest, move = batch.closest[:, :, None], move[:, None]
    far = batch.lowest_similarities(closest, move).transpose(1, 2)
    near = batch.highest_similarities(closest, move).transpose(1, 2)
    return (positive_coef * far - negative_coef * near).sum(2) + batch.margin_offset
