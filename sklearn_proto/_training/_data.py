"""Training rows as a fit sees them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._training._row_order import (
    column_order,
    ranks_by_bytes,
    ranks_by_numbers,
)

_WEIGHT_BITS = 40
# Rows at a value, and their share, which make it a limit.
_ROWS, _SHARE = 3, 0.02


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

    @property
    def hard_ends(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether the smallest and the largest value of each feature are limits.

        At an end of what is measured without a limit there is hardly a row. At the 0 of
        a count or of a pixel there are many. Both values of a category are limits.
        """
        low, high = self.range
        two_values = ((low == self.X) | (high == self.X)).all(axis=0)
        varies = low < high
        first, last = (self.many_at(end) | two_values for end in (low, high))
        return first & varies, last & varies

    def many_at(self, end: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether many rows lie on the values `end` (d,) of the features."""
        there = end == self.X
        share = self.weight @ there / self.weight.sum()
        found: NDArray[np.bool_] = (there.sum(axis=0) >= _ROWS) & (share >= _SHARE)
        return found

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
        ranks = ranks_by_bytes(self.X, self.y)
        _, first, inverse = np.unique(ranks, return_index=True, return_inverse=True)
        weight = np.bincount(inverse, self.weight).astype(np.float64)
        return replace(self.take(first), weight=weight)

    def in_order_of_numbers(self) -> "TrainingData":
        """Rows that differ, in an order that depends on no order of the columns.

        It does not depend on their unit either, so that k-means starts from the same
        rows.
        """
        columns = column_order(self.X, self.y)
        return self.take(np.argsort(ranks_by_numbers(self.X, self.y, columns)))

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
