"""The data that a row is drawn beside, on a scale on which all features compare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
# A value that so many rows have as their lowest is an end, not a chance.
_SHARE_AT_END, _ROWS_AT_END = 0.1, 3


@dataclass(frozen=True, eq=False)
class Bands:
    """Quantiles of the data, on a scale on which features of any unit compare.

    Parameters
    ----------
    quantiles : ndarray of shape (5, d)
        At the levels 0.05, 0.25, 0.5, 0.75 and 0.95. Of a feature whose outer two would
        coincide, or that has two values only, these are the lowest and the highest.
    starts : ndarray of shape (d,)
        Where bars start: at the median, but at the lowest value of a feature that ends
        there, such as 0 of a count or of a category that a row does not have. A bar
        from the median would be as long for what is absent as for what is present.
    """

    quantiles: Array
    starts: Array

    @classmethod
    def of(cls, rows: Array) -> "Bands":
        """Bands of rows (n, d)."""
        quantiles = np.quantile(rows, LEVELS, axis=0)
        low, high = rows.min(axis=0), rows.max(axis=0)
        two_values = ((rows == low) | (rows == high)).all(axis=0)
        narrow = two_values | (quantiles[0] == quantiles[-1])
        quantiles[0] = np.where(narrow, low, quantiles[0])
        quantiles[-1] = np.where(narrow, high, quantiles[-1])
        many = max(_ROWS_AT_END, _SHARE_AT_END * len(rows))
        ends_low = two_values | ((rows == low).sum(axis=0) >= many)
        return cls(quantiles, np.where(ends_low, low, quantiles[2]))

    @classmethod
    def given(cls, quantiles: Array | None, starts: Array | None) -> "Bands | None":
        """Bands that a display keeps; None without quantiles."""
        if quantiles is None:
            return None
        return cls(quantiles, quantiles[2] if starts is None else starts)

    def scaled(self, values: Array) -> Array:
        """Values (..., d) with the lowest quantile at 0 and the highest at 1.

        A feature that does not vary keeps its unit.
        """
        low, high = self.quantiles[0], self.quantiles[-1]
        return np.asarray((values - low) / np.where(high > low, high - low, 1.0))
