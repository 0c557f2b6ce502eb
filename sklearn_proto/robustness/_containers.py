"""Perturbed rows in the container that an estimator was given, or without its names."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray


@contextmanager
def without_names() -> Iterator[None]:
    """Pass arrays to what was fitted on a frame, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X (does not have valid|has) feature names")
        yield


def like(X: Any, rows: NDArray[np.floating]) -> Any:
    """Rows in the container of `X`: steps of a Pipeline may pick columns by name."""
    if not hasattr(X, "columns"):
        return rows
    if hasattr(X, "schema"):  # polars
        return type(X)(rows, schema=list(X.columns))
    return type(X)(rows, columns=X.columns)
