"""Which rows are held out while the number of prototypes is chosen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

Rows = NDArray[np.intp]

# Of few rows each is held out once; many tell as much from a part of them.
_FOLDS_OF_FEW, _FEW = 5, 500
_FOLDS, _MANY = 3, 1_500
_LARGEST_PART = 3_000


def splits(y: NDArray[np.intp], seed: int) -> list[tuple[Rows, Rows]]:
    """Rows to train on and rows to hold out, each an array of indices.

    Five folds of up to 500 rows, three of up to 1,500; of more rows one half is trained
    on and one held out, of at most 3,000 rows each. A class too rare to be on both
    sides is only trained on. No split at all where every class is.
    """
    folds, fewest = _folds(len(y), seed)
    often = np.bincount(y)[y] >= fewest
    asked, seldom = np.flatnonzero(often), np.flatnonzero(~often)
    if not len(asked):
        return []
    return [
        (np.concatenate([asked[train], seldom]), asked[held_out])
        for train, held_out in folds.split(asked, y[asked])
    ]


def _folds(n: int, seed: int) -> tuple[Any, float]:
    """Splitter of n rows, and how many rows a class must have for it."""
    if n > _MANY:
        part = min(n // 2, _LARGEST_PART) / n
        halves = StratifiedShuffleSplit(
            1, train_size=part, test_size=part, random_state=seed
        )
        return halves, 2 / part
    n_folds = _FOLDS_OF_FEW if n <= _FEW else _FOLDS
    return StratifiedKFold(n_folds, shuffle=True, random_state=seed), n_folds
