"""The norm that measures how far rows move."""

from numbers import Real
from typing import Any

import numpy as np

from sklearn_proto._validation import shown


def checked_norm(norm: Any) -> float:
    """Check the p of an lp norm, at least 1."""
    try:
        number = isinstance(norm, Real) and not isinstance(norm, bool)
        p = float(norm) if number else np.nan
    except OverflowError:
        p = np.nan
    if not p >= 1:
        raise ValueError(
            f"norm={shown(norm)} is not allowed; use 1, 2, numpy.inf or p >= 1."
        )
    return p


def radius_of_norm(norm: float) -> str:
    """Say what a radius is one of, for a figure."""
    return "l-infinity radius" if np.isinf(norm) else f"l{norm:g} radius"
