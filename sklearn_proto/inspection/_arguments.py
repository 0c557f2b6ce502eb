"""Checks of the arguments that displays take."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d

from sklearn_proto._compat import Interval, validate_parameter_constraints
from sklearn_proto._validation import shown, without_graph

# Of a grid and beyond it: more is out of memory, or has no square.
_FINEST, _FARTHEST = 5_000, 1e100

_ALLOWED: dict[str, list[Any]] = {
    "n_columns": [Interval(Integral, 1, None, closed="left"), None],
    "grid_resolution": [Interval(Integral, 2, _FINEST, closed="both")],
    "eps": [Interval(Real, 0, _FARTHEST, closed="both"), None],
    "method": [str],
    "title": [str, None],
}


def check_arguments(caller: str, **given: Any) -> None:
    """Check arguments by what `caller` allows of each.

    Raises
    ------
    ValueError
        If one is not allowed.
    """
    allowed = {name: _ALLOWED[name] for name in given}
    validate_parameter_constraints(allowed, given, caller_name=caller)


def check_axes(ax: Any, *, figures: bool = False) -> None:
    """Check that something can be drawn on, if it is not None.

    Raises
    ------
    TypeError
        If it is neither axes nor, where `figures` are allowed, a figure.
    """
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if ax is None or isinstance(ax, (Axes, Figure) if figures else Axes):
        return
    what = "matplotlib Axes or a blank Figure" if figures else "matplotlib Axes"
    raise TypeError(f"ax={shown(ax)} must be {what}, or None for a new figure.")


def checked_labels(y: ArrayLike, n: int) -> NDArray[Any]:
    """Check labels of shape (n,), or (n, 1).

    Raises
    ------
    ValueError
        If there is not one for each row.
    """
    try:
        labels = np.asarray(column_or_1d(without_graph(y)))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y must hold a label for each of {n} rows: {error}"
        ) from error
    if len(labels) != n or n == 0:
        raise ValueError(
            f"y has {len(labels)} labels, and X {n} rows; at least 1 each."
        )
    return labels
