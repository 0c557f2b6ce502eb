"""Checks of the arguments that every certificate and attack takes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._validation import as_numbers, shown

Array = NDArray[np.float64]
Bounds = tuple[ArrayLike, ArrayLike]

# Sizes of budgets whose squares, and quotients of them, are numbers.
_SMALLEST, _LARGEST = 1e-100, 1e100


def checked_bounds(X: NDArray[np.floating], bounds: Any) -> tuple[Array, Array]:
    """Check the box: limits (n_features,) that every row of `X` keeps."""
    try:
        lo, hi = (np.broadcast_to(as_numbers("bounds", b), X.shape[1:]) for b in bounds)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"bounds={shown(bounds)} must be (lower, upper), each a scalar or of shape "
            f"({X.shape[1]},)."
        ) from error
    if not (lo <= hi).all():
        raise ValueError(
            f"bounds={shown(bounds)} must have lower <= upper, without NaN."
        )
    outside = np.flatnonzero(((lo > X) | (hi < X)).any(axis=1))
    if len(outside):
        raise ValueError(
            f"{len(outside)} rows of X are outside bounds, the first is row "
            f"{outside[0]}."
        )
    return lo, hi


def checked_scale(scale: Any, n_features: int) -> Array:
    """Check the budget (n_features,) of each feature at a perturbation of size 1."""
    found = as_numbers("feature_scale", scale)
    if found.shape != (n_features,):
        raise ValueError(
            f"feature_scale has shape {found.shape}; it must be ({n_features},), one "
            "number for each feature."
        )
    if not ((found >= 0) & np.isfinite(found)).all():
        raise ValueError(
            f"feature_scale={shown(scale)} must be finite and at least 0; 0 freezes "
            "a feature."
        )
    if not found.any():
        raise ValueError("feature_scale freezes every feature; one must be above 0.")
    free = found[found > 0]
    if free.min() < _SMALLEST or free.max() > _LARGEST:
        raise ValueError(
            f"feature_scale={shown(scale)} must be 0 or between {_SMALLEST:g} and "
            f"{_LARGEST:g}: squares of others are no numbers."
        )
    return found
