"""Which rows are held out while the number of prototypes is chosen."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

Rows = NDArray[np.intp]

# Of few rows each is held out once; many tell as much from a part of them.
_FOLDS_OF_FEW, _FEW = 5, 500
_FOLDS, _MANY = 3, 1_500
_LARGEST_PART = 3_000
# Rows of a class that a part of many has at least, if there are twice as many.
_FEWEST = 30


def splits(y: NDArray[np.intp], seed: int) -> list[tuple[Rows, Rows]]:
    """Rows to train on and rows to hold out, each an array of indices.

    Five folds of up to 500 rows, three of up to 1,500; of more rows one half is trained
    on and one held out, each of about 3,000 rows at most, and of a rare class of 30
    where it has as many. A class with fewer rows than folds is only trained on. No
    split at all where every class is.
    """
    if len(y) > _MANY:
        return [_halves(y, min(len(y) // 2, _LARGEST_PART) / len(y), seed)]
    n_folds = _FOLDS_OF_FEW if len(y) <= _FEW else _FOLDS
    often = np.bincount(y)[y] >= n_folds
    asked, seldom = np.flatnonzero(often), np.flatnonzero(~often)
    if not len(asked):
        return []
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    return [
        (np.concatenate([asked[train], seldom]), asked[held_out])
        for train, held_out in folds.split(asked, y[asked])
    ]


def _halves(y: NDArray[np.intp], part: float, seed: int) -> tuple[Rows, Rows]:
    random_state = np.random.RandomState(seed)
    train, held_out = [], []
    for c in np.unique(y):
        rows = random_state.permutation(np.flatnonzero(y == c))
        size = max(round(part * len(rows)), min(_FEWEST, len(rows) // 2))
        train.append(rows[: max(size, 1)])
        held_out.append(rows[size : 2 * size])
    return np.concatenate(train), np.concatenate(held_out)
