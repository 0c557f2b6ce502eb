"""Perturbed rows in the container that an estimator was given."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def like(X: Any, rows: NDArray[np.floating]) -> Any:
    """Rows in the container of `X`: steps of a Pipeline may pick columns by name."""
    if not hasattr(X, "columns"):
        return rows
    if hasattr(X, "schema"):  # polars
        return type(X)(rows, schema=list(X.columns))
    return type(X)(rows, columns=X.columns)
