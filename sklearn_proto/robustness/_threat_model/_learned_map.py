"""See through the linear map of a learned metric, the last step before the model.

Behind it ``|omega (x - w)|`` is a distance between points, ``omega x`` and ``omega w``,
and a perturbation of raw features moves a row by ``omega A delta``. So every bound
holds as it is, and knows nothing of the map.

Proof in the guide: `learned-map`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._threat_model._affine_rounding import (
    lengths_of_errors,
    rounding_of_step,
    rounding_of_sums,
)
from sklearn_proto.robustness._threat_model._affine_steps import Matrix, product
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BehindMap:
    """Rows, and the model, as they are behind every step that is affine.

    Parameters
    ----------
    view : Any
        Certifiable view without a map.
    rows : ndarray of shape (n, r)
        Rows as this view sees them.
    rounding_error : ndarray of shape (n,)
        How far rounding may have moved each row, and a prototype besides.
    matrix : None, ndarray or sparse array of shape (r, n_features)
        What all steps do to a perturbation.
    sizes : ndarray or sparse array of shape (r, n_features), optional
        The same of sizes, none of which cancel; None without a map.
    relative_error : float
        Error of the map's sums, as a share of what is summed.
    """

    view: Any
    rows: Array
    rounding_error: Array
    matrix: Matrix | None
    sizes: Matrix | None = None
    relative_error: float = 0.0

    def rounding_of_moves(self, moved: Perturbations, sizes: Perturbations) -> Array:
        """Bound (n,) on the errors of what perturbations add, and of the matrix.

        Parameters
        ----------
        moved, sizes : Perturbations
            Of the `matrix` and of the `sizes`.

        Returns
        -------
        ndarray of shape (n,)
            For perturbations that move a row by up to the scale of the view.
        """
        length, summed = moved.lipschitz, sizes.lipschitz
        if summed == 0:
            return np.zeros(len(self.rows))
        cancelled = summed / length if length > 0 else np.inf
        scale = self.view.scale(self.view.tensor(self.rows)).cpu().numpy()
        return np.asarray(self.relative_error * cancelled * scale)


def behind_map(
    view: Any, rows: Array, errors: Array | None, matrix: Matrix | None
) -> BehindMap:
    """Map rows and prototypes, if the view has a map for all of them.

    Parameters
    ----------
    view : Any
        Certifiable view.
    rows : ndarray of shape (n, dz)
        Rows as it sees them.
    errors : ndarray of shape (n, dz), optional
        How far the steps in front may have moved them.
    matrix : None, ndarray or sparse array of shape (dz, n_features)
        What those steps do to a perturbation.
    """
    if not isinstance(view, SimilarityView) or view.omega is None:
        return BehindMap(view, rows, lengths_of_errors(errors, len(rows)), matrix)
    omega = np.asarray(view.omega, dtype=np.float64)
    inner, origin = view.behind_map, view.origin.cpu().numpy()
    mapped = _mapped(view, rows)
    errors = rounding_of_step(None, omega, rows - origin, mapped, errors)
    of_prototypes = rounding_of_step(
        None, omega, view.prototypes - origin, inner.prototypes, None
    )
    error = lengths_of_errors(errors, len(rows))
    error = error + lengths_of_errors(of_prototypes, 1).max()
    step = _as_step(omega)
    every = product([matrix, step])
    sizes = product([None if matrix is None else abs(matrix), abs(step)])
    return BehindMap(inner, mapped, error, every, sizes, rounding_of_sums(omega))


def _as_step(omega: Array) -> Matrix:
    """Map as a matrix that says so if it is diagonal: sharper bounds know that."""
    square = omega.shape[0] == omega.shape[1]
    diagonal = square and not (omega - np.diag(omega.diagonal())).any()
    return sparse.csr_array(omega) if diagonal else omega


def _mapped(view: SimilarityView, rows: Array) -> Array:
    assert view.omega is not None
    out = np.empty((len(rows), len(view.omega)))
    for some, x in view.batches(rows):
        out[some] = view.coordinates(x).cpu().numpy()
    return out
