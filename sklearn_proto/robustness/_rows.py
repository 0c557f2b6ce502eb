"""What certificates need to know of a fitted classifier and of rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_proto.robustness._affine_steps import Matrix
from sklearn_proto.robustness._arguments import (
    Bounds,
    checked_bounds,
    checked_labels,
    checked_norm,
    checked_scale,
)
from sklearn_proto.robustness._batch import Batch, View
from sklearn_proto.robustness._containers import (
    flat,
    in_order_of_fit,
    predictions,
)
from sklearn_proto.robustness._contract import require_own_predict
from sklearn_proto.robustness._family import Family, family_of
from sklearn_proto.robustness._front import affine_front
from sklearn_proto.robustness._perturbations import Perturbations

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows to certify, as the classifier behind a pipeline sees them.

    Parameters
    ----------
    z : ndarray of shape (n, dz)
        Rows as the classifier sees them.
    family : Family
        Bounds for its certifiable view, and perturbations of the raw features.
    room : tuple of two ndarrays of shape (n, n_features), optional
        How far each raw feature may fall and rise, in units of its budget.
    labels : ndarray of shape (n,), optional
        What ``predict`` says; None for a classifier that has no ``predict``.
    classes : ndarray of shape (n_classes,), optional
        Labels of the classes of the view; None for their indices.
    """

    z: Array
    family: Family[Any]
    room: tuple[Array, Array] | None
    labels: NDArray[Any] | None
    classes: NDArray[Any] | None

    def batches(self) -> Iterator[tuple[slice, Any]]:
        """Slices of the rows and their batches, as the family makes them."""
        view = self.family.view
        for rows, z in view.batches(self.z, self.family.rows_at_once):
            predicted = view.class_scores(z).argmax(1)
            perturbations = self.family.perturbations
            if self.room is not None:
                down, up = (view.tensor(side[rows]) for side in self.room)
                perturbations = perturbations.within(down, up)
            yield rows, self.family.batch(perturbations, z, predicted)

    def of_predictions(self, chosen: slice, batch: Batch, radius: Tensor) -> Array:
        """Radii (m,) of a batch, if they are about what ``predict`` says.

        On a tie, up to rounding, it may say another class; nothing is certified there.

        Raises
        ------
        TypeError
            If there is a radius around a row that is predicted otherwise.
        """
        found = np.asarray(radius.cpu().numpy(), dtype=np.float64)
        if self.labels is None:
            return found
        winner = batch.predicted.cpu().numpy()
        certified = winner if self.classes is None else self.classes[winner]
        unlike = (self.labels[chosen] != certified) & (found > 0)
        if unlike.any():
            row = int(unlike.argmax())
            raise TypeError(
                f"row {chosen.start + row} of X is predicted as "
                f"{self.labels[chosen][row]!r}, but certifiable_view() scores "
                f"{certified[row]!r} highest: it is not the view of what predict does. "
                "Return a view with arrays that make the scores of predict."
            )
        return found

    def wrong(self, y: ArrayLike) -> NDArray[np.bool_]:
        """Which rows are not predicted as `y` says."""
        labels = checked_labels(y, len(self.z))
        if self.labels is None:
            raise TypeError("y was given, but the classifier has no predict.")
        return np.asarray(self.labels != labels)


def rows_of(
    estimator: Any,
    X: ArrayLike,
    *,
    norm: float,
    bounds: Bounds | None,
    feature_scale: ArrayLike | None,
) -> Rows:
    """Look through a pipeline, and express perturbations of its raw features."""
    p = checked_norm(norm)
    front = affine_front(estimator)
    require_own_predict(front.estimator)
    # It refuses what it refuses anywhere else.
    labels = predictions(estimator, X)
    X = flat(in_order_of_fit(estimator, X))
    z = front.transform(X)
    matrix = front.matrix
    n_features = z.shape[1] if matrix is None else matrix.shape[1]
    scale = None
    if feature_scale is not None:
        scale = checked_scale(feature_scale, n_features)
    room = None
    if bounds is not None:
        room = _room(np.asarray(X, dtype=np.float64), bounds, scale)
    view: View = front.estimator.certifiable_view()
    operator = _operator(view, matrix, scale)
    family = family_of(view, Perturbations(p, n_features, operator))
    classes = getattr(front.estimator, "classes_", None)
    return Rows(z, family, room, labels, classes)


def _room(X: Array, bounds: Bounds, scale: Array | None = None) -> tuple[Array, Array]:
    """How far each feature of each row may fall and rise, or a little more.

    What is between a row and a side of the box is rounded up, so that no perturbation
    inside the box is left out.
    """
    lo, hi = checked_bounds(X, bounds)
    down, up = _difference_above(X, lo), _difference_above(hi, X)
    if scale is None:
        return down, up
    # A frozen feature has no room: its budget of 0 is never more than it needs.
    moves = np.broadcast_to(scale > 0, X.shape)
    return _quotient_above(down, scale, moves), _quotient_above(up, scale, moves)


def _difference_above(a: Array, b: Array) -> Array:
    """``a - b``, at least 0, or the next number above where that rounds down."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.asarray(a - b)
        # Knuth's error of a difference, exact without overflow.
        back = found - a
        error = (a - (found - back)) - (b + back)
    return np.where(error > 0, np.nextafter(found, np.inf), found)


def _quotient_above(side: Array, scale: Array, moves: NDArray[np.bool_]) -> Array:
    """``side / scale`` or the next number above, 0 where nothing moves."""
    with np.errstate(over="ignore"):
        found = np.divide(side, scale, out=np.zeros_like(side), where=moves)
    return np.where(found > 0, np.nextafter(found, np.inf), found)


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
