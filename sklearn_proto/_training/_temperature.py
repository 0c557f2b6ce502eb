"""Probabilities for losses that are not a likelihood."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def fit_temperature(
    scores: NDArray[np.float64], y: NDArray[np.intp], weight: NDArray[np.float64]
) -> float:
    """Temperature of the softmax that fits the labels best (Guo et al. 2017).

    Every class counts one more row than it has (Platt 1999), so that separable classes
    do not send the temperature to zero. Rows count as rows and not by their weights, of
    which only the ratios matter.
    """
    spread = float(np.ptp(scores, axis=1).mean())
    if not spread > 0:
        return 1.0
    rows = np.arange(len(y))
    n_classes = scores.shape[1]
    doubt = n_classes / (len(y) + n_classes)

    def loss(log_temperature: float) -> float:
        p = log_softmax(scores / np.exp(log_temperature), axis=1)
        target = (1 - doubt) * p[rows, y] + doubt * p.mean(axis=1)
        return -float(np.average(target, weights=weight))

    centre = np.log(spread)
    reach = np.log(1e3)
    found = minimize_scalar(
        loss, bounds=(centre - reach, centre + reach), method="bounded"
    )
    return float(np.exp(found.x))
