"""What is gained by not deciding where a model is uncertain."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import as_numbers, validated
from sklearn_proto.metrics._arguments import as_labels

Array = NDArray[np.float64]


@undisturbed
@validated(
    y_true="no_validation",
    y_pred="no_validation",
    uncertainty="no_validation",
)
def risk_coverage_curve(
    y_true: ArrayLike, y_pred: ArrayLike, uncertainty: ArrayLike
) -> tuple[Array, Array, Array]:
    """Error among the most certain rows, for every share of them.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True labels.
    y_pred : array-like of shape (n,)
        Predicted labels.
    uncertainty : array-like of shape (n,)
        The larger, the sooner a row is left undecided; any finite numbers.

    Returns
    -------
    coverages : ndarray of shape (n_steps,)
        Shares of rows that are decided, increasing, the last 1. Rows that are equally
        uncertain are decided together or not at all.
    risks : ndarray of shape (n_steps,)
        Share of errors among those.
    thresholds : ndarray of shape (n_steps,)
        Largest uncertainty among those.

    Raises
    ------
    ValueError
        If the lengths differ, there is no row, or an uncertainty is not finite.

    Examples
    --------
    >>> from sklearn_proto.metrics import risk_coverage_curve
    >>> y, found = ["a", "b", "a", "b"], ["a", "b", "b", "b"]
    >>> coverages, risks, _ = risk_coverage_curve(y, found, [0.1, 0.2, 0.9, 0.2])
    >>> coverages, risks
    (array([0.25, 0.75, 1.  ]), array([0.  , 0.  , 0.25]))
    """
    wrong = _errors(y_true, y_pred)
    u = as_numbers("uncertainty", uncertainty)
    if u.shape != wrong.shape or not np.isfinite(u).all():
        raise ValueError(
            f"uncertainty has shape {u.shape}; it must be finite and of shape "
            f"{wrong.shape}, one number for each label."
        )
    order = np.argsort(u, kind="stable")
    # Where the next row is more uncertain, or there is none.
    ends = np.flatnonzero(np.diff(u[order], append=np.inf) > 0)
    risks = np.cumsum(wrong[order])[ends] / (ends + 1)
    return (ends + 1) / len(u), risks, u[order][ends]


def _errors(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.bool_]:
    true, found = as_labels("y_true", y_true), as_labels("y_pred", y_pred)
    if true.ndim != 1 or true.shape != found.shape or not len(true):
        raise ValueError(
            f"y_true has shape {true.shape} and y_pred {found.shape}; they must hold "
            "one label for each of the same rows, of which there must be one at least."
        )
    return np.asarray(true != found)
