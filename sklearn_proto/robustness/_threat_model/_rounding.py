"""Where sizes of perturbations are rounded: inward, once, at the end.

Every bound measures a perturbation by dual norms, Lipschitz constants and lengths of
what the map in front makes of it. Each is off by a few units in the last place *of
itself*, for each of the features it sums over. An error of that kind is one of the size
of the ball: a support function that is too small by the share t is that of a ball that
is too small by t. So no bound takes it off: the radius that comes out does.

What is not relative to the size of a perturbation, the errors of scores and exponents,
is taken off every margin before it is bounded (guide, *Rounding*).
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
S = TypeVar("S", float, Array)

# Units in the last place for each feature, and for all else.
_EACH, _MORE = 16, 256


def share_lost(n_features: int) -> float:
    """Bound what rounding may do to the size of a perturbation, as a share of it."""
    return (_EACH * n_features + _MORE) * float(np.finfo(np.float64).eps)


def inward(radius: Array, n_features: int) -> Array:
    """Radii (n,) that hold, of those that were computed."""
    return radius * (1.0 - share_lost(n_features))


def outward(size: S, n_features: int) -> S:
    """Sizes that are not exceeded, of those that were computed."""
    return size * (1.0 + share_lost(n_features))
