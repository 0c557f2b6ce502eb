"""Work in pieces that fit into memory."""

from collections.abc import Iterator

from sklearn_proto._memory import at_once


def batches(n: int, width: int) -> Iterator[slice]:
    """Slices of `n` rows that need `width` float64 numbers each."""
    rows = at_once(width)
    for start in range(0, n, rows):
        yield slice(start, start + rows)
