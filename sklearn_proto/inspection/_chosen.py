"""Choices of prototypes, matrices or rows by their numbers."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._validation import shown, without_graph


def chosen(parameter: str, numbers: ArrayLike | None, count: int) -> NDArray[np.intp]:
    """Check the numbers of a few of `count` things; all of them for None.

    Raises
    ------
    ValueError
        If they are no such numbers.
    """
    everything = np.arange(count)
    try:
        found = everything if numbers is None else np.asarray(without_graph(numbers))
    except (TypeError, ValueError):  # Lists of different lengths, for example.
        found = np.empty(0)
    valid = found.ndim == 1 and found.dtype.kind in "iu" and len(found) > 0
    if not valid or not np.isin(found, everything).all():
        raise ValueError(
            f"{parameter}={shown(numbers)} must be a list of at least one integer in 0 "
            f"to {count - 1}."
        )
    return np.asarray(found, dtype=np.intp)
