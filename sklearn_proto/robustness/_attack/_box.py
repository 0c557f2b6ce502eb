"""Where perturbations may lead."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from sklearn_proto.robustness._attack._shortest import sizes

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Box:
    """Rows and where their perturbations ``scale * eta`` may lead.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.
    lo, hi : ndarray of shape (d,)
        Limits of the perturbed rows.
    scale : ndarray of shape (d,)
        What 1 in eta means for each feature; one with 0 is frozen.
    norm : float
        The lp norm that measures eta.
    """

    X: Array
    lo: Array
    hi: Array
    scale: Array
    norm: float

    def of(self, rows: Indices) -> "Box":
        """Select some of the rows."""
        return replace(self, X=self.X[rows])

    @cached_property
    def free(self) -> Bools:
        """Features (d,) that are not frozen."""
        return np.asarray(self.scale > 0)

    def _in_units(self, away: Array) -> Array:
        """Eta of a perturbation, 0 for frozen features."""
        return np.where(self.free, away / np.where(self.free, self.scale, 1.0), 0.0)

    @cached_property
    def eta(self) -> tuple[Array, Array]:
        """Smallest and largest eta, each (n, d); 0 for frozen features."""
        return self._in_units(self.lo - self.X), self._in_units(self.hi - self.X)

    def clip(self, rows: Indices, eta: Array) -> Array:
        """Nearest eta that the box allows."""
        low, high = self.eta
        return np.asarray(np.clip(eta, low[rows], high[rows]))

    def points(self, rows: Indices, eta: Array) -> Array:
        """Perturbed rows, inside the limits also after rounding."""
        moved = self.X[rows] + self.scale * eta
        return np.asarray(np.clip(moved, self.lo, self.hi))

    def towards(self, rows: Indices, targets: Array) -> Array:
        """Eta that leads to the target, as far as the box allows."""
        return self.clip(rows, self._in_units(targets - self.X[rows]))

    def measured(self, points: Array) -> Array:
        """Sizes of perturbations as the points say, not as they were meant."""
        return sizes((points - self.X)[:, self.free] / self.scale[self.free], self.norm)

    def distances(self, targets: Array) -> Array:
        """Sizes (n, m) of the perturbations to the targets, as if there were no box."""
        metric = {np.inf: "chebyshev", 1.0: "cityblock"}.get(self.norm, "minkowski")
        more = {"p": self.norm} if metric == "minkowski" else {}
        ours, theirs = (
            x[:, self.free] / self.scale[self.free] for x in (self.X, targets)
        )
        return np.asarray(cdist(ours, theirs, metric, **more))
