"""Rows as plain numbers, whatever container they come in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from sklearn_proto._inputs._checked_data import refuse_dates
from sklearn_proto._validation import readable, without_graph


def plain_rows(X: Any) -> NDArray[np.float64]:
    """Rows, images or a frame as an array (n, d) of float64.

    Raises
    ------
    ValueError
        If there is no row, a number is not finite, or rows are dates.
    """
    X = without_graph(X)
    refuse_dates(X, "this function")
    try:
        with readable():
            rows = check_array(X, dtype=np.float64, allow_nd=True, input_name="X")
    except OverflowError as error:
        raise ValueError(f"X holds an integer that no float can: {error}.") from error
    return np.asarray(rows.reshape(len(rows), -1))
