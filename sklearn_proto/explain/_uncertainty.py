"""How uncertain decisions by sampled prototypes are, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Uncertainty:
    """Uncertainty of the classes of n rows, and of what explains them.

    Entropies are in nats. They look at differences of distances only: a row that is far
    from all prototypes can be certain of one of them. `distance` is what tells that it
    is like none.

    Parameters
    ----------
    total : ndarray of shape (n,)
        Entropy of the probabilities.
    aleatoric : ndarray of shape (n,)
        Mean entropy of the probabilities that single samples of the prototypes give:
        what would be left, were the prototypes known.
    epistemic : ndarray of shape (n,)
        The difference, at least 0: the mutual information of class and prototypes.
    explanation : ndarray of shape (n,)
        Entropy of which prototype is the nearest.
    distance : ndarray of shape (n,)
        Squared distance to the nearest prototype, on average over samples.
    nearest_frequencies : ndarray of shape (n, K)
        Share of the samples in which each prototype is the nearest.

    See Also
    --------
    ProbPSENNClassifier.predict_uncertainty : Makes one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import ProbPSENNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ProbPSENNClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> found = model.predict_uncertainty(X)
    >>> found
    Uncertainty(150 rows)
    >>> bool((found.total >= found.epistemic).all())
    True
    """

    total: Array
    aleatoric: Array
    epistemic: Array
    explanation: Array
    distance: Array
    nearest_frequencies: Array

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.total)

    def __repr__(self) -> str:
        """Summarise on one line."""
        return f"Uncertainty({len(self)} rows)"


def uncertainty_of(probabilities: Array, distances: Array) -> Uncertainty:
    """Take uncertainty apart.

    Parameters
    ----------
    probabilities : ndarray of shape (S, n, C)
        Of the classes, for each of S samples of the prototypes.
    distances : ndarray of shape (S, n, K)
        Squared distances to the prototypes of each sample.
    """
    total = entr(probabilities.mean(axis=0)).sum(axis=-1)
    aleatoric = entr(probabilities).sum(axis=-1).mean(axis=0)
    nearest = distances.argmin(axis=2)
    counts = nearest[:, :, None] == np.arange(distances.shape[2])
    frequencies = counts.mean(axis=0)
    # Rounding may leave a difference of equals a little below 0.
    epistemic = np.maximum(total - aleatoric, 0.0)
    explanation = entr(frequencies).sum(axis=-1)
    distance = distances.min(axis=2).mean(axis=0)
    return Uncertainty(total, aleatoric, epistemic, explanation, distance, frequencies)


def joined(parts: Sequence[Uncertainty]) -> Uncertainty:
    """Rows of several batches, one after the other."""
    names = [field.name for field in fields(Uncertainty)]
    return Uncertainty(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))
