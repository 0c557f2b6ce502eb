"""Rows as plain numbers, whatever container they come in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def plain_rows(X: Any) -> NDArray[np.float64]:
    """Rows, images, a frame or a sparse matrix as an array (n, d) of float64.

    Raises
    ------
    ValueError
        If there is no row.
    """
    rows = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
    if rows.ndim < 2 or not len(rows):
        raise ValueError(f"X has shape {rows.shape}; it must hold at least one row.")
    return rows.reshape(len(rows), -1)
