"""What every head on top of similarities provides."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_proto._functional import Affine

# How strongly a fresh head lets a prototype speak for the class it came from.
INITIAL_STRENGTH = 2.0


class Head(nn.Module):
    """A map from similarities to concept scores that is affine in them.

    Parameters
    ----------
    owners : Tensor of shape (C, q, K)
        1 where the prototype starts as evidence for the concept, else 0.
    temperature : float
        Start of the temperature of the softmax over classes.
    """

    log_temperature: nn.Parameter

    def __init__(self, owners: Tensor, temperature: float) -> None:
        super().__init__()
        start = torch.full(
            (), float(np.log(temperature)), dtype=owners.dtype, device=owners.device
        )
        self.log_temperature = nn.Parameter(start)

    def score_parameters(self) -> list[nn.Parameter]:
        """Parameters that the scores depend on: all but the temperature."""
        return [p for n, p in self.named_parameters() if n != "log_temperature"]

    def affine(self) -> Affine:
        """Coefficients and offsets of the concept scores."""
        raise NotImplementedError

    def keep(self, index: Tensor) -> None:
        """Drop the inputs of all prototypes but those at `index`."""
        raise NotImplementedError

    def arrays(self) -> dict[str, np.ndarray]:
        """Fitted state that only this head has, by the attribute's name."""
        raise NotImplementedError


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Float64 copy on the host."""
    return tensor.detach().to("cpu").double().numpy().copy()
