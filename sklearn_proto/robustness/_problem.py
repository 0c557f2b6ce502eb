"""What certificates need to know of a fitted classifier and of rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_proto._inputs._containers import (
    flat,
    in_order_of_fit,
    predictions,
)
from sklearn_proto._inputs._labels import checked_labels
from sklearn_proto._inputs._norm import checked_norm
from sklearn_proto._validation import shown
from sklearn_proto.robustness._batch import View
from sklearn_proto.robustness._family import Family, family_of, require_family
from sklearn_proto.robustness._threat_model._affine_steps import Matrix
from sklearn_proto.robustness._threat_model._arguments import (
    Bounds,
    checked_bounds,
    checked_scale,
)
from sklearn_proto.robustness._threat_model._learned_map import BehindMap, behind_map
from sklearn_proto.robustness._threat_model._perturbations import Perturbations
from sklearn_proto.robustness._threat_model._preprocessing import affine_preprocessing
from sklearn_proto.robustness._threat_model._rounding import inward, outward, share_lost
from sklearn_proto.robustness._view_contract import require_own_predict

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CertificationProblem:
    """Rows to certify, as the classifier behind a pipeline sees them.

    Parameters
    ----------
    z : ndarray of shape (n, dz)
        Rows as the classifier sees them.
    family : Family
        Bounds for its certifiable view, and perturbations of the raw features.
    box_slack : tuple of two ndarrays of shape (n, n_features), optional
        How far each raw feature may fall and rise, in units of its budget.
    rounding_error : ndarray of shape (n,)
        How far rounding in front of the classifier may have moved each row.
    unit : float
        Size, as the family counts it, of a raw perturbation of size 1: a power of 2
        that brings the largest entry of the map in front near 1.
    labels : ndarray of shape (n,), optional
        What ``predict`` says; None for a classifier that has no ``predict``.
    classes : ndarray of shape (n_classes,), optional
        Labels of the classes of the view; None for their indices.
    """

    z: Array
    family: Family[Any]
    box_slack: tuple[Array, Array] | None
    rounding_error: Array
    unit: float
    labels: NDArray[Any] | None
    classes: NDArray[Any] | None

    def batches(self) -> Iterator[tuple[slice, Any]]:
        """Slices of the rows and their batches, as the family makes them."""
        view = self.family.view
        for rows, z in view.batches(self.z, self.family.rows_at_once):
            predicted = view.class_scores(z).argmax(1)
            self._winners[rows] = predicted.cpu().numpy()
            perturbations = replace(
                self.family.perturbations,
                rounding_error=view.tensor(self.rounding_error[rows]),
            )
            if self.box_slack is not None:
                down, up = (
                    view.tensor(self.unit * side[rows]) for side in self.box_slack
                )
                perturbations = perturbations.within(down, up)
            yield rows, self.family.batch(perturbations, z, predicted)

    @cached_property
    def _winners(self) -> NDArray[np.intp]:
        """Classes (n,) of the view, once the batches were made."""
        return np.zeros(len(self.z), dtype=np.intp)

    def proven(self, radius: Array) -> Array:
        """Raw radii (n,) that hold, of those that a bound has computed.

        Raises
        ------
        TypeError
            If there is one around a row of which ``predict`` says another class than
            the view. On a tie, up to rounding, it may, and nothing is certified there.
        """
        certified: Any = self._winners
        if self.classes is not None:
            certified = np.asarray(self.classes)[self._winners]
        if self.labels is not None:
            unlike = (self.labels != certified) & (radius > 0)
            if unlike.any():
                row = int(unlike.argmax())
                raise TypeError(_not_its_view(row, self.labels[row], certified[row]))
        return inward(radius, self._n_features) / self.unit

    def attained(self, size: Array) -> Array:
        """Raw sizes (n,) of perturbations that were found."""
        return size / self.unit

    def tolerance(self, rtol: float) -> float:
        """Share by which bounds may differ so that they do by `rtol` once `proven`."""
        return max(rtol - share_lost(self._n_features), rtol / 2)

    def counted(self, size: Array) -> Array:
        """Sizes (n,) of raw perturbations, as the family counts them."""
        return size * self.unit

    @property
    def _n_features(self) -> int:
        return max(int(self.z.shape[1]), self.family.perturbations.n_features)

    def wrong(self, y: ArrayLike) -> NDArray[np.bool_]:
        """Which rows are not predicted as `y` says."""
        if self.labels is None:
            raise TypeError("y was given, but the classifier has no predict.")
        return np.asarray(self.labels != checked_labels(y, len(self.z), self.classes))


def _not_its_view(row: int, label: Any, certified: Any) -> str:
    return (
        f"row {row} of X is predicted as {shown(label)}, but certifiable_view() scores "
        f"{shown(certified)} highest: it is no view of what predict does. Return one "
        "with arrays that make the scores of predict."
    )


def certification_problem(
    estimator: Any,
    X: ArrayLike,
    *,
    norm: float,
    bounds: Bounds | None,
    feature_scale: ArrayLike | None,
) -> CertificationProblem:
    """Look through a pipeline, and express perturbations of its raw features."""
    p = checked_norm(norm)
    preprocessing = affine_preprocessing(estimator)
    require_own_predict(preprocessing.estimator)
    view: View = preprocessing.estimator.certifiable_view()
    require_family(view)
    # It refuses what it refuses anywhere else.
    labels = predictions(estimator, X)
    X = flat(in_order_of_fit(estimator, X))
    z, errors = preprocessing.transform_with_errors(X)
    seen = behind_map(view, z, errors, preprocessing.matrix)
    matrix = seen.matrix
    n_features = z.shape[1] if matrix is None else matrix.shape[1]
    scale = None
    if feature_scale is not None:
        scale = checked_scale(feature_scale, n_features)
    box_slack = None
    if bounds is not None:
        box_slack = _box_slack(np.asarray(X, dtype=np.float64), bounds, scale)
    operator = _operator(view, matrix, scale)
    unit = 1.0
    if operator is not None:
        unit = _power_of_two(float(operator.abs().max()))
        operator = operator / unit
    family = family_of(seen.view, Perturbations(p, n_features, operator))
    classes = getattr(preprocessing.estimator, "classes_", None)
    return CertificationProblem(
        z=seen.rows,
        family=family,
        box_slack=box_slack,
        rounding_error=_rounding_error(seen, family.perturbations, scale, unit),
        unit=unit,
        labels=labels,
        classes=classes,
    )


def _rounding_error(
    seen: BehindMap, perturbations: Perturbations, scale: Array | None, unit: float
) -> Array:
    """Bound (n,) on what rounding in front of the bounds does to a row."""
    sizes = None if seen.sizes is None else _operator(seen.view, seen.sizes, scale)
    if sizes is None:
        return seen.rounding_error
    nothing_cancels = replace(perturbations, matrix=sizes / unit)
    moves: Array = seen.rounding_of_moves(perturbations, nothing_cancels)
    return seen.rounding_error + moves


def _power_of_two(size: float) -> float:
    """Power of 2 near a size: dividing by it rounds nothing."""
    return 2.0 ** min(max(math.frexp(size)[1], -1000), 1000) if size > 0 else 1.0


def _box_slack(X: Array, bounds: Bounds, scale: Array | None) -> tuple[Array, Array]:
    lo, hi = checked_bounds(X, bounds)
    sides = outward(X - lo, X.shape[1]), outward(hi - X, X.shape[1])
    if scale is None:
        return sides
    # A frozen feature has no slack: its budget of 0 is never more than it needs.
    moves = np.broadcast_to(scale > 0, X.shape)
    down, up = (
        np.divide(side, scale, out=np.zeros_like(side), where=moves) for side in sides
    )
    return down, up


def _operator(view: View, matrix: Matrix | None, scale: Array | None) -> Tensor | None:
    """Map perturbations in units of their budgets to what the model sees."""
    if matrix is None:
        return None if scale is None else view.tensor(scale)
    found = _diagonal(matrix)
    return view.tensor(found if scale is None else found * scale)


def _diagonal(matrix: Matrix) -> Array:
    """Write the matrix as its diagonal (d,), if it has no other entries, or in full."""
    if isinstance(matrix, np.ndarray):
        return matrix
    if matrix.shape[0] == matrix.shape[1]:
        diagonal = matrix.diagonal()
        if matrix.nnz == np.count_nonzero(diagonal):
            return np.asarray(diagonal)
    return np.asarray(matrix.toarray())
