"""Checks of arguments: errors name the parameter, the value and what is allowed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from sklearn_proto._compat import (
    InvalidParameterError,
    validate_parameter_constraints,
)

Function = TypeVar("Function", bound=Callable[..., Any])

# Whoever shortens a message raises the same of these, the first that fits.
_KINDS = (InvalidParameterError, TypeError, ValueError)
# Characters of a value, or of a message, that help to find it.
_SHOWN = 300
# Squares of sums of this many times as much are still finite.
LARGEST = 1e150


def validated(**constraints: Any) -> Callable[[Function], Function]:
    """Check the arguments of a public function by a table.

    Parameters
    ----------
    **constraints : list or "no_validation"
        What every parameter may be, as in scikit-learn's ``_parameter_constraints``;
        "no_validation" for those that the function itself checks.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function: Function) -> Function:
        parameters = signature(function)

        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            given = parameters.bind(*args, **kwargs)
            given.apply_defaults()
            validate(constraints, given.arguments, function.__name__)
            return function(*args, **kwargs)

        wrapper._skl_parameter_constraints = constraints  # type: ignore[attr-defined]
        return wrapper  # type: ignore[return-value]

    return decorate


def validate(constraints: Any, values: Any, caller: str) -> None:
    """Check values by a table of constraints, with a message of a readable length.

    Raises
    ------
    ValueError
        If one is not allowed.
    """
    with readable():
        validate_parameter_constraints(constraints, values, caller)


@contextmanager
def readable() -> Iterator[None]:
    """Cut messages of errors about arguments to a length that can be read."""
    try:
        yield
    except (TypeError, ValueError) as error:
        text = str(error)
        if len(text) <= 3 * _SHOWN:
            raise
        kind = next(k for k in _KINDS if isinstance(error, k))
        raise kind(brief(text, 3 * _SHOWN)) from None


class ValidatedParameters:
    """Mixin of estimators: messages about parameters are of a readable length."""

    _parameter_constraints: dict[str, Any]

    def _validate_params(self) -> None:
        parameters = self.get_params(deep=False)  # type: ignore[attr-defined]
        validate(self._parameter_constraints, parameters, type(self).__name__)


def brief(text: str, most: int = _SHOWN) -> str:
    """Leave out the middle of a long text."""
    if len(text) <= most:
        return text
    return f"{text[: most - 40]} [...] {text[-34:]}"


def shown(value: Any) -> str:
    """Say what a value is, in a message."""
    return brief(repr(value))


def as_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Turn an argument into an array of float64.

    Raises
    ------
    ValueError
        If it holds no real numbers; the message names the parameter.
    """
    try:
        found = np.asarray(without_graph(value))
        if found.dtype.kind in "biufO":
            with np.errstate(over="ignore"):
                return found.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        pass
    raise ValueError(f"{name}={shown(value)} must hold real numbers.")


def as_column(name: str, value: Any) -> NDArray[Any]:
    """Labels, or a column of them with the warning of a fit.

    Raises
    ------
    ValueError
        If they are neither; the message names the parameter.
    """
    try:
        return np.asarray(column_or_1d(without_graph(value), warn=True))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}={shown(value)} must hold labels: {error}") from error


def without_graph(value: Any) -> Any:
    """Take a tensor out of the graph of its gradient; leave all else as it is."""
    return value.detach().cpu() if isinstance(value, torch.Tensor) else value
