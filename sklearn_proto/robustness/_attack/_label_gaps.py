"""Gaps of a classifier that shows its labels only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.robustness._attack._batches import batches

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class LabelGaps:
    """Normals of the boundary from labels of points around a point on it.

    The mean of random steps that keep the label, less the mean of all, points away from
    where it changes. It is zero away from the boundary.
    """

    predict: Callable[[Array], NDArray[Any]]
    step: Array  # (d,)
    rng: np.random.RandomState
    needs_random_steps: bool = True
    own_scores: int = 1

    @property
    def owner(self) -> Indices:
        return np.zeros(0, dtype=np.intp)

    def targets(self, centre: Array) -> Array:
        return np.zeros((0, len(centre)))

    def scores(self, X: Array) -> Array:
        return np.zeros((len(X), 0))

    def linearised(
        self, X: Array, own: Indices, rival: Indices, rank: int = 0
    ) -> tuple[Array, Array]:
        del own, rival, rank
        gradient, d = np.empty_like(X), X.shape[1]
        for some in batches(len(X), d * self._count(d)):
            gradient[some] = self._normals(X[some])
        return np.zeros(len(X)), gradient

    @staticmethod
    def _count(d: int) -> int:
        """How many steps to take from each point."""
        return min(8 * d, 200)

    def _normals(self, X: Array) -> Array:
        n, d = X.shape
        moves = self.rng.normal(size=(self._count(d), d))
        near = (X[:, None] + self.step * moves).reshape(-1, d)
        keeps = (self.predict(near).reshape(n, -1) == self.predict(X)[:, None]) * 1.0
        keeps -= keeps.mean(axis=1, keepdims=True)
        return np.asarray(-(keeps @ moves) / self.step)
