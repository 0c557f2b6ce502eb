"""The classifier that explains, behind whatever is in front of it."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def last_step(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Find the classifier at the end of pipelines and searches, and what it is given.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted. A search counts as its ``best_estimator_``.
    X : array-like
        Rows, as the estimator takes them.

    Returns
    -------
    classifier : classifier
        It has a method ``explain``.
    rows : array-like
        The rows as it sees them.

    Raises
    ------
    TypeError
        If it cannot explain.
    """
    while True:
        best = getattr(estimator, "best_estimator_", None)
        if best is not None:
            estimator = best
        elif isinstance(estimator, Pipeline):
            X = estimator[:-1].transform(X) if len(estimator) > 1 else X
            estimator = estimator[-1]
        else:
            break
    if not hasattr(estimator, "explain"):
        check_is_fitted(estimator)
        raise TypeError(
            f"{type(estimator).__name__} has no method explain; use a classifier of "
            "sklearn_proto, alone or at the end of a Pipeline."
        )
    return estimator, X
