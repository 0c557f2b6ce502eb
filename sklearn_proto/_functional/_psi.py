"""How fast an exponential leaves its tangent."""

import torch
from torch import Tensor

# From here on the difference keeps most digits; what is lost is added back.
_LEAST = {torch.float64: 1e-2, torch.float32: 5e-2}
_LOST = {torch.float64: 1e-11, torch.float32: 3e-4}


def log_psi(t: Tensor) -> Tensor:
    """Logarithm of ``(e^t - 1 - t) / t^2`` for t >= 0, rounded up.

    The ratio grows from 1/2 at 0, so that very small t may count as somewhat larger.
    Computed without overflow.
    """
    t = t.clamp_min(_LEAST[t.dtype])
    # log(e^t - 1 - t) = t + log(1 - (1 + t) e^-t)
    left = 1.0 - (1.0 + t) * torch.exp(-t)
    return t + left.log() - 2.0 * t.log() + _LOST[t.dtype]
