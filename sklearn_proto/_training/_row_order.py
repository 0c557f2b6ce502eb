"""The order of rows by their values alone, in little memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Columns that are looked at together: rows of many more are seldom tied beyond them.
_COLUMNS = 64


def ranks_of_rows(X: NDArray[Any], y: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rank the pairs of label and row by their bytes; equal pairs share a rank.

    A rank is the number of pairs before. Numbers count as float64, so that the order
    does not depend on the precision of `X`, but never more than a few columns, and of
    those only the rows that are still tied.
    """
    ranks = _refined(np.zeros(len(y), dtype=np.intp), y.astype(np.int64)[:, None])
    for start in range(0, X.shape[1], _COLUMNS):
        tied = np.flatnonzero(np.bincount(ranks)[ranks] > 1)
        if not len(tied):
            break
        # Adding 0.0 turns -0.0 into 0.0, so that equal rows have equal bytes.
        block = X[tied, start : start + _COLUMNS].astype(np.float64) + 0.0
        ranks[tied] = _refined(ranks[tied], block)
    return ranks


def _refined(ranks: NDArray[np.intp], block: NDArray[Any]) -> NDArray[np.intp]:
    """Break ties of ranks (m,) by the bytes of what comes next (m, columns)."""
    width = block.dtype.itemsize * block.shape[1]
    # Bytes compare as big-endian numbers do.
    keys = np.empty(len(ranks), dtype=[("rank", ">u8"), ("next", np.void, width)])
    keys["rank"] = ranks
    keys["next"] = np.ascontiguousarray(block).view(np.dtype((np.void, width))).ravel()
    distinct, inverse, counts = np.unique(
        keys.view(np.dtype((np.void, width + 8))),
        return_inverse=True,
        return_counts=True,
    )
    before = np.cumsum(counts) - counts
    old = distinct.view(keys.dtype)["rank"].astype(np.intp)
    _, group = np.unique(old, return_index=True)
    first = group[np.searchsorted(old[group], old)]
    found: NDArray[np.intp] = (old + before - before[first])[inverse.ravel()]
    return found
