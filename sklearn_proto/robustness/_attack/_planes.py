"""Half-spaces that stand for a boundary, and the shortest vectors in two of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.robustness._attack._shortest import shortest

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Plane(NamedTuple):
    """Half-spaces ``g . v <= b``, each g of dual norm 1 or 0."""

    g: Array  # (m, d)
    b: Array  # (m,)

    def holds(self, v: Array) -> Bools:
        """Which of the vectors (m, d) lie in their half-space."""
        return np.asarray((self.g * v).sum(1) <= self.b)

    def take(self, chosen: Bools) -> "Plane":
        """Select some of them."""
        return Plane(self.g[chosen], self.b[chosen])

    def replaced(self, chosen: Bools, other: "Plane") -> "Plane":
        """Take the others where `chosen`."""
        g, b = self.g.copy(), self.b.copy()
        g[chosen], b[chosen] = other
        return Plane(g, b)

    def mixed(self, other: "Plane", w: Array) -> "Plane":
        """Share `w` of these and ``1 - w`` of the others."""
        g = w[:, None] * self.g + (1 - w)[:, None] * other.g
        return Plane(g, w * self.b + (1 - w) * other.b)


def worst_mixture(
    one: Plane, two: Plane, lo: Array, hi: Array, norm: float
) -> tuple[Plane, Array]:
    """Shortest vectors in two half-spaces, with the mixture that gives them.

    By duality the least norm within both is the largest, over their mixtures, of the
    least norm within one. While the vector of a mixture lacks the first half-space,
    that one needs a larger share.
    """
    # As far beyond both as the search for the mixture is off: no push along the vector
    # mends that where the row itself is within one of them.
    slack = 1e-6 * (np.abs(one.b) + np.abs(two.b))
    one, two = Plane(one.g, one.b - slack), Plane(two.g, two.b - slack)
    low, high = np.zeros_like(one.b), np.ones_like(one.b)
    for _ in range(12):
        w = (low + high) / 2
        v = shortest(*one.mixed(two, w), lo, hi, norm)
        lacks = ~one.holds(v)
        low, high = np.where(lacks, w, low), np.where(lacks, high, w)
    # One end lacks the first half-space, the other the second: l1 needs their mean.
    ends = [shortest(*one.mixed(two, w), lo, hi, norm) for w in (low, high)]
    lack, spare = ((one.g * v).sum(1) - one.b for v in ends)
    rise = lack - spare
    share = np.divide(lack, rise, out=np.ones_like(rise), where=rise > 0)
    share = np.clip(share, 0.0, 1.0)[:, None]
    return one.mixed(two, (low + high) / 2), (1 - share) * ends[0] + share * ends[1]
