"""Training rows as a fit sees them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TrainingData:
    """Rows, encoded labels, weights, and where each row stood in what was given."""

    X: NDArray[np.floating]
    y: NDArray[np.intp]
    weight: NDArray[np.float64]
    index: NDArray[np.intp]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.y)

    @property
    def range(self) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Smallest and largest value of each feature, each of shape (d,)."""
        return self.X.min(axis=0), self.X.max(axis=0)

    def take(self, rows: NDArray[np.intp] | slice) -> "TrainingData":
        """Subset of the rows."""
        return TrainingData(
            self.X[rows], self.y[rows], self.weight[rows], self.index[rows]
        )

    def distinct(self) -> "TrainingData":
        """Each different pair of row and label once, with its total weight.

        The order depends on the values only. So a fit is the same, to the last bit,
        whether a row is given twice or with weight 2, and whatever the order of the
        rows: an optimiser would amplify even a different order of summation.
        """
        # Adding 0.0 turns -0.0 into 0.0, so that equal rows have equal bytes; float64
        # for all, so that the order does not depend on the precision of X.
        rows = np.ascontiguousarray(self.X.astype(np.float64) + 0.0)
        width = rows.dtype.itemsize * rows.shape[1]
        pairs = np.empty(len(self), dtype=[("y", np.int64), ("row", np.void, width)])
        pairs["y"] = self.y
        pairs["row"] = rows.view(np.dtype((np.void, width))).ravel()
        keys = pairs.view(np.dtype((np.void, width + 8)))
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        return TrainingData(
            np.ascontiguousarray(self.X[first]),
            self.y[first],
            np.bincount(inverse, weights=self.weight).astype(np.float64),
            self.index[first],
        )
