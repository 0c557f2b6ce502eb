"""What counts most."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def best_two(scores: Array) -> Indices:
    """Winner and runner-up (n, 2) of scores (n, C); a tie goes to the first class."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :2]


def largest(effects: Array, k: int) -> Indices:
    """Return where the `k` largest (n, k) of each row of effects are, by size."""
    if k < 1:
        raise ValueError(f"k={k!r} must be at least 1.")
    return np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :k]
