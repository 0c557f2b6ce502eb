"""Delete the features of rows, or put them in, in the order of their evidence."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._validation import as_numbers, shown
from sklearn_proto.metrics._evidence import evidence_of
from sklearn_proto.metrics._explained import Explained

Array = NDArray[np.float64]


class PerturbationCurve:
    """From rows to nothing, or back, by the features with the most evidence first.

    Parameters
    ----------
    start : Explained
        The rows.
    evidence, baseline, n_steps
        See `faithfulness_score`.

    Attributes
    ----------
    shares : ndarray of shape (n_points,)
        Of the features, from 0 to 1.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """

    def __init__(
        self, start: Explained, evidence: Any, baseline: Any, n_steps: Any
    ) -> None:
        self._start = start
        self._blank = _checked_baseline(baseline, start.rows)
        with np.errstate(over="ignore", invalid="ignore"):
            values, units = evidence_of(start, evidence, self._blank)
        if not np.isfinite(values).all():
            raise ValueError(
                f"baseline={shown(baseline)} and X are too large: what they say "
                "for the prediction is not finite."
            )
        order = np.argsort(-values, axis=1, kind="stable")
        self._ranks = np.argsort(order, axis=1)[:, units]
        n_units = values.shape[1]
        points = np.round(np.linspace(0, n_units, n_steps + 1))
        self._counts = np.unique(points.astype(np.intp))
        self.shares = self._counts / n_units

    def probabilities(self, *, insert: bool) -> Array:
        """Probability (n_points, n) of the predicted class along the way.

        Parameters
        ----------
        insert : bool
            Whether features are put in, or deleted.
        """
        rows = self._start.rows
        winners = self._start.explanation.winners
        found = np.empty((len(self._counts), len(rows)))
        for point, count in zip(found, self._counts, strict=True):
            mixed = np.where((self._ranks < count) == insert, rows, self._blank)
            point[:] = self._start.probabilities(mixed)[np.arange(len(rows)), winners]
        return found

    def areas(self, *, insert: bool) -> Array:
        """Area (n,) under the curve of each row."""
        p = self.probabilities(insert=insert)
        return np.asarray(np.trapezoid(p, self.shares, axis=0))


def _checked_baseline(given: Any, rows: Array) -> Array:
    """Check what takes the place of each feature, of shape (d,)."""
    if isinstance(given, str):
        if given != "mean":
            raise ValueError(
                f"baseline={shown(given)} must be 'mean', a number or an array."
            )
        return np.asarray(rows.mean(axis=0))
    found = as_numbers("baseline", given)
    d = rows.shape[1]
    if found.size not in (1, d) or not np.isfinite(found).all():
        raise ValueError(
            f"baseline has shape {found.shape}; it must be finite, and one number or "
            f"{d}, as there are features."
        )
    return np.broadcast_to(found.ravel(), (d,))
