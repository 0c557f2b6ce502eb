"""Matrices of the affine transformers that certificates see through."""

from collections.abc import Callable, Iterable
from inspect import getattr_static
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._inputs._pipelines import passes
from sklearn_proto._validation import shown

Matrix: TypeAlias = NDArray[np.float64] | sparse.csr_array
Parts: TypeAlias = list[tuple[str, Any, Any]]


def register_affine(cls: type, function: Callable[[Any], Any]) -> None:
    """Let certificates see through another class of affine transformers.

    Parameters
    ----------
    cls : type
        Class of transformers ``X -> X @ A.T + m``. Subclasses count too, unless they
        override ``transform``.
    function : callable
        Maps a fitted transformer to its A: an ndarray or a sparse matrix of shape
        (n_features_out, n_features_in), or None for the identity. It raises a
        ValueError for a transformer whose parameters make it another map. A wrong
        matrix makes certificates wrong.

    Examples
    --------
    >>> from sklearn.decomposition import TruncatedSVD
    >>> from sklearn_proto.robustness import register_affine
    >>> register_affine(TruncatedSVD, lambda svd: svd.components_)
    """
    if not isinstance(cls, type):
        raise ValueError(f"cls={shown(cls)} must be a class.")
    if not callable(function):
        raise ValueError(f"function={shown(function)} must be a callable.")
    _MATRICES[cls] = function


def _drops(step: Any) -> bool:
    return isinstance(step, str) and step == "drop"


def product(matrices: Iterable[Matrix | None]) -> Matrix | None:
    """Product of the matrices, the last one on the left; None is the identity."""
    found: Matrix | None = None
    for matrix in matrices:
        if matrix is not None:
            found = matrix if found is None else matrix @ found
    return found


def _composed(steps: Iterable[tuple[str, Any]]) -> Matrix | None:
    return product(matrix_of_step(name, step) for name, step in steps)


def matrix_of_step(name: str, step: Any) -> Matrix | None:
    """Matrix of one fitted step; errors say which step it is."""
    if passes(step):
        return None
    check_is_fitted(step)
    try:
        return _checked(_function_for(step)(step), step)
    except ValueError as error:
        raise ValueError(f"step {name!r}: {error}") from error


def _function_for(step: Any) -> Callable[[Any], Any]:
    """Entry of the nearest base class, if the step has inherited its ``transform``."""
    cls = type(step)
    known = next((base for base in cls.__mro__ if base in _MATRICES), None)
    if known is not None:
        own, inherited = (getattr_static(c, "transform", None) for c in (cls, known))
        if own is inherited:
            return _MATRICES[known]
    raise _refusal(cls.__name__)


def _refusal(what: str) -> ValueError:
    return ValueError(
        f"{what} is not known to be affine, so certificates cannot see through it; "
        f"supported are 'passthrough', {', '.join(c.__name__ for c in _MATRICES)}, "
        "and what register_affine adds."
    )


def _checked(matrix: Any, step: Any) -> Matrix | None:
    """Float64 CSR or ndarray with a column for each feature that the step takes."""
    if matrix is None:
        return None
    if sparse.issparse(matrix):
        matrix = sparse.csr_array(matrix, dtype=np.float64)
    else:
        matrix = np.asarray(matrix, dtype=np.float64)
    width = getattr(step, "n_features_in_", None)
    if matrix.ndim != 2 or width not in (None, matrix.shape[1]):
        raise ValueError(
            f"the matrix of {type(step).__name__} has shape {matrix.shape}, but must "
            f"have shape (n_features_out, {width})."
        )
    return matrix


def _diagonal(scale: NDArray[np.floating] | None) -> sparse.csr_array | None:
    return None if scale is None else sparse.diags_array(scale).tocsr()


def _selection(columns: Any, n_features: int) -> sparse.csr_array:
    entries = np.ones(len(columns)), (np.arange(len(columns)), columns)
    return sparse.csr_array(entries, shape=(len(columns), n_features))


def _divisor(scaler: Any) -> sparse.csr_array | None:
    """StandardScaler and RobustScaler divide, unless told not to scale."""
    return None if scaler.scale_ is None else _diagonal(1.0 / scaler.scale_)


def _min_max(scaler: Any) -> sparse.csr_array | None:
    if scaler.clip:
        raise _refusal("MinMaxScaler(clip=True)")
    return _diagonal(scaler.scale_)


def _max_abs(scaler: Any) -> sparse.csr_array | None:
    if getattr(scaler, "clip", False):  # scikit-learn 1.8 added it.
        raise _refusal("MaxAbsScaler(clip=True)")
    return _diagonal(1.0 / scaler.scale_)


def _identity(transformer: Any) -> None:
    if transformer.func is not None:
        raise _refusal(f"FunctionTransformer(func={transformer.func!r})")


def _components(pca: Any) -> Any:
    components = np.asarray(pca.components_, dtype=np.float64)
    if not pca.whiten:
        return components
    scale = np.sqrt(pca.explained_variance_)
    # The floor is that of PCA.transform, where the data have less than full rank.
    return components / np.maximum(scale, np.finfo(scale.dtype).eps)[:, None]


def _support(selector: Any) -> sparse.csr_array:
    mask = selector.get_support()
    return _selection(np.flatnonzero(mask), len(mask))


def _stacked(parts: Parts, n_features: int, weights: dict[str, float] | None) -> Any:
    """Matrices of steps side by side, each of some columns and times its weight."""
    blocks = []
    for name, step, columns in parts:
        block = _selection(columns, n_features)
        matrix = matrix_of_step(name, step)
        block = block if matrix is None else matrix @ block
        blocks.append(sparse.csr_array(block * (weights or {}).get(name, 1.0)))
    return sparse.vstack(blocks)


def _columns(transformer: Any) -> Any:
    # scikit-learn's own reading of names, slices, masks and callables.
    columns = transformer._transformer_to_input_indices
    parts = [
        (name, step, columns[name])
        for name, step, _ in transformer.transformers_
        if len(columns[name]) and not _drops(step)
    ]
    n_features = transformer.n_features_in_
    return _stacked(parts, n_features, transformer.transformer_weights)


def _union(union: Any) -> Any:
    steps = [(name, step) for name, step in union.transformer_list if not _drops(step)]
    n_features = steps[0][1].n_features_in_  # The union's own fails where it drops.
    parts = [(name, step, np.arange(n_features)) for name, step in steps]
    return _stacked(parts, n_features, union.transformer_weights)


# The first base class found here decides, see `register_affine`.
_MATRICES: dict[type, Callable[[Any], Any]] = {
    StandardScaler: _divisor,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _divisor,
    PCA: _components,
    SelectorMixin: _support,
    FunctionTransformer: _identity,
    ColumnTransformer: _columns,
    FeatureUnion: _union,
    Pipeline: lambda pipeline: _composed(pipeline.steps),
    FrozenEstimator: lambda frozen: matrix_of_step("estimator", frozen.estimator),
}
