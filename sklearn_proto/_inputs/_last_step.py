"""The classifier that explains, behind whatever is in front of it."""

from typing import Any

from sklearn.utils.validation import check_is_fitted

from sklearn_proto._inputs._pipelines import unwrap_pipeline


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
    steps, final = unwrap_pipeline(estimator)
    if not hasattr(final, "explain"):
        check_is_fitted(final)
        raise TypeError(
            f"{type(final).__name__} has no method explain; use a classifier of "
            "sklearn_proto, alone or at the end of a Pipeline."
        )
    for _, step in steps:
        X = step.transform(X)
    return final, X
