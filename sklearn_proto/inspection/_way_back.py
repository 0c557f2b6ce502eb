"""Which numbers of a row a reader sees, and how they follow from what is seen."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._inputs._containers import without_names
from sklearn_proto.inspection._undo import Undone, called, dense, undo

Array = NDArray[np.float64]


class Stop(NamedTuple):
    """Columns that are shown as they are after so many steps."""

    level: int
    columns: NDArray[np.intp]


class WayBack(NamedTuple):
    """From what a classifier sees back to the units of the data, as far as it goes.

    Parameters
    ----------
    steps : tuple of transformers
        In front of the classifier.
    undone : list of Undone
        The last of these steps, from the last to the first.
    stops : list of Stop
        What is shown, in its order; level 0 are the rows as they are given.
    where : tuple of str
        Transformers whose outputs are shown.
    width : int or None
        How many numbers a row has; None if it is a text.
    """

    steps: tuple[Any, ...]
    undone: list[Undone]
    stops: list[Stop]
    where: tuple[str, ...]
    width: int | None

    @property
    def whole(self) -> bool:
        """Whether all of a row is shown, as it is given."""
        if len(self.stops) != 1 or self.stops[0].level:
            return False
        return len(self.stops[0].columns) == self.width

    def back(self, points: Array) -> Array:
        """Points (K, m) as they are shown."""
        levels, values = {len(self.steps): points}, points
        for level, one in enumerate(self.undone, 1):
            values = levels[len(self.steps) - level] = one.back(values)
        return np.hstack([levels[level][:, at] for level, at in self.stops])

    def forward(self, X: Any) -> Array:
        """Rows as they are shown."""
        levels, rows = {0: X}, X
        last = max(stop.level for stop in self.stops)
        with without_names():
            for level, step in enumerate(self.steps[:last], 1):
                rows = levels[level] = step.transform(rows)
        shown = [
            _columns(levels[level], at, None if level else next(iter(self.steps), None))
            for level, at in self.stops
        ]
        return np.hstack(shown)

    def sources(self, points: Array) -> NDArray[np.intp]:
        """Which column of `points` each shown one follows from; -1 where not just one.

        Columns are exchanged by the bits of their numbers, so a few rows tell.
        """
        count = points.shape[1]
        low, high = points.min(axis=0), points.max(axis=0)
        high = np.where(high > low, high, low + 1e-3 * (1.0 + np.abs(low)))
        powers = np.arange(max(1, (count - 1).bit_length()))[:, None]
        bits = np.arange(count) >> powers & 1
        probes = np.where(np.vstack([bits, 1 - bits]), high, low)
        start, *moved = self.back(np.vstack([low, probes]))
        ones, zeros = np.split(np.array(moved) != start, 2)
        found = (ones << powers).sum(axis=0)
        return np.where((ones ^ zeros).all(axis=0), found, -1)


def transformed(steps: tuple[Any, ...], X: Any) -> Any:
    """Rows after some steps; arrays too, where a frame was fitted."""
    with without_names():
        for step in steps:
            X = step.transform(X)
    return X


def way_back(steps: tuple[Any, ...], points: Array | None, width: int) -> WayBack:
    """Find the way back from points (K, m), or from rows of a width without points."""
    given = _width_at_fit(steps[0]) if steps else width
    if points is None or not steps:
        every = np.arange(width)
        where = (called(steps[-1]),) if steps else ()
        return WayBack(steps, [], [Stop(len(steps), every)], where, given)
    undone: list[Undone] = []
    stops: list[Stop] = []
    where_all: tuple[str, ...] = ()
    known, level = np.full(points.shape[1], fill_value=True), len(steps)
    while level:
        one = undo(steps[level - 1], points, known)
        if one is None:
            break
        if one.stays.any():
            stops.append(Stop(level, np.flatnonzero(one.stays)))
            where_all += one.where
        undone.append(one)
        points, known, level = one.back(points), one.known, level - 1
        if not known.any():
            return WayBack(steps, undone, stops[::-1], where_all, given)
    if level:
        where_all += (called(steps[level - 1]),)
    stops.append(Stop(level, np.flatnonzero(known)))
    return WayBack(steps, undone, stops[::-1], tuple(dict.fromkeys(where_all)), given)


def _width_at_fit(step: Any) -> int | None:
    return getattr(step, "n_features_in_", None)


def _columns(rows: Any, columns: NDArray[np.intp], taker: Any) -> Array:
    """Columns of rows as numbers; of a given frame, those that the first step knows."""
    if hasattr(rows, "columns"):
        names = getattr(taker, "feature_names_in_", rows.columns)
        rows = rows[[names[j] for j in columns]]
        return np.asarray(rows, dtype=np.float64)
    if getattr(rows, "ndim", 2) > 2 or not hasattr(rows, "shape"):
        rows = np.asarray(rows)
        rows = rows.reshape(len(rows), -1)
    return np.asarray(dense(rows[:, columns]), dtype=np.float64)
