"""Votes of a classifier under Gaussian noise, and what they prove."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.utils import gen_batches

Array = NDArray[np.float64]
Rows = NDArray[np.floating]
Counts = NDArray[np.int64]
Streams = Sequence[np.random.Generator]


@dataclass(frozen=True)
class Noise:
    """Gaussian noise that is a function of the seed and of the row it is added to.

    Parameters
    ----------
    std : float
        Standard deviation.
    seed : int
        Of at most 128 bits.
    """

    std: float
    seed: int

    def streams(self, values: Rows, purpose: str) -> Streams:
        """One stream of noise a row, keyed by the seed, the purpose and the row itself.

        Rows in other batches or another order thus get the same noise, and rows that
        differ get independent noise, without a state to carry along.
        """
        key, person = self.seed.to_bytes(16, "little"), purpose.encode()
        rows = values.astype("<f8") + 0.0  # Adding 0 turns -0 into 0.
        digests = [
            blake2b(row.tobytes(), digest_size=16, key=key, person=person).digest()
            for row in rows
        ]
        return [np.random.default_rng(int.from_bytes(d, "little")) for d in digests]

    def added(self, values: Rows, streams: Streams, count: int) -> Rows:
        """Add the next `count` draws of each row's stream; shape (n, count, d)."""
        noise = np.empty((len(values), count, values.shape[1]))
        for block, stream in zip(noise, streams, strict=True):
            stream.standard_normal(out=block)
        noise *= self.std
        noise += values[:, None]
        return noise.astype(values.dtype, copy=False)


@dataclass(frozen=True)
class Poll:
    """A classifier that is asked about noisy rows.

    Parameters
    ----------
    predict : callable
        Maps rows (m, d) to labels (m,).
    classes : ndarray of shape (C,)
        The labels, sorted.
    noise : Noise
        What is added to the rows.
    at_once : int
        Noisy rows to hold in memory.
    """

    predict: Callable[[Rows], NDArray[Any]]
    classes: NDArray[Any]
    noise: Noise
    at_once: int

    def votes(self, values: Rows, sizes: Sequence[int]) -> Counts:
        """Votes (len(sizes), n, C) of several samples of the noise, in turn.

        One stream of noise a row serves them all, so they are independent, and the
        first does not depend on whether others follow.
        """
        n = len(values)
        votes = np.zeros((len(sizes), n, len(self.classes)), dtype=np.int64)
        for rows in gen_batches(n, max(1, self.at_once // sum(sizes))):
            chosen = values[rows]
            streams = self.noise.streams(chosen, "votes")
            for total, size in zip(votes, sizes, strict=True):
                for noisy in self._noisy(chosen, streams, size):
                    total[rows] += self._counted(noisy)
        return votes

    def _noisy(self, values: Rows, streams: Streams, size: int) -> Iterator[Rows]:
        """Batches of the noisy copies."""
        for copies in gen_batches(size, max(1, self.at_once // len(values))):
            yield self.noise.added(values, streams, copies.stop - copies.start)

    def _counted(self, noisy: Rows) -> Counts:
        """Votes (n, C) on noisy rows (n, count, d)."""
        n, count, d = noisy.shape
        labels = self.predict(noisy.reshape(-1, d))
        codes = np.searchsorted(self.classes, labels).reshape(n, count)
        codes += len(self.classes) * np.arange(n)[:, None]
        size = n * len(self.classes)
        return np.bincount(codes.ravel(), minlength=size).reshape(n, -1)


def lower_confidence_bound(k: Counts, n: int, alpha: float) -> Array:
    """One-sided Clopper-Pearson bound on a probability.

    Parameters
    ----------
    k : ndarray of int
        Successes in `n` independent trials.
    n : int
        Trials, at least 1.
    alpha : float
        Probability in (0, 1) that the bound is too large.

    Returns
    -------
    ndarray of float64
        Bounds in [0, 1), 0 where there was no success.
    """
    # Beta(0, .) does not exist; its limit sits at 0.
    bound = beta.ppf(alpha, np.maximum(k, 1), n - k + 1)
    return np.where(k > 0, bound, 0.0)


@dataclass(frozen=True)
class SmoothedCertificate:
    """What a vote under noise says about each row.

    Parameters
    ----------
    prediction : ndarray of shape (n_samples,)
        Labels: the class that won the selection vote, also where abstained.
    radius : ndarray of shape (n_samples,)
        Radii in l2, in the units of `X`; 0 where abstained.
    abstained : ndarray of shape (n_samples,), bool
        Whether `p_lower` is at most 1/2, so that nothing is certified.
    p_lower : ndarray of shape (n_samples,)
        Lower confidence bounds in [0, 1) on the probability that the classifier
        returns `prediction` under the noise.

    See Also
    --------
    SmoothedClassifier.certify : Makes it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn_proto.robustness import SmoothedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SmoothedClassifier(GaussianNB(), n_samples=50, random_state=0)
    >>> certificate = model.fit(X, y).certify(X)
    >>> len(certificate)
    150
    >>> bool((certificate.radius[certificate.abstained] == 0).all())
    True
    """

    prediction: NDArray[Any]
    radius: Array
    abstained: NDArray[np.bool_]
    p_lower: Array

    def __len__(self) -> int:
        return len(self.radius)
