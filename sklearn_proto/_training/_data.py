"""Training rows as a fit sees them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._training._row_order import column_order, ranks_of_rows

_WEIGHT_BITS = 40


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
        rows: an optimiser would amplify even a different order of summation. It does
        not depend on the order of the columns either, or on their unit, so that
        k-means starts from the same rows.
        """
        ranks = ranks_of_rows(self.X, self.y)
        _, first, inverse = np.unique(ranks, return_index=True, return_inverse=True)
        weight = np.bincount(inverse, self.weight).astype(np.float64)
        once = replace(self.take(first), weight=weight)
        columns = column_order(once.X, once.y)
        return once.take(np.argsort(ranks_of_rows(once.X, once.y, columns)))

    def with_mean_weight_one(self) -> "TrainingData":
        """Scale the weights so that they add up to the number of rows.

        Equal weights become exactly 1, whatever they were.
        """
        weight = self.weight / self.weight.max()
        mantissa, exponent = np.frexp(weight * (len(self) / weight.sum()))
        # An optimiser would amplify the rounding of weights times a constant.
        weight = np.ldexp(np.round(np.ldexp(mantissa, _WEIGHT_BITS)), -_WEIGHT_BITS)
        return replace(self, weight=np.ldexp(weight, exponent))

    def in_units(self, unit: float) -> "TrainingData":
        """Rows divided by `unit`; a power of two changes no digit."""
        return replace(self, X=self.X / self.X.dtype.type(unit))
