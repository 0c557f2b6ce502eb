"""Checks of arguments that several scores take."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d


def checked_count(name: str, value: Any, least: int = 1) -> int:
    """Check an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}.")
    return int(value)


def checked_amount(name: str, value: Any, *, most: float = np.inf) -> float:
    """Check a finite number of at least 0 and at most `most`."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 <= float(value) <= most or not np.isfinite(value):
        limit = "" if most == np.inf else f" and at most {most:g}"
        raise ValueError(f"{name}={value!r} must be a number of at least 0{limit}.")
    return float(value)


def checked_share(name: str, value: Any) -> float:
    """Check a number above 0 and at most 1."""
    found = checked_amount(name, value, most=1.0)
    if found == 0:
        raise ValueError(f"{name}={value!r} must be above 0.")
    return found


def checked_labels(y: ArrayLike | None, n: int) -> NDArray[Any]:
    """Check labels of shape (n,), or a column of them with the warning of a fit."""
    if y is None:
        raise ValueError("y=None, but this score needs the label of every row.")
    found = np.asarray(column_or_1d(y, warn=True))
    if found.shape != (n,):
        raise ValueError(f"y has shape {found.shape}, but X has {n} rows.")
    return found
