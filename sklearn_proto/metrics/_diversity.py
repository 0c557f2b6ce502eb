"""Whether the prototypes of a class are different from each other."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from sklearn_proto._compat import StrOptions
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.metrics._average import averaged
from sklearn_proto.metrics._explained import explained

# Of scipy, those that need two vectors and nothing else.
_METRICS = {
    "braycurtis",
    "canberra",
    "chebyshev",
    "cityblock",
    "correlation",
    "cosine",
    "euclidean",
    "minkowski",
    "sqeuclidean",
}


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    metric=[StrOptions(_METRICS)],
    average=[StrOptions({"mean"}), None],
)
def diversity_score(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    metric: str = "euclidean",
    average: str | None = "mean",
) -> Any:
    """Mean distance between two prototypes of the same class.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted; of this package, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them. The score does not depend on them.
    y : array-like, optional
        Not used.
    metric : str, default="euclidean"
        A distance of vectors in `scipy.spatial.distance.pdist`. Of latent prototypes,
        whose scale is the model's own, "cosine" compares better across models.
    average : {"mean", None}, default="mean"
        None returns the diversity of every class.

    Returns
    -------
    float or ndarray of shape (n_classes,)
        Distances; NaN, which the mean leaves out, for a class with fewer than two
        prototypes.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import RBFClassifier
    >>> from sklearn_proto.metrics import diversity_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RBFClassifier(2, random_state=0).fit(X, y)
    >>> diversity_score(model, X, average=None).shape
    (3,)
    """
    del y
    start = explained(estimator, X)
    explanation = start.of(start.rows[:1])
    flat = explanation.prototypes.reshape(len(explanation.prototypes), -1)
    owners = explanation.prototype_labels
    found = []
    for label in explanation.classes:
        own = flat[owners == label]
        found.append(pdist(own, metric).mean() if len(own) > 1 else np.nan)
    return averaged(np.array(found), average)
