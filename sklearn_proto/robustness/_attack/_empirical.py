"""Empirical radii: what an attack finds, confirmed by ``predict``."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._compat import Interval
from sklearn_proto._inputs._containers import flat, in_order_of_fit, predictions
from sklearn_proto._inputs._labels import checked_labels
from sklearn_proto._inputs._norm import checked_norm
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.robustness._attack._batches import batches
from sklearn_proto.robustness._attack._box import Box
from sklearn_proto.robustness._attack._model import AttackedModel, model_of
from sklearn_proto.robustness._attack._problem import AttackProblem
from sklearn_proto.robustness._attack._search import smallest
from sklearn_proto.robustness._threat_model._arguments import (
    Bounds,
    checked_bounds,
    checked_scale,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EmpiricalRadius:
    """What an attack found.

    Parameters
    ----------
    radius : ndarray of shape (n_samples,)
        Size of the smallest perturbation found that changes ``predict``, in the norm
        and units of the attack; infinite where none was found, 0 for rows that were
        predicted wrongly from the start.
    perturbed : ndarray of shape (n_samples, n_features)
        The perturbed rows, each verified with ``predict``; rows without a perturbation
        are as given. Images are flat, and the columns of a frame are in the order in
        which the estimator was fitted on them.
    """

    radius: Array
    perturbed: Array


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    norm="no_validation",
    bounds="no_validation",
    feature_scale="no_validation",
    n_restarts=[Interval(Integral, 0, None, closed="left")],
    max_iter=[Interval(Integral, 0, None, closed="left")],
    random_state=["random_state"],
)
def empirical_radius(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    norm: float = 2,
    bounds: Bounds | None = None,
    feature_scale: ArrayLike | None = None,
    n_restarts: int = 5,
    max_iter: int = 30,
    random_state: Any = None,
) -> EmpiricalRadius:
    """Smallest perturbation found that changes the prediction of each row.

    No certified radius may exceed it. Steps project onto the linearised boundary of
    the strongest rivals [1]_, from the row, from random points and from rows of other
    predicted classes; then each perturbation slides along the boundary within a trust
    region while it becomes shorter. The gradient is exact where the final estimator has
    a certifiable view and what stands in front of it is affine, and numeric where there
    are scores; with labels only, the search is random.

    Parameters
    ----------
    estimator : classifier or Pipeline
        Anything fitted that has ``predict``.
    X : array-like of shape (n_samples, n_features)
        Rows or images to attack, whatever ``predict`` takes.
    y : array-like of shape (n_samples,), optional
        True labels; a row that is predicted wrongly then gets 0.
    norm : {1, 2, inf} or float >= 1
        The lp norm that measures a perturbation.
    bounds : tuple of two array-likes, optional
        Smallest and largest valid value, each a scalar or of shape (n_features,).
        Rows must lie inside, and perturbed rows do.
    feature_scale : array-like of shape (n_features,), optional
        What one unit of radius means for each feature, at least 0: the size is that of
        ``perturbation / feature_scale``. A feature with scale 0 is frozen.
    n_restarts : int, default=5
        Random points and rows of other classes to start from, of each as many.
    max_iter : int, default=30
        Rounds of sliding along the boundary.
    random_state : int, RandomState instance or None
        Of the random points.

    Returns
    -------
    EmpiricalRadius
        Radii and the perturbed rows.

    Raises
    ------
    ValueError
        If a parameter is out of its range or a row is outside `bounds`.

    References
    ----------
    .. [1] Moosavi-Dezfooli, Fawzi & Frossard, "DeepFool: a simple and accurate method
       to fool deep neural networks", CVPR 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.robustness import empirical_radius
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CBCClassifier(random_state=0).fit(X, y)
    >>> found = empirical_radius(model, X[:5], random_state=0)
    >>> bool((found.radius >= model.certified_radius(X[:5])).all())
    True
    >>> bool((model.predict(found.perturbed) != model.predict(X[:5])).all())
    True
    """
    check_is_fitted(estimator)
    # It refuses what it refuses anywhere else.
    predictions(estimator, X)
    X = in_order_of_fit(estimator, X)
    rows = check_array(flat(X), dtype=np.float64, input_name="X")
    norm = checked_norm(norm)
    rng = check_random_state(random_state)
    box = _box(rows, bounds, feature_scale, norm)
    model = model_of(estimator, X, rows, rng)
    label = model.predict(rows)
    wrong = np.zeros(len(rows), dtype=bool)
    if y is not None:
        classes = getattr(estimator, "classes_", None)
        wrong = label != checked_labels(y, len(rows), classes)
    targets, todo = model.targets(rows, rng), np.flatnonzero(~wrong)
    perturbed, radius = rows.copy(), np.where(wrong, 0.0, np.inf)
    # About this many rows of perturbations live at once for each row.
    copies = 20 * (n_restarts + 5)
    for some in batches(len(todo), rows.shape[1] * copies):
        chosen = todo[some]
        problem = AttackProblem(
            model=model, box=box.of(chosen), label=label[chosen], rng=rng
        )
        perturbed[chosen] = smallest(problem, targets, n_restarts, max_iter)
    return _verified(model, box, label, perturbed, radius)


def _box(X: Array, bounds: Bounds | None, scale: ArrayLike | None, norm: float) -> Box:
    d = X.shape[1]
    lo, hi = np.full(d, -np.inf), np.full(d, np.inf)
    if bounds is not None:
        lo, hi = checked_bounds(X, bounds)
    return Box(
        X, lo, hi, np.ones(d) if scale is None else checked_scale(scale, d), norm
    )


def _verified(
    model: AttackedModel, box: Box, label: NDArray[Any], perturbed: Array, radius: Array
) -> EmpiricalRadius:
    """Keep what predict confirms on all rows at once, as a caller would ask it.

    A product may round otherwise for another number of rows, so what it denies is
    pushed a little farther.
    """
    X, every = box.X, np.arange(len(box.X))
    eta = box.towards(every, perturbed)
    todo, points = np.any(perturbed != X, axis=1), X.copy()
    for push in (0.0, 1e-12, 1e-9, 1e-6, 1e-3):
        trial = box.points(every, box.clip(every, (1 + push) * eta))
        trial = np.where(todo[:, None], perturbed if push == 0 else trial, points)
        todo &= model.predict(trial) == label
        points = np.where(todo[:, None], points, trial)
        if not todo.any():
            break
    found = np.any(points != X, axis=1)
    return EmpiricalRadius(np.where(found, box.measured(points), radius), points)
