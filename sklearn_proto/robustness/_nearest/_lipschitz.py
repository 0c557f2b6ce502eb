"""Bounds from how fast single distances can change: sound for every metric."""

import torch
from torch import Tensor

from sklearn_proto.robustness._nearest._rival_batch import RivalBatch


def lipschitz_bounds(batch: RivalBatch, constants: Tensor) -> Tensor:
    """``max_i (d_j - d_i) / (L_i + L_j)`` (m, R) over the own prototypes.

    Parameters
    ----------
    batch : RivalBatch
        Rows and prototypes.
    constants : Tensor of shape (K,)
        Lipschitz constants of the distances.
    """
    a, b = constants[batch.own], constants[batch.rivals, None]
    both = (a + b) * (1 + 1e-12)
    kind = batch.geometry.kind
    gap = batch.every_gap() if kind == "manhattan" else _lengths(batch, a / both)
    return (gap.clamp_min(0.0) / both).nan_to_num(0.0, torch.inf).amax(2)


def _lengths(batch: RivalBatch, share: Tensor) -> Tensor:
    """Differences (m, R, q) of lengths that rounding of their squares cannot undo.

    At the row the difference of the squares is divided by the largest sum of the
    lengths. At the perturbed row the squares must differ by the error of both: lengths
    that add up to s differ by that over s, and at least by its root. There s is no less
    than what is left of the rival's length, which is `share` (R, q) of it.
    """
    error = batch.rounding[:, None, None]
    own = batch.distances[:, None, batch.own]
    rival = batch.distances[:, batch.rivals, None]
    longest = (own + error).sqrt() + (rival + error).sqrt()
    left = share * (rival - error).clamp_min(0.0).sqrt()
    there = torch.minimum((2 * error).sqrt(), 2 * error / left)
    return (rival - own - 2 * error) / longest - there
