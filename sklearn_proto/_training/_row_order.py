"""The order of rows and of columns by their values alone, in little memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Columns that are looked at together: rows of many more are seldom tied beyond them.
_COLUMNS = 64
_SIGN = np.uint64(1 << 63)


def ranks_by_bytes(X: NDArray[Any], y: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rank the pairs of label and row by their bytes; equal pairs share a rank."""
    labels = y.astype(np.uint64).byteswap()
    return _ranks(
        X, labels, np.arange(X.shape[1]), lambda block: _bits(block).byteswap()
    )


def ranks_by_numbers(
    X: NDArray[Any], y: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Rank them by their numbers, of which the first of the `columns` count most."""
    return _ranks(X, y.astype(np.uint64), columns, _sortable)


def _ranks(
    X: NDArray[Any],
    labels: NDArray[np.uint64],
    columns: NDArray[np.intp],
    keys: Callable[[NDArray[Any]], NDArray[np.uint64]],
) -> NDArray[np.intp]:
    """Count the pairs before each.

    Numbers count as float64, so that the order does not depend on the precision of `X`,
    but never more than a few columns, and of those only the rows that are still tied.
    """
    ranks = _refined(np.zeros(len(labels), dtype=np.intp), labels[:, None])
    for start in range(0, len(columns), _COLUMNS):
        tied = np.flatnonzero(np.bincount(ranks)[ranks] > 1)
        if not len(tied):
            break
        block = X[np.ix_(tied, columns[start : start + _COLUMNS])]
        ranks[tied] = _refined(ranks[tied], keys(block))
    return ranks


def column_order(X: NDArray[Any], y: NDArray[np.intp]) -> NDArray[np.intp]:
    """Order of the columns by their sums, and sums of squares, within the classes.

    Sorted before they are added up, so that the order of the rows does not matter.
    Columns that agree in all of them, such as copies, stay as they are.
    """
    # A power of two changes no digit and keeps squares from overflowing.
    largest = max(-float(X.min(initial=0)), float(X.max(initial=0)))
    _, exponent = np.frexp(largest)
    classes = [np.flatnonzero(y == c) for c in np.unique(y)]
    keys = np.empty((2 * len(classes), X.shape[1]))
    for start in range(0, X.shape[1], _COLUMNS):
        chosen = slice(start, start + _COLUMNS)
        block = np.ldexp(X[:, chosen].astype(np.float64), -exponent)
        for i, rows in enumerate(classes):
            values = np.sort(block[rows], axis=0)
            keys[2 * i, chosen] = values.sum(axis=0)
            keys[2 * i + 1, chosen] = np.square(values).sum(axis=0)
    return np.lexsort(keys[::-1]).astype(np.intp)


def _bits(block: NDArray[Any]) -> NDArray[np.uint64]:
    # Adding 0.0 turns -0.0 into 0.0, so that equal rows have equal bytes.
    return np.ascontiguousarray(block.astype(np.float64) + 0.0).view(np.uint64)


def _sortable(block: NDArray[Any]) -> NDArray[np.uint64]:
    """Whole numbers that sort as the float64 values of the entries do."""
    bits = _bits(block)
    # Negative numbers sort backwards by their bits, and after the positive ones.
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _refined(ranks: NDArray[np.intp], block: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Break ties of ranks (m,) by what comes next (m, columns)."""
    # Bytes compare as big-endian numbers do.
    pairs = np.column_stack([ranks.astype(np.uint64), block]).astype(">u8")
    keys = pairs.view(np.dtype((np.void, 8 * pairs.shape[1]))).ravel()
    distinct, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    # The rank is the first number of a key.
    old = distinct.view(">u8").reshape(len(distinct), -1)[:, 0].astype(np.intp)
    _, group = np.unique(old, return_index=True)
    first = group[np.searchsorted(old[group], old)]
    found: NDArray[np.intp] = (old + before - before[first])[inverse.ravel()]
    return found
