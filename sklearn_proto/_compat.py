"""The private names of scikit-learn this package uses, in one place."""

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
