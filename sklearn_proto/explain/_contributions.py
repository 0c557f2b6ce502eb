"""Arithmetic of explanations: parts that add up to the score."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Contributions:
    """Parts of the class scores of n rows."""

    values: Array
    """(n, C, K): what each prototype adds to the score of each class."""
    baseline: Array
    """(C,): what is there without any prototype."""
    evidence: dict[str, Array] = field(default_factory=dict)
    """Named finer terms, each (n, C, K)."""


def linear_contributions(
    similarities: Array, coefficients: Array, intercept: Array
) -> Contributions:
    """``V[c, k] phi_k`` of an RBF network with weights (C, K) and biases (C,)."""
    return Contributions(similarities[:, None, :] * coefficients, intercept)


def agreement_contributions(similarities: Array, reasoning: Array) -> Contributions:
    """Agreement of each component with the winning concept of each class.

    An agreement is an expectation over components, so it has no baseline. What is left
    of the probability of a component is its disagreement.

    Parameters
    ----------
    similarities : ndarray of shape (n, K)
        Detection probabilities.
    reasoning : ndarray of shape (C, q, K, 2)
        R+ and R- of every concept.
    """
    presence, absence = reasoning[..., 0], reasoning[..., 1]
    scores = np.einsum("nk,cqk->ncq", similarities, presence - absence)
    winner = (scores + absence.sum(-1)).argmax(-1)
    classes = np.arange(reasoning.shape[0])
    presence, absence = presence[classes, winner], absence[classes, winner]
    phi = similarities[:, None, :]
    evidence = {
        "positive_agreement": phi * presence,
        "negative_agreement": (1 - phi) * absence,
        "positive_disagreement": (1 - phi) * presence,
        "negative_disagreement": phi * absence,
    }
    values = evidence["positive_agreement"] + evidence["negative_agreement"]
    return Contributions(values, np.zeros(reasoning.shape[0]), evidence)
