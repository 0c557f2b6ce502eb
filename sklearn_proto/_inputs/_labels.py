"""Labels of rows, one for each."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._validation import as_column, shown


def checked_labels(y: ArrayLike | None, n: int, classes: Any = None) -> NDArray[Any]:
    """Check labels of shape (n,), or a column of them with the warning of a fit.

    Raises
    ------
    ValueError
        If there is not one for each row, or none of them is among `classes`.
    """
    if y is None:
        raise ValueError("y=None, but the label of every row is needed.")
    found = as_column("y", y)
    if found.shape != (n,):
        raise ValueError(f"y has shape {found.shape}, but X has {n} rows.")
    if classes is not None and not _some_known(found, classes):
        raise ValueError(
            f"y holds none of the classes {shown(np.asarray(classes).tolist())}; "
            f"its first label is {shown(found[0])}."
        )
    return found


def _some_known(labels: NDArray[Any], classes: Any) -> bool:
    try:
        return bool(set(labels.tolist()) & set(np.asarray(classes).tolist()))
    except TypeError:  # Lists, say, which are no labels.
        return False
