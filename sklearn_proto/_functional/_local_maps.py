"""Linear maps of the steps from prototypes to rows, one map a prototype."""

from typing import NamedTuple

import torch
from torch import Tensor


class LocalMaps(NamedTuple):
    """``omega_k (x - w_k)`` as one product of the rows with all maps."""

    offsets: Tensor  # (K, r), omega_k w_k
    slopes: Tensor  # (d, K r)

    @classmethod
    def of(cls, w: Tensor, omega: Tensor) -> "LocalMaps":
        """From prototypes (K, d) and their maps (K, r, d)."""
        slopes = omega.reshape(-1, omega.shape[2]).T
        return cls(torch.einsum("krd,kd->kr", omega, w), slopes)

    def coordinates(self, x: Tensor) -> Tensor:
        """Map the steps from all prototypes to rows `x` (n, d); (n, K, r)."""
        flat = torch.addmm(self.offsets.flatten(), x, self.slopes, beta=-1.0)
        return flat.view(-1, *self.offsets.shape)

    def lengths(self, x: Tensor) -> Tensor:
        """Lengths (n, K) of the mapped steps."""
        length: Tensor = torch.linalg.vector_norm(self.coordinates(x), dim=2)
        return length

    def float(self) -> "LocalMaps":
        """Round to float32; what is denormal there, and slow, becomes 0."""
        return LocalMaps(_normal_float(self.offsets), _normal_float(self.slopes))


def _normal_float(values: Tensor) -> Tensor:
    single = values.float()
    return single.masked_fill(single.abs() < torch.finfo(single.dtype).tiny, 0.0)
