"""Work in pieces that fit into memory."""

from collections.abc import Iterator

_BYTES = 64 * 2**20


def batches(n: int, width: int) -> Iterator[slice]:
    """Slices of `n` rows that need `width` float64 numbers each."""
    rows = max(1, _BYTES // (8 * width))
    for start in range(0, n, rows):
        yield slice(start, start + rows)
