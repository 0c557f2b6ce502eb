"""Whether what a prototype is like belongs together."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._inputs._labels import checked_labels
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.metrics._average import averaged
from sklearn_proto.metrics._explained import explained

Array = NDArray[np.float64]


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    n_neighbors=[Interval(Integral, 1, None, closed="left")],
    of=[StrOptions({"any", "own"})],
    average=[StrOptions({"mean"}), None],
)
def purity_score(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    n_neighbors: int = 10,
    of: str = "any",
    average: str | None = "mean",
) -> Any:
    """Share of the rows nearest to a prototype that are of one class.

    For images these are the images with the nearest patches.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted; of this package, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like of shape (n_samples,)
        True labels.
    n_neighbors : int, default=10
        How many rows are looked at for each prototype; all, if there are fewer. Of
        equally near rows the first count.
    of : {"any", "own"}, default="any"
        Which class: the most frequent one among the rows, or the one that the
        prototype was placed in.
    average : {"mean", None}, default="mean"
        None returns the purity of every prototype.

    Returns
    -------
    float or ndarray of shape (n_prototypes,)
        Shares in [0, 1].

    Raises
    ------
    ValueError
        If a parameter is not allowed, or `y` is missing or of another length.

    See Also
    --------
    part_purity_score : Of one part instead of one class.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import RBFClassifier
    >>> from sklearn_proto.metrics import purity_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RBFClassifier(random_state=0).fit(X, y)
    >>> purity_score(model, X, y, average=None)
    array([1., 1., 1.])
    """
    explanation = explained(estimator, X).explanation
    labels = checked_labels(y, len(explanation))
    near = labels[nearest_rows(explanation.similarities, n_neighbors)]
    if of == "own":
        shares = (near == explanation.prototype_labels[:, None]).mean(axis=1)
    else:
        classes = np.unique(labels)
        shares = (near[:, :, None] == classes).mean(axis=1).max(axis=1)
    return averaged(shares, average)


def nearest_rows(similarities: Array, count: int) -> NDArray[np.intp]:
    """Find the rows most alike to each prototype; indices of shape (K, count)."""
    order = np.argsort(-similarities, axis=0, kind="stable")
    return np.asarray(order[:count].T)
