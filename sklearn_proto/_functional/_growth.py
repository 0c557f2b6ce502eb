"""How fast an exponential leaves its tangent."""

from torch import Tensor

# From here on the difference keeps eleven digits, which the last factor makes up for.
_LEAST = 1e-2
_ROUNDED_UP = 1 + 1e-11


def growth(t: Tensor) -> Tensor:
    """``(e^t - 1 - t) / t^2`` for t >= 0, rounded up; infinite if it overflows.

    It grows from 1/2 at 0, so that very small t may count as somewhat larger.
    """
    t = t.clamp_min(_LEAST)
    return (t.exp() - (1.0 + t)) * (_ROUNDED_UP / t.square())
