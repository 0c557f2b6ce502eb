"""The schedule of a deep fit, as data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

PartLoss = Callable[[Any, Tensor, Tensor], Tensor]
# Starts an iteration over slices of the training rows and their tensors.
RowBatches = Callable[[], Iterator[tuple[slice, Tensor]]]


@dataclass(frozen=True)
class Stage:
    """Epochs in which some groups of parameters learn.

    Parameters
    ----------
    name : str
        For the history.
    epochs : int
        How many.
    rates : dict of str to float
        Learning rate of each group of parameters; all others are frozen.
    losses : tuple of callable
        What is minimised; with several, mini-batches take turns.
    decay : tuple of float and int
        Factor of the learning rates, and after how many epochs it is applied.
    done : int
        Epochs of the same decay that went before.
    views : int
        How often every row is in a mini-batch: all rows once, then all of them again,
        each augmented by itself.
    rising : tuple of callable
        Added to every loss, with a weight that rises to 1 in equal steps, an epoch
        each.
    """

    name: str
    epochs: int
    rates: dict[str, float]
    losses: tuple[PartLoss, ...]
    decay: tuple[float, int] = (1.0, 1)
    done: int = field(default=0)
    views: int = 1
    rising: tuple[PartLoss, ...] = ()

    def factor(self, epoch: int) -> float:
        """Factor of the learning rates in an epoch, counted from 0."""
        gamma, period = self.decay
        return float(gamma ** ((self.done + epoch) // period))
