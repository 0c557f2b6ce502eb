"""What an attack can know of the scores."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


class Gaps(Protocol):
    """Scores, and how the gap between two of them changes."""

    @property
    def owner(self) -> Indices:
        """Class of each score: one a class, or one for each of its concepts."""

    @property
    def needs_random_steps(self) -> bool:
        """Whether random steps should help the gradients."""

    @property
    def own_scores(self) -> int:
        """How many scores a class has at most; the best of them counts."""

    def targets(self, centre: Array) -> Array:
        """Points (m, d) to walk towards, besides the rows.

        What has many preimages is near to `centre`.
        """

    def scores(self, X: Array) -> Array:
        """Scores (m, S)."""

    def linearised(
        self, X: Array, own: Indices, rival: Indices, rank: int = 0
    ) -> tuple[Array, Array]:
        """Gap (m,) to a rival score, in any unit of its row, and its gradient (m, d).

        It is that of the best score of the own class, or of the next one by `rank`; of
        the last one, if the class has not so many. A gradient of 0 says nothing.
        """


def spread(rows: Array) -> Array:
    """Return a unit (d,) of each feature, for the steps of differences."""
    deviation = rows.std(axis=0)
    return np.asarray(np.where(deviation > 0, deviation, 1.0))
