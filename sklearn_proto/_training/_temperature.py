"""Probabilities for losses that are not a likelihood."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(
    scores: NDArray[np.float64], y: NDArray[np.intp], weight: NDArray[np.float64]
) -> float:
    """Temperature of the softmax that fits the labels best (Guo et al. 2017).

    It is sought within factors of 1e-3 and 1e3 of the spread of the scores, so that
    separable classes do not send it to zero.
    """
    spread = float(np.ptp(scores, axis=1).mean())
    if not spread > 0:
        return 1.0
    rows = np.arange(len(y))

    def loss(log_temperature: float) -> float:
        p = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(np.average(p[rows, y], weights=weight))

    centre = np.log(spread)
    reach = np.log(1e3)
    found = minimize_scalar(
        loss, bounds=(centre - reach, centre + reach), method="bounded"
    )
    return float(np.exp(found.x))
