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


def nearest_contributions(
    values: Array, indices: NDArray[np.intp], n_prototypes: int
) -> Contributions:
    """Minus the dissimilarity of the closest prototype of each class.

    Parameters
    ----------
    values : ndarray of shape (n, C)
        Dissimilarity of the closest prototype of each class to at least one row,
        infinite for a class without prototypes.
    indices : ndarray of shape (n, C)
        Which prototype that is; any, for a class without prototypes.
    n_prototypes : int
        Number K of prototypes of all classes together.

    Returns
    -------
    Contributions
        Values (n, C, K), all but one of a row and class 0, and a baseline of 0, or of
        minus infinity for a class without prototypes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_proto.explain import nearest_contributions
    >>> parts = nearest_contributions(
    ...     np.array([[0.5, 2.0]]), np.array([[1, 2]]), n_prototypes=3
    ... )
    >>> parts.values[0]
    array([[ 0. , -0.5,  0. ],
           [ 0. ,  0. , -2. ]])
    """
    absent = np.isinf(values).all(axis=0)
    closest = np.where(absent, 0.0, -values)
    parts = np.zeros((*values.shape, n_prototypes))
    np.put_along_axis(parts, indices[:, :, None], closest[:, :, None], axis=2)
    return Contributions(parts, np.where(absent, -np.inf, 0.0))
