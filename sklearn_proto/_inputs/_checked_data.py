"""Rows and labels, as scikit-learn checks them, without numpy's remarks on the way."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from sklearn_proto._validation import readable, shown, without_graph


def checked_data(estimator: Any, X: Any, *y: Any, **options: Any) -> Any:
    """Check rows, and labels if there are any, by scikit-learn's `validate_data`.

    Parameters
    ----------
    estimator : estimator
        What takes the rows; messages name it.
    X : array-like
        Rows; tensors may be part of a graph.
    *y : array-like
        Labels, at most one.
    **options
        As of `validate_data`.

    Returns
    -------
    ndarray or tuple of two ndarrays
        The rows, with the labels if they were given.

    Raises
    ------
    ValueError
        If scikit-learn refuses them, or rows are dates or durations: their unit, and
        with it every distance, would be that of their storage.
    """
    X, y = without_graph(X), tuple(without_graph(labels) for labels in y)
    refuse_dates(X, type(estimator).__name__)
    with _without_remarks(), readable():
        return validate_data(estimator, X, *y, **options)


def refuse_dates(X: Any, taker: str) -> None:
    """Raise a ValueError if rows are dates or durations: their unit means nothing."""
    kind = getattr(X, "dtype", None)
    if getattr(kind, "kind", "") in ("M", "m"):
        raise ValueError(
            f"X holds dates or durations ({kind}); {taker} takes numbers: convert them "
            "to a unit of your choice."
        )


def check_finite(estimator: Any, X: Any) -> None:
    """Raise a ValueError if a number of the rows is NaN or infinite."""
    with _without_remarks():
        assert_all_finite(X, estimator_name=type(estimator).__name__, input_name="X")


def check_labels(y: Any) -> None:
    """Raise a ValueError if labels are not those of classes."""
    with _without_remarks():
        check_classification_targets(y)


def check_classes(estimator: Any, classes: NDArray[Any]) -> None:
    """Raise a ValueError if there is nothing to tell apart."""
    if len(classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs at least 2 classes in y; got "
            f"{len(classes)} class: {shown(classes.tolist())}."
        )


def _without_remarks() -> Any:
    """Scikit-learn's quick look at a sum, and casts of what it refuses, overflow."""
    return np.errstate(over="ignore", invalid="ignore")
