"""Who wins among concepts and among classes."""

from typing import NamedTuple

import torch
from torch import Tensor


class Rival(NamedTuple):
    """The best class other than the given one, for each of n rows."""

    values: Tensor  # (n,)
    indices: Tensor  # (n,)


def best_of_class(scores: Tensor) -> Tensor:
    """Class scores (n, C): the best of each class's concepts, from (n, C, q)."""
    return scores.squeeze(-1) if scores.shape[-1] == 1 else scores.amax(-1)


def best_rival(scores: Tensor, y: Tensor) -> Rival:
    """Score and class of the best class other than ``y``, each of shape (n,)."""
    own = torch.nn.functional.one_hot(y, scores.shape[1]).bool()
    best = scores.masked_fill(own, -torch.inf).max(1)
    return Rival(best.values, best.indices)
