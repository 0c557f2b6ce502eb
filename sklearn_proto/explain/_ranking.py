"""What counts most."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._validation import shown

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def best_two(scores: Array) -> Indices:
    """Winner and runner-up (n, 2) of scores (n, C); a tie goes to the first class."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :2]


def largest(effects: Array, k: Any) -> Indices:
    """Return where the `k` largest (n, k) of each row of effects are, by size."""
    if isinstance(k, bool) or not isinstance(k, Integral) or k < 1:
        raise ValueError(f"k={shown(k)} must be at least 1, and an integer.")
    k = min(int(k), effects.shape[1])
    return np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :k]
