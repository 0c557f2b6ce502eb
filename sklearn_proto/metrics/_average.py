"""One number of many."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def averaged(values: Array, average: Any) -> Any:
    """Mean of the values that there are, as a float, or all of them.

    Parameters
    ----------
    values : ndarray of shape (n,)
        NaN where a score is not defined.
    average : {"mean", None}
        None returns the values.
    """
    if average is None:
        return values
    known = values[~np.isnan(values)]
    # As scikit-learn has it: a score that is not defined is NaN.
    return float(known.mean()) if len(known) else float("nan")
