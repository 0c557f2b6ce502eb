"""The private names of scikit-learn this package uses, in one place."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import Interval as _Interval
from sklearn.utils._param_validation import (
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "Interval",
    "InvalidParameterError",
    "NameIn",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "validate_parameter_constraints",
]


class Interval(_Interval):  # type: ignore[misc]
    """Numbers of a range that torch and numpy compute with.

    Booleans, fractions and integers that no float can hold are none: what is let
    through here must not fail in the middle of a fit.
    """

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether the value is such a number."""
        if isinstance(val, bool) or not isinstance(val, (int, float, np.number)):
            return False
        if isinstance(val, (int, np.integer)) and abs(int(val)) >= 2**63:
            return False
        return bool(super().is_satisfied_by(val))


class NameIn(StrOptions):  # type: ignore[misc]
    """Names in a table, read when a value is checked: extensions add to tables.

    Parameters
    ----------
    table : mapping of str
        What each name stands for.
    *others : str
        Names besides.
    """

    def __init__(self, table: Mapping[str, Any], *others: str) -> None:
        self._table, self._others = table, others
        super().__init__({*table, *others})

    @property
    def options(self) -> set[str]:
        """All names that are there now."""
        return {*self._table, *self._others}

    @options.setter
    def options(self, names: set[str]) -> None:
        del names  # scikit-learn keeps those of the start.
