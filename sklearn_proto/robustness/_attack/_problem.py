"""What a search asks about perturbations of rows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.robustness._attack._box import Box
from sklearn_proto.robustness._attack._model import AttackedModel
from sklearn_proto.robustness._attack._planes import Plane
from sklearn_proto.robustness._attack._shortest import dual_sizes, sizes

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


class Found(NamedTuple):
    """Perturbations: which row each moves, and an eta in units of the scale."""

    rows: Indices  # (m,)
    eta: Array  # (m, d)


@dataclass(frozen=True)
class AttackProblem:
    """Rows of a box, with the labels to be changed."""

    model: AttackedModel
    box: Box
    label: NDArray[Any]
    rng: np.random.RandomState

    @cached_property
    def own(self) -> Indices:
        """Predicted class of each row."""
        return self.model.indices(self.label)

    def flips(self, rows: Indices, eta: Array) -> Bools:
        """Which perturbations change the label."""
        if not len(rows):
            return np.zeros(0, dtype=bool)
        points = self.box.points(rows, self.box.clip(rows, eta))
        return np.asarray(self.model.predict(points) != self.label[rows])

    def plane(self, rows: Indices, eta: Array, rival: Indices, rank: int = 0) -> Plane:
        """Half-space that the linearised rival wins, of g = 0 without a gradient."""
        points = self.box.points(rows, eta)
        gap, g = self.model.gaps.linearised(points, self.own[rows], rival, rank)
        g = np.nan_to_num(g * self.box.scale, posinf=0.0, neginf=0.0)
        size = dual_sizes(g, self.box.norm)
        usable = size > 0
        unit = np.where(usable, size, 1.0)
        g = np.where(usable[:, None], g / unit[:, None], 0.0)
        # A little beyond the boundary, on the side that counts.
        b = (g * eta).sum(1) - gap / unit
        return Plane(g, np.where(usable, b - 1e-9 * np.abs(b), 0.0))

    def rival_scores(self, rows: Indices, eta: Array) -> Array:
        """Scores (m, S), minus infinity for those of the own class."""
        gaps = self.model.gaps
        scores = gaps.scores(self.box.points(rows, eta))
        return np.where(gaps.owner == self.own[rows, None], -np.inf, scores)

    def strongest(self, rows: Indices, eta: Array) -> Indices:
        """Best score of another class."""
        if not len(rows) or not len(self.model.gaps.owner):
            return np.zeros(len(rows), dtype=np.intp)
        return np.asarray(self.rival_scores(rows, eta).argmax(1))

    def on_boundary(self, rows: Indices, eta: Array) -> Found:
        """Scale perturbations until they just flip; drop those that never do."""
        factor = np.full(len(rows), np.inf)
        for trial in (1.0, 1.001, 1.02, 1.2, 2.0, 5.0, 20.0):
            todo = np.flatnonzero(np.isinf(factor))
            hit = self.flips(rows[todo], trial * eta[todo])
            factor[todo[hit]] = trial
        found = np.isfinite(factor) & eta.any(1)
        rows, eta = rows[found], (factor[found, None] * eta[found])
        return Found(rows, self.bisected(rows, eta, np.zeros(len(rows)), 7))

    def bisected(self, rows: Indices, eta: Array, low: Array, steps: int) -> Array:
        """Return the nearest flips on the segments from ``low * eta`` to `eta`.

        A step looks at seven points at once, which is worth three halvings in the time
        of one call, and takes the first that flips.
        """
        if not len(rows):
            return eta
        high, again = np.ones(len(rows)), np.repeat(rows, 7)
        at = np.arange(len(rows))
        for _ in range(steps):
            share = low[:, None] + (high - low)[:, None] * np.arange(1, 8) / 8
            trials = (share[:, :, None] * eta[:, None]).reshape(len(again), -1)
            hit = self.flips(again, trials).reshape(len(rows), 7)
            ends = np.column_stack([low, share, high])
            first = np.where(hit.any(1), hit.argmax(1), 7)
            low, high = ends[at, first], ends[at, first + 1]
        return self.box.clip(rows, high[:, None] * eta)

    def best(self, rows: Indices, eta: Array, most: int) -> Found:
        """Keep the `most` shortest perturbations of each row."""
        order = np.lexsort((sizes(eta, self.box.norm), rows))
        rows, eta = rows[order], eta[order]
        first = np.searchsorted(rows, rows)
        keep = np.arange(len(rows)) - first < most
        return Found(rows[keep], eta[keep])
