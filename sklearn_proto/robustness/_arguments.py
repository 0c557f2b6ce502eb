"""Checks of the arguments that every certificate and attack takes."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d

Array = NDArray[np.float64]
Bounds = tuple[ArrayLike, ArrayLike]


def checked_norm(norm: Any) -> float:
    """Check the p of an lp norm, at least 1."""
    if isinstance(norm, bool) or not isinstance(norm, Real) or not float(norm) >= 1:
        raise ValueError(
            f"norm={norm!r} is not allowed; use 1, 2, numpy.inf or p >= 1."
        )
    return float(norm)


def checked_bounds(X: NDArray[np.floating], bounds: Any) -> tuple[Array, Array]:
    """Check the box: limits (n_features,) that every row of `X` keeps."""
    try:
        lo, hi = (np.broadcast_to(np.asarray(b, float), X.shape[1:]) for b in bounds)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"bounds={bounds!r} must be (lower, upper), each a scalar or of shape "
            f"({X.shape[1]},)."
        ) from error
    if not (lo <= hi).all():
        raise ValueError(f"bounds={bounds!r} must have lower <= upper, without NaN.")
    outside = np.flatnonzero(((lo > X) | (hi < X)).any(axis=1))
    if len(outside):
        raise ValueError(
            f"{len(outside)} rows of X are outside bounds, the first is row "
            f"{outside[0]}."
        )
    return lo, hi


def checked_scale(scale: Any, n_features: int) -> Array:
    """Check the budget (n_features,) of each feature at a perturbation of size 1."""
    try:
        found = np.asarray(scale, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"feature_scale={scale!r} must hold numbers.") from error
    if found.shape != (n_features,):
        raise ValueError(
            f"feature_scale has shape {found.shape}; it must be ({n_features},), one "
            "number for each feature."
        )
    if not ((found >= 0) & np.isfinite(found)).all():
        raise ValueError(
            f"feature_scale={scale!r} must be finite and at least 0; 0 freezes a "
            "feature."
        )
    if not found.any():
        raise ValueError("feature_scale freezes every feature; one must be above 0.")
    return found


def checked_labels(y: ArrayLike, n: int) -> NDArray[Any]:
    """Check labels of shape (n,), or a column of them with the warning of a fit."""
    found = np.asarray(column_or_1d(y, warn=True))
    if found.shape != (n,):
        raise ValueError(f"y has shape {found.shape}, but X has {n} rows.")
    return found
