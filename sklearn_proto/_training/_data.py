"""Training rows as a fit sees them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._training._row_order import ranks_of_rows


@dataclass(frozen=True)
class TrainingData:
    """Rows, encoded labels, weights, and where each row stood in what was given."""

    X: NDArray[Any]
    y: NDArray[np.intp]
    weight: NDArray[np.float64]
    index: NDArray[np.intp]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.y)

    @property
    def range(self) -> tuple[NDArray[Any], NDArray[Any]]:
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
        ranks = ranks_of_rows(self.X, self.y)
        _, first, inverse = np.unique(ranks, return_index=True, return_inverse=True)
        return TrainingData(
            np.ascontiguousarray(self.X[first]),
            self.y[first],
            np.bincount(inverse, weights=self.weight).astype(np.float64),
            self.index[first],
        )
