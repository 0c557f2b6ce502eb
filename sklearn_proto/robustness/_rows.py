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
    checked_norm,
    checked_scale,
)
from sklearn_proto.robustness._batch import View
from sklearn_proto.robustness._containers import without_names
from sklearn_proto.robustness._family import Family, family_of
from sklearn_proto.robustness._front import affine_front
from sklearn_proto.robustness._perturbations import Perturbations

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows to certify, as the classifier behind a pipeline sees them.

    Parameters
    ----------
    estimator : classifier
        The last step.
    z : ndarray of shape (n, dz)
        Rows as it sees them.
    family : Family
        Bounds for its certifiable view, and perturbations of the raw features.
    room : tuple of two ndarrays of shape (n, n_features), optional
        How far each raw feature may fall and rise, in units of its budget.
    """

    estimator: Any
    z: Array
    family: Family[Any]
    room: tuple[Array, Array] | None

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

    def wrong(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Which rows are not predicted as `y` says."""
        with without_names():
            return np.asarray(self.estimator.predict(self.z) != y)


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
    perturbations = Perturbations(p, n_features, operator)
    return Rows(front.estimator, z, family_of(view, perturbations), room)


def _room(X: Array, bounds: Bounds, scale: Array | None) -> tuple[Array, Array]:
    lo, hi = checked_bounds(X, bounds)
    if scale is None:
        return X - lo, hi - X
    # A frozen feature has no room: its budget of 0 is never more than it needs.
    moves = np.broadcast_to(scale > 0, X.shape)
    down, up = (
        np.divide(side, scale, out=np.zeros_like(side), where=moves)
        for side in (X - lo, hi - X)
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
