"""How fast an exponential leaves its tangent."""

import torch
from torch import Tensor

# Below this the difference of nearly equal numbers has lost too many digits.
_NEAR = 0.1


def growth(t: Tensor) -> Tensor:
    """``(e^t - 1 - t) / t^2`` for t >= 0: 1/2 at 0, growing, infinite if it overflows.

    Never below the true value but for rounding: it is part of upper bounds.
    """
    near = t < _NEAR
    safe = torch.where(near, torch.ones_like(t), t)
    far = (torch.expm1(safe) - safe) / safe.square()
    # The next terms of the series are less than what 350 instead of 360 adds.
    series = 0.5 + t * (1 / 6 + t * (1 / 24 + t * (1 / 120 + t / 700)))
    return torch.where(near, series, far)
