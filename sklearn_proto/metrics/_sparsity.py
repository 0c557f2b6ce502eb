"""How few prototypes make a decision."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.explain import Explanation
from sklearn_proto.metrics._average import averaged
from sklearn_proto.metrics._explained import explained

Array = NDArray[np.float64]


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    share=[Interval(Real, 0, 1, closed="right")],
    average=[StrOptions({"mean"}), None],
)
def explanation_size(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    share: float = 0.95,
    average: str | None = "mean",
) -> Any:
    """Count the prototypes that make most of the evidence; fewer are easier to read.

    The evidence is what each prototype adds to the lead of the predicted class over
    the runner-up, ``Explanation.decisive``. The size of an explanation is the least
    number of prototypes whose evidence has `share` of the sum of the sizes of all.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted; of this package, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like, optional
        Not used: what is explained are the predictions.
    share : float, default=0.95
        Share of the evidence, above 0 and at most 1.
    average : {"mean", None}, default="mean"
        None returns the size for every row.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        Number of prototypes, 0 where no prototype has any evidence.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    See Also
    --------
    sparsity_score : The same as a score to maximise.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.metrics import explanation_size
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GLVQClassifier(3, random_state=0).fit(X, y)
    >>> explanation_size(model, X, share=1)   # the closest of either class
    2.0
    """
    del y
    return averaged(_sizes(explained(estimator, X).explanation, share), average)


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    share=[Interval(Real, 0, 1, closed="right")],
    average=[StrOptions({"mean"}), None],
)
def sparsity_score(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    share: float = 0.95,
    average: str | None = "mean",
) -> Any:
    """Share of the prototypes that an explanation can do without.

    It is one minus `explanation_size` over the number of prototypes.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted; of this package, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like, optional
        Not used: what is explained are the predictions.
    share : float, default=0.95
        Share of the evidence that counts as all, above 0 and at most 1.
    average : {"mean", None}, default="mean"
        None returns the share for every row.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        Shares in [0, 1]; higher is sparser.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    See Also
    --------
    explanation_size : The number itself.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.metrics import sparsity_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GLVQClassifier(3, random_state=0).fit(X, y)
    >>> round(sparsity_score(model, X, share=1), 3)   # two of nine are needed
    0.778
    """
    del y
    explanation = explained(estimator, X).explanation
    n_prototypes = explanation.similarities.shape[1]
    return averaged(1.0 - _sizes(explanation, share) / n_prototypes, average)


def _sizes(explanation: Explanation, share: float) -> Array:
    """Least number of prototypes (n,) with this share of the evidence."""
    ordered = -np.sort(-np.abs(explanation.decisive), axis=1)
    total = ordered.sum(axis=1, keepdims=True)
    # Sums that are equal but for the order of their terms count as equal.
    enough = share * total * (1 - 1e-12)
    before = np.cumsum(ordered, axis=1) - ordered
    counts = ((before < enough) & (ordered > 0)).sum(axis=1)
    return np.asarray(counts, dtype=np.float64)
