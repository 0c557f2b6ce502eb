"""Training rows as a fit sees them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_WEIGHT_BITS = 40


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
        rows: an optimiser would amplify even a different order of summation. It does
        not depend on the order of the columns either, or on their unit, so that
        k-means starts from the same rows.
        """
        _, first, inverse = np.unique(
            sort_keys(self.X, self.y), return_index=True, return_inverse=True
        )
        columns = column_order(self.X[first], self.y[first])
        again = np.argsort(sort_keys(self.X[first][:, columns], self.y[first]))
        weight = np.bincount(inverse, weights=self.weight).astype(np.float64)
        kept = first[again]
        return TrainingData(
            np.ascontiguousarray(self.X[kept]),
            self.y[kept],
            weight[again],
            self.index[kept],
        )

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


def sort_keys(X: NDArray[np.floating], y: NDArray[np.intp]) -> NDArray[np.void]:
    """Bytes of each pair of label and row that sort like the numbers, column by column.

    In float64 for all, so that the order does not depend on the precision of X.
    """
    # Adding 0.0 turns -0.0 into 0.0, so that equal rows have equal bytes.
    bits = np.ascontiguousarray(X.astype(np.float64) + 0.0).view(np.uint64)
    sign = np.uint64(1 << 63)
    # Negative numbers sort backwards by their bits, and after the positive ones.
    bits = np.where(bits & sign, ~bits, bits | sign)
    pairs = np.column_stack([y.astype(np.uint64), bits]).astype(">u8")
    return pairs.view(np.dtype((np.void, 8 * pairs.shape[1]))).ravel()


def column_order(X: NDArray[np.floating], y: NDArray[np.intp]) -> NDArray[np.intp]:
    """Order of the columns by their sums, and sums of squares, within the classes.

    Sorted before they are added up, so that the order of the rows does not matter.
    Columns that agree in all of them, such as copies, stay as they are.
    """
    keys = []
    # A power of two changes no digit and keeps squares from overflowing.
    _, exponent = np.frexp(np.abs(X).max(initial=0.0))
    scaled = np.ldexp(X.astype(np.float64), -exponent)
    for c in np.unique(y):
        values = np.sort(scaled[y == c], axis=0)
        keys += [values.sum(axis=0), np.square(values).sum(axis=0)]
    return np.lexsort(keys[::-1]).astype(np.intp)
