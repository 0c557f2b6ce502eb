"""How fast an exponential leaves its tangent."""

import math

import torch
from torch import Tensor


def log_growth(t: Tensor) -> Tensor:
    """Logarithm of ``(e^t - 1 - t) / t^2`` for t >= 0; the ratio is 1/2 at 0 and grows.

    Never below the true value but for rounding: it is part of upper bounds.
    """
    small = t < 1e-2
    safe = torch.where(small, torch.ones_like(t), t)
    # log(e^t - 1 - t) = t + log(1 - (1 + t) e^-t) does not overflow.
    large = safe + torch.log1p(-(1.0 + safe) * torch.exp(-safe)) - 2.0 * safe.log()
    # The next terms of the series are less than what 59 instead of 60 adds.
    series = math.log(0.5) + torch.log1p(t / 3.0 + t**2 / 12.0 + t**3 / 59.0)
    return torch.where(small, series, large)
