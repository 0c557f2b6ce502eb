"""Whether the evidence of an explanation is what the model goes by."""

from numbers import Integral
from typing import Any

from numpy.typing import ArrayLike

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.metrics._average import averaged
from sklearn_proto.metrics._explained import explained
from sklearn_proto.metrics._perturbation_curve import PerturbationCurve


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    evidence="no_validation",
    baseline="no_validation",
    n_steps=[Interval(Integral, 1, None, closed="left")],
    average=[StrOptions({"mean"}), None],
)
def deletion_score(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    evidence: Any = "auto",
    baseline: Any = "mean",
    n_steps: int = 20,
    average: str | None = "mean",
) -> Any:
    """One minus the area under the deletion curve.

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
    average : {"mean", None}, default="mean"
        None returns the score of every row.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        In [0, 1]; higher if the probability falls early.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    See Also
    --------
    deletion_curve : The curve.
    faithfulness_score : Does not depend on how sure the model is.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.metrics import deletion_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GLVQClassifier(random_state=0).fit(X, y)
    >>> 0.4 < deletion_score(model, X) < 0.8
    True
    """
    del y
    curve = PerturbationCurve(explained(estimator, X), evidence, baseline, n_steps)
    return averaged(1.0 - curve.areas(insert=False), average)


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    evidence="no_validation",
    baseline="no_validation",
    n_steps=[Interval(Integral, 1, None, closed="left")],
    average=[StrOptions({"mean"}), None],
)
def insertion_score(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    evidence: Any = "auto",
    baseline: Any = "mean",
    n_steps: int = 20,
    average: str | None = "mean",
) -> Any:
    """Area under the insertion curve.

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
    average : {"mean", None}, default="mean"
        None returns the score of every row.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        In [0, 1]; higher if the probability rises early.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    See Also
    --------
    insertion_curve : The curve.
    faithfulness_score : Does not depend on how sure the model is.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.metrics import insertion_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GLVQClassifier(random_state=0).fit(X, y)
    >>> 0.6 < insertion_score(model, X) < 1
    True
    """
    del y
    curve = PerturbationCurve(explained(estimator, X), evidence, baseline, n_steps)
    return averaged(curve.areas(insert=True), average)


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    evidence="no_validation",
    baseline="no_validation",
    n_steps=[Interval(Integral, 1, None, closed="left")],
    average=[StrOptions({"mean"}), None],
)
def faithfulness_score(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    evidence: Any = "auto",
    baseline: Any = "mean",
    n_steps: int = 20,
    average: str | None = "mean",
) -> Any:
    """Area under the insertion curve less the one under the deletion curve [1]_.

    A random order of the features scores 0 on average, and the reverse of an order
    its score times -1, however sure the model is.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted; of this package, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like, optional
        Not used: what is explained are the predictions.
    evidence : {"auto", "occlusion"} or array-like, default="auto"
        What each feature speaks for the prediction. An array has the shape of the
        rows. "occlusion" is how much the probability of the predicted class falls if
        the feature alone is replaced. "auto" is what the explanation says: the
        ``feature_terms`` of nearest-prototype models; for part prototypes, what each
        adds to the lead, laid on the pixels by its activation map, scaled to [0, 1];
        for prototypes that are rows, what each adds to the lead times
        ``(b - w)^2 - (x - w)^2``, by which replacing x with b moves the row away from
        the prototype w; and else "occlusion". All channels of a pixel are one feature.
    baseline : "mean", float or array-like of shape (n_features,), default="mean"
        What takes the place of a feature: its mean over `X`, or a given value.
    n_steps : int, default=20
        Steps of the curves; fewer, if there are fewer features.
    average : {"mean", None}, default="mean"
        None returns the score of every row.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        In [-1, 1]; higher is more faithful.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    See Also
    --------
    deletion_curve : One of the two.
    insertion_curve : The other.

    References
    ----------
    .. [1] V. Petsiuk, A. Das and K. Saenko. RISE: Randomized Input Sampling for
       Explanation of Black-box Models. BMVC 2018. arXiv:1806.07421.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import GLVQClassifier
    >>> from sklearn_proto.metrics import faithfulness_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GLVQClassifier(random_state=0).fit(X, y)
    >>> faithfulness_score(model, X) > 0.2
    True
    >>> nonsense = np.random.default_rng(0).random(X.shape)
    >>> abs(faithfulness_score(model, X, evidence=nonsense)) < 0.1
    True
    """
    del y
    curve = PerturbationCurve(explained(estimator, X), evidence, baseline, n_steps)
    return averaged(curve.areas(insert=True) - curve.areas(insert=False), average)
