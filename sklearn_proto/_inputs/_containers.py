"""Rows in the containers that estimators take, and as arrays of their numbers."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sklearn_proto._validation import without_graph


@contextmanager
def without_names() -> Iterator[None]:
    """Pass arrays to what was fitted on a frame, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X (does not have valid|has) feature names")
        yield


def is_frame(X: Any) -> bool:
    """Whether columns have names by which a step may pick them; not so in Arrow."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def like(X: Any, rows: NDArray[np.floating]) -> Any:
    """Rows in the container of `X`: steps of a Pipeline may pick columns by name."""
    if not is_frame(X):
        shape = np.asarray(without_graph(X)).shape
        # Images; most estimators that take them take nothing else.
        return rows.reshape(-1, *shape[1:]) if len(shape) > 2 else rows
    if hasattr(X, "schema"):  # polars
        return type(X)(rows, schema=list(X.columns))
    return type(X)(rows, columns=X.columns)


def as_float64(X: Any) -> Any:
    """Rows with their numbers in float64; frames stay frames, with their other columns.

    A step may select columns by name, and may drop those that are no numbers.
    """
    if hasattr(X, "with_columns"):  # polars
        return X.cast({c: float for c, kind in X.schema.items() if kind.is_numeric()})
    if hasattr(X, "select_dtypes"):  # pandas
        return X.astype(dict.fromkeys(X.select_dtypes("number").columns, np.float64))
    # What is no table is for the estimator to refuse, as it is.
    kept = sparse.issparse(X) or hasattr(X, "iloc")
    rows = X if kept else np.asanyarray(without_graph(X))
    # A copy, since a scaler with copy=False writes into what it is given.
    return rows.astype(np.float64) if rows.dtype.kind in "biuf" else rows.copy()


def in_order_of_fit(estimator: Any, X: Any) -> Any:
    """Columns of a frame in the order in which the estimator was fitted on them.

    A ColumnTransformer that picks columns by name takes them in any order, and others
    beside them.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None or not is_frame(X):
        return X
    given, fitted = list(X.columns), list(names)
    if given == fitted or not set(fitted) <= set(given):
        return X
    return X[fitted]


def flat(X: Any) -> Any:
    """Images as the rows that a classifier of images makes of them."""
    if is_frame(X) or sparse.issparse(X):
        return X
    X = without_graph(X)
    rows = np.asarray(X)
    return X if rows.ndim <= 2 else rows.reshape(len(rows), -1)


def predictions(estimator: Any, X: Any) -> NDArray[Any] | None:
    """Labels of rows in float64, in which certificates compute; None without any."""
    if not hasattr(estimator, "predict"):
        return None
    with without_names():
        return np.asarray(estimator.predict(as_float64(X)))
