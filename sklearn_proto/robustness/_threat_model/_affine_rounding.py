"""What the arithmetic of the steps in front of a classifier does to a row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sklearn_proto.robustness._threat_model._affine_steps import Matrix

Array = NDArray[np.float64]

# A row that is certified and one that is perturbed are both off, the latter from up to
# twice as far; and a sum of n terms may be made in some other way than as one product.
_TIMES, _MORE = 4.0, 16


def rounding_of_step(
    step: Any, matrix: Matrix | None, given: Any, made: Any, error: Array | None
) -> Array | None:
    """Bound the errors (n, d_out) of the rows that an affine step has made.

    Every entry of ``A x + m`` is a sum. It is off by a few units in the last place, for
    each of its terms, of what is summed up: ``|A| |x|``, and ``|m|``, which is at most
    the sum of that and of what came out.

    Parameters
    ----------
    step : transformer
        The fitted step.
    matrix : None, ndarray or scipy.sparse.csr_array of shape (d_out, d_in)
        Its A.
    given, made : array-like, frame or sparse matrix
        Rows before and after it.
    error : ndarray of shape (n, d_in), optional
        Errors of the rows that it was given, 0 by default. None comes back likewise
        where nothing is computed.
    """
    if matrix is None:
        return error
    summed = _through(matrix, _sizes(given, step))
    own: Array = rounding_of_sums(matrix) * (2.0 * summed + _sizes(made, None))
    return own if error is None else own + _through(matrix, error)


def lengths_of_errors(errors: Array | None, n: int) -> Array:
    """Euclidean lengths (n,) of errors (n, d); 0 where nothing is computed."""
    return np.zeros(n) if errors is None else np.linalg.norm(errors, axis=1)


def rounding_of_sums(matrix: Matrix) -> float:
    """Bound the errors of the products with a matrix, as a share of what is summed."""
    terms = int((abs(matrix) > 0).sum(axis=1).max())
    return float(_TIMES * (terms + _MORE) * np.finfo(np.float64).eps)


def _through(matrix: Matrix, sizes: Array) -> Array:
    found: Array = np.asarray((abs(matrix) @ sizes.T).T)
    return found


def _sizes(rows: Any, step: Any) -> Array:
    """Absolute values (n, d), 0 for columns that are no numbers."""
    if sparse.issparse(rows):
        rows = rows.toarray()
    if not hasattr(rows, "columns"):
        rows = np.asarray(rows)
        if rows.dtype != object:
            return np.abs(np.asarray(rows, dtype=np.float64))
        return np.column_stack([_numbers(column) for column in rows.T])
    # A step finds its columns by their names, in whatever order they come.
    names = getattr(step, "feature_names_in_", rows.columns)
    return np.column_stack([_numbers(rows[name]) for name in names])


def _numbers(column: Any) -> Array:
    try:
        return np.abs(np.asarray(column, dtype=np.float64))
    except (TypeError, ValueError):
        return np.zeros(len(column))
