"""The unit in which a fit computes."""

import numpy as np
from numpy.typing import NDArray


def typical_unit(X: NDArray[np.floating]) -> float:
    """Power of two next to the root mean square deviation of the features.

    A fit computes in this unit, so that steps and tolerances fit the data, whatever
    their scale, and squares neither overflow nor vanish. It is 1 for standardised
    features. Dividing by a power of two changes no digit: the fit of ``2 * X`` is that
    of ``X``.
    """
    # Half of a half, so that neither the sum nor the difference overflows.
    X = X.astype(np.float64) / 4
    deviations = X - (X / len(X)).sum(axis=0)
    largest = np.abs(deviations).max()
    if not largest > 0:
        return 1.0
    _, exponent = np.frexp(largest)
    mean_square = np.square(np.ldexp(deviations, -exponent)).mean()
    return float(2.0 ** (2 + exponent + np.round(np.log2(mean_square) / 2)))
