"""The rivals of a row, in the order in which they can decide its radius."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._memory import at_once


class Decided(NamedTuple):
    """Radii (m,), and which rival decides each; -1 where none does."""

    radius: Tensor
    rival: Tensor

    @property
    def rows(self) -> Tensor:
        """Rows that are not on a boundary already and that some rival can reach."""
        return ((self.radius > 0) & self.radius.isfinite()).nonzero().squeeze(1)


def smallest_over_rivals(
    lower: Tensor,
    bound: Callable[[Tensor, Tensor], Tensor],
    *,
    size: int,
    widest: int = 16,
) -> Decided:
    """Smallest over the rivals of a bound that costs more than a lower one.

    Rivals come in ascending order of the lower bound. Once that exceeds the best value
    of a row, no other rival can lower it.

    Parameters
    ----------
    lower : Tensor of shape (m, R)
        A lower bound on each of the other bounds.
    bound : callable
        Maps rows (B,) and rivals (B,) to bounds (B,).
    size : int
        Numbers that the bound holds for each pair.
    widest : int
        Rivals of a row to look at in one go; these double up to here.

    Returns
    -------
    Decided
        Infinite radii where every lower bound is infinite.
    """
    ascending, order = lower.sort(1)
    # There may be no rival at all.
    best = lower.new_full(lower.shape[:1], torch.inf)
    decider = order.new_full(lower.shape[:1], -1)
    start, width = 0, 1
    while start < lower.shape[1]:
        open_ = ascending[:, start : start + width] < best[:, None]
        rows, places = open_.nonzero(as_tuple=True)
        if not len(rows):
            break
        rivals = order[rows, start + places]
        step = at_once(size)
        for first in range(0, len(rows), step):
            some = slice(first, first + step)
            found = bound(rows[some], rivals[some])
            best = best.scatter_reduce(0, rows[some], found, "amin")
            decides = found == best[rows[some]]
            decider[rows[some][decides]] = rivals[some][decides]
        start, width = start + width, min(2 * width, widest)
    return Decided(best, decider)
