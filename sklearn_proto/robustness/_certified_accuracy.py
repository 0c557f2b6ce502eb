"""Certified accuracy: a number, a curve and a scorer."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._compat import Interval
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import as_numbers, shown, validated
from sklearn_proto.robustness._certified_radius import certified_radius
from sklearn_proto.robustness._threat_model._arguments import Bounds

Array = NDArray[np.float64]


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    eps="no_validation",
    norm="no_validation",
    method=[str],
    bounds="no_validation",
    feature_scale="no_validation",
)
def certified_accuracy_score(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    eps: float | ArrayLike,
    *,
    norm: float = 2,
    method: str = "auto",
    bounds: Bounds | None = None,
    feature_scale: ArrayLike | None = None,
) -> Any:
    """Share of rows predicted rightly whatever a perturbation of size `eps` does.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier that `certified_radius` takes.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,)
        True labels.
    eps : float or array-like of shape (n_radii,)
        Size of the perturbation, at least 0, in the units of `X`. At 0 the score is
        the accuracy of the rows whose prediction is not a tie.
    norm : {1, 2, inf} or float >= 1
        The lp norm that measures it.
    method : str
        As in `certified_radius`.
    bounds : tuple of two array-likes, optional
        As in `certified_radius`.
    feature_scale : array-like of shape (n_features,), optional
        As in `certified_radius`.

    Returns
    -------
    float or ndarray of shape (n_radii,)
        Shares in [0, 1].

    Raises
    ------
    ValueError
        If `eps` is negative or NaN, or `certified_radius` refuses a parameter.

    See Also
    --------
    certified_accuracy_curve : The score at every size at which it changes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.robustness import certified_accuracy_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CBCClassifier(random_state=0).fit(X, y)
    >>> low, high = certified_accuracy_score(model, X, y, [0.01, 0.1])
    >>> bool(low >= high > 0.7)
    True
    """
    sizes = np.atleast_1d(as_numbers("eps", eps))
    if sizes.ndim > 1 or not (sizes >= 0).all():
        raise ValueError(
            f"eps={shown(eps)} must be a number of at least 0, or a list of them."
        )
    radius = certified_radius(
        estimator,
        X,
        y,
        norm=norm,
        method=method,
        bounds=bounds,
        feature_scale=feature_scale,
    )
    score = ((radius > 0) & (radius >= sizes[:, None])).mean(axis=1)
    return score if np.ndim(eps) else float(score[0])


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    norm="no_validation",
    method=[str],
    bounds="no_validation",
    feature_scale="no_validation",
)
def certified_accuracy_curve(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    norm: float = 2,
    method: str = "auto",
    bounds: Bounds | None = None,
    feature_scale: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Certified accuracy at every size of perturbation at which it changes.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted classifier that `certified_radius` takes.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,)
        True labels.
    norm : {1, 2, inf} or float >= 1
        The lp norm that measures perturbations.
    method : str
        As in `certified_radius`.
    bounds : tuple of two array-likes, optional
        As in `certified_radius`.
    feature_scale : array-like of shape (n_features,), optional
        As in `certified_radius`.

    Returns
    -------
    radii : ndarray of shape (n_steps,)
        Zero, then the distinct positive radii of the rows, increasing; the last is
        infinite where no perturbation can change the prediction of a row.
    accuracies : ndarray of shape (n_steps,)
        Shares in [0, 1], not increasing: the one at ``radii[i]`` holds for sizes in
        ``(radii[i - 1], radii[i]]``. Beyond the last radius it is 0.

    See Also
    --------
    CertifiedAccuracyDisplay : Draws it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.robustness import certified_accuracy_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CBCClassifier(random_state=0).fit(X, y)
    >>> radii, accuracies = certified_accuracy_curve(model, X, y, norm=1)
    >>> bool(accuracies[0] <= model.score(X, y))
    True
    """
    radius = certified_radius(
        estimator,
        X,
        y,
        norm=norm,
        method=method,
        bounds=bounds,
        feature_scale=feature_scale,
    )
    return curve_of_radii(radius)


def curve_of_radii(radius: Array) -> tuple[Array, Array]:
    """Count, as a share, the rows with a radius of at least eps and above 0.

    See `certified_accuracy_curve` for what it returns.
    """
    steps, counts = np.unique(radius[radius > 0], return_counts=True)
    at_least = np.cumsum(counts[::-1])[::-1] / len(radius)
    return np.append(0.0, steps), np.append(at_least[:1].sum(), at_least)


@validated(
    eps=[Interval(Real, 0, None, closed="both")],
    norm="no_validation",
    method=[str],
    bounds="no_validation",
    feature_scale="no_validation",
)
def make_certified_scorer(
    eps: float,
    *,
    norm: float = 2,
    method: str = "auto",
    bounds: Bounds | None = None,
    feature_scale: ArrayLike | None = None,
) -> "_CertifiedScorer":
    """Make the certified accuracy at `eps` a scorer, as for ``GridSearchCV(scoring=)``.

    Parameters
    ----------
    eps : float
        Size of the perturbation, at least 0, in the units of the raw features.
    norm : {1, 2, inf} or float >= 1
        The lp norm that measures it.
    method : str
        As in `certified_radius`.
    bounds : tuple of two array-likes, optional
        As in `certified_radius`.
    feature_scale : array-like of shape (n_features,), optional
        As in `certified_radius`.

    Returns
    -------
    callable
        ``scorer(estimator, X, y)`` is `certified_accuracy_score`; it pickles.

    Raises
    ------
    ValueError
        If `eps` is not one number of at least 0.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.robustness import make_certified_scorer
    >>> scorer = make_certified_scorer(0.1)
    >>> scorer
    make_certified_scorer(0.1, norm=2, method='auto')
    >>> grid = {"n_prototypes_per_class": [1, 2]}
    >>> search = GridSearchCV(CBCClassifier(), grid, scoring=scorer, cv=2)
    >>> bool(search.fit(*load_iris(return_X_y=True)).best_score_ > 0.7)
    True
    """
    options = {
        "norm": norm,
        "method": method,
        "bounds": bounds,
        "feature_scale": feature_scale,
    }
    return _CertifiedScorer(float(eps), options)


@dataclass(frozen=True, eq=False, repr=False)
class _CertifiedScorer:
    """What `make_certified_scorer` returns."""

    eps: float
    options: dict[str, Any]

    def __call__(self, estimator: Any, X: ArrayLike, y: ArrayLike) -> float:
        """Certified accuracy of the fitted estimator, in [0, 1]."""
        return float(
            certified_accuracy_score(estimator, X, y, self.eps, **self.options)
        )

    def __repr__(self) -> str:
        given = {name: v for name, v in self.options.items() if v is not None}
        keywords = [f"{name}={v!r}" for name, v in given.items()]
        return f"make_certified_scorer({', '.join([repr(self.eps), *keywords])})"
