"""Checks of the arguments that displays take."""

from numbers import Integral, Real
from typing import Any

from sklearn_proto._compat import Interval, validate_parameter_constraints

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
