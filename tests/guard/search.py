"""Search of balls for a perturbation that changes the class, knowing the model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tests.guard.balls import least, scaled
from tests.guard.twins import twin

_DAMPED, _FULL = 10, 6
_ITEMS = 4000
# Rivals of each row, the most promising ones.
_RIVALS = 3
# Shares of the radius along the first directions: a gap may close and open again.
_SHARES = (1.0, 0.7, 0.4, 0.15, 0.03)


@dataclass
class Found:
    """Perturbations (m, d) in units of the budgets, and the rows they belong to.

    A negative `gap` (m,) is a change of the class as float64 has it; otherwise it is
    the share of the gap of the row that is left.
    """

    row: np.ndarray
    delta: np.ndarray
    gap: np.ndarray

    def best(self):
        """The most promising of every row: positions in the arrays."""
        order = np.lexsort((self.gap, self.row))
        _, first = np.unique(self.row[order], return_index=True)
        return order[first]


class Attack:
    """Tries to break the balls of given sizes around the rows of a case."""

    def __init__(self, case, seed=0):
        self.case, self.twin = case, twin(case.view)
        self.rng = np.random.default_rng(seed)
        self.z = case.transformed(case.rows)
        self.own = case.predict(case.rows)
        known = self.twin.points
        self.points = self.z if known is None else known

    @cached_property
    def room(self):
        """How far features (2, n, d) may fall and rise, in units of the budgets."""
        x, s = self.case.rows, self.case.budgets
        if self.case.bounds is None:
            sides = np.full((2, *x.shape), np.inf)
        else:
            sides = np.array([x - self.case.bounds[0], self.case.bounds[1] - x])
        return np.divide(sides, s, out=np.zeros_like(sides), where=s > 0)

    def within(self, size):
        """Search balls of `size` (n,), which may be infinite or 0: those are skipped.

        Returns what was `Found`: for each row and rival the best of several starts.
        """
        rows, rivals = self._closest(np.isfinite(size) & (size > 0))
        pieces = max(1, len(rows) * 12 // _ITEMS)
        parts = [
            self._search(rows[some], rivals[some], size[rows[some]])
            for some in np.array_split(np.arange(len(rows)), pieces)
        ]
        return Found(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def _closest(self, asked):
        """Rows, and of each the rivals whose linearised boundaries are nearest."""
        rows, rivals = np.nonzero(
            (self.twin.owners[None] != self.own[:, None]) & asked[:, None]
        )
        if not len(rows):
            return rows, rivals
        height, slope = self._gap(
            rows, rivals, np.zeros((len(rows), len(self.room[0, 0])))
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.nan_to_num(height / np.abs(slope).sum(1), nan=np.inf)
        order = np.lexsort((far, rows))
        rows, rivals = rows[order], rivals[order]
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)
        return rows[place < _RIVALS], rivals[place < _RIVALS]

    def _search(self, row, rival, size):
        if not len(row):
            return row, np.zeros((0, self.case.rows.shape[1])), np.zeros(0)
        origin = np.zeros((len(row), self.case.rows.shape[1]))
        height, slope = self._gap(row, rival, origin)
        starts = list(self._starts(row, rival, size, slope))
        m = len(starts)
        row, rival, size, height = (
            np.tile(each, m) for each in (row, rival, size, height)
        )
        best, delta = self._descend(row, rival, size, np.concatenate(starts))
        scale = np.where(np.isfinite(height) & (height > 0), height, 1.0)
        return row, delta, best / scale

    def _gap(self, row, rival, delta):
        """Gap (m,) and its gradient (m, d) in units of the budgets."""
        step = delta @ self.case.matrix.T
        value, slope = self.twin.gap(self.z[row], step, self.own[row], rival)
        return value, slope @ self.case.matrix

    def _least(self, slope, row, size):
        return least(slope, size, self.case.norm, self.room[:, row])

    def _starts(self, row, rival, size, slope):
        """First perturbations: they know where the prototypes and other rows are."""
        m, matrix, rng, w = len(row), self.case.matrix, self.rng, self.points
        yield self._least(slope, row, size)
        for _ in range(2):
            one, other = w[rng.integers(0, len(w), (2, m))]
            near = one - self.z[row]
            for way in (near, -near, other - one):
                yield self._least(-way @ matrix, row, size)
            # Straight there, which is not the steepest way in other norms.
            yield self._straight(near, row, size)
        yield self._straight(
            self.z[rng.integers(0, len(self.z), m)] - self.z[row], row, size
        )
        axis = np.eye(matrix.shape[1])[rng.integers(0, matrix.shape[1], m)]
        yield self._clipped(axis * rng.choice([-1.0, 1.0], (m, 1)), row, size)
        yield self._clipped(rng.normal(size=(m, matrix.shape[1])), row, size)

    def _straight(self, way, row, size):
        """Perturbations that move rows that way, as far as the matrix lets them."""
        return self._clipped(way @ np.linalg.pinv(self.case.matrix).T, row, size)

    def _clipped(self, delta, row, size):
        delta = np.where(self.case.budgets > 0, delta, 0.0)
        delta = scaled(delta, size, self.case.norm)
        return np.clip(delta, -self.room[0, row], self.room[1, row])

    def _descend(self, row, rival, size, start):
        """Smallest gaps (m,), and where (m, d): steps to where tangents are least."""
        best, at = np.full(len(row), np.inf), start.copy()
        for share in _SHARES[1:]:
            self._keep(row, rival, share * start, best, at)
        delta = start
        for k in range(_DAMPED + _FULL):
            slope = self._keep(row, rival, delta, best, at)
            target = self._least(slope, row, size)
            step = 2.0 / (k + 2.0) if k < _DAMPED else 1.0
            delta = delta + step * (target - delta)
        self._keep(row, rival, delta, best, at)
        return best, at

    def _keep(self, row, rival, delta, best, at):
        value, slope = self._gap(row, rival, delta)
        lower = value < best
        best[lower], at[lower] = value[lower], delta[lower]
        return slope
