"""Which classes get the next prototypes."""

import numpy as np
from numpy.typing import NDArray


def allocate(
    counts: NDArray[np.intp],
    loss: NDArray[np.float64],
    most: NDArray[np.intp],
    n_new: int,
) -> NDArray[np.intp]:
    """Deal `n_new` prototypes out to classes with `counts` (C,); return the new counts.

    In proportion to the `loss` (C,) of the rows of each class, by largest remainders;
    what a full class cannot take goes to the others, and fewer where all are full.
    """
    counts = counts.copy()
    while n_new > 0:
        share = np.where(counts < most, loss, 0.0)
        if not share.sum() > 0:
            break
        ideal = n_new * (share / share.sum())
        added = np.floor(ideal).astype(np.intp)
        remainder = np.argsort(-(ideal - added), kind="stable")
        added[remainder[: n_new - added.sum()]] += 1
        added = np.minimum(added, most - counts)
        counts += added
        n_new -= int(added.sum())
    return counts
