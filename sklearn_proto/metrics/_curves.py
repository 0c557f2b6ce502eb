"""How the decision changes while features are deleted, or put in."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._compat import Interval
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.metrics._explained import explained
from sklearn_proto.metrics._perturbation_curve import PerturbationCurve

Array = NDArray[np.float64]


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    evidence="no_validation",
    baseline="no_validation",
    n_steps=[Interval(Integral, 1, None, closed="left")],
)
def deletion_curve(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    evidence: Any = "auto",
    baseline: Any = "mean",
    n_steps: int = 20,
) -> tuple[Array, Array]:
    """Probability of the predicted class while features are deleted, best first.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted; of this package, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like, optional
        Not used: what is explained are the predictions.
    evidence : {"auto", "occlusion"} or array-like, default="auto"
        As in `faithfulness_score`.
    baseline : "mean", float or array-like of shape (n_features,), default="mean"
        What takes the place of a feature.
    n_steps : int, default=20
        Steps of the curve; fewer, if there are fewer features.

    Returns
    -------
    deleted : ndarray of shape (n_points,)
        Shares of the features, from 0 to 1.
    probability : ndarray of shape (n_points,)
        Mean over the rows.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    See Also
    --------
    deletion_score : One minus the area under it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.metrics import deletion_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GLVQClassifier(random_state=0).fit(X, y)
    >>> deleted, probability = deletion_curve(model, X)
    >>> deleted
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    >>> bool(probability[0] > probability[1] > probability[2])
    True
    """
    del y
    curve = PerturbationCurve(explained(estimator, X), evidence, baseline, n_steps)
    return curve.shares, curve.probabilities(insert=False).mean(axis=1)


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    evidence="no_validation",
    baseline="no_validation",
    n_steps=[Interval(Integral, 1, None, closed="left")],
)
def insertion_curve(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    evidence: Any = "auto",
    baseline: Any = "mean",
    n_steps: int = 20,
) -> tuple[Array, Array]:
    """Probability of the predicted class while features are put in, best first.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted; of this package, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like, optional
        Not used: what is explained are the predictions.
    evidence : {"auto", "occlusion"} or array-like, default="auto"
        As in `faithfulness_score`.
    baseline : "mean", float or array-like of shape (n_features,), default="mean"
        What is there instead at the start.
    n_steps : int, default=20
        Steps of the curve; fewer, if there are fewer features.

    Returns
    -------
    inserted : ndarray of shape (n_points,)
        Shares of the features, from 0 to 1.
    probability : ndarray of shape (n_points,)
        Mean over the rows.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    See Also
    --------
    insertion_score : The area under it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.metrics import insertion_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GLVQClassifier(random_state=0).fit(X, y)
    >>> _, probability = insertion_curve(model, X)
    >>> bool(probability[0] < probability[1] < probability[2])
    True
    """
    del y
    curve = PerturbationCurve(explained(estimator, X), evidence, baseline, n_steps)
    return curve.shares, curve.probabilities(insert=True).mean(axis=1)
