"""The unit in which a fit computes."""

import numpy as np
from numpy.typing import NDArray

# Squares of distances of less vanish, or lose digits.
_SMALLEST = 1e-150


def typical_unit(X: NDArray[np.floating]) -> float:
    """Power of two next to the root mean square deviation of the features.

    A fit computes in this unit, so that steps and tolerances fit the data, whatever
    their scale, and squares neither overflow nor vanish. It is 1 for standardised
    features. Dividing by a power of two changes no digit: the fit of ``2 * X`` is that
    of ``X``.

    Raises
    ------
    ValueError
        If the rows differ by so little that squared distances between them vanish.
    """
    # Half of a half, so that neither the sum nor the difference overflows.
    X = X.astype(np.float64) / 4
    deviations = X - (X / len(X)).sum(axis=0)
    largest = np.abs(deviations).max()
    if not largest > 0:
        return 1.0
    if largest < _SMALLEST / 4:
        raise ValueError(
            f"X differs by at most {4 * largest:.3g} from the mean of its features, "
            f"but distances of less than {_SMALLEST:g} have squares that vanish. "
            "Multiply X by a constant."
        )
    _, exponent = np.frexp(largest)
    mean_square = np.square(np.ldexp(deviations, -exponent)).mean()
    return float(2.0 ** (2 + exponent + np.round(np.log2(mean_square) / 2)))
