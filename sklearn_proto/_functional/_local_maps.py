"""Linear maps of the steps from prototypes to rows, one map a prototype."""

from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._memory import CACHE, at_once


class LocalMaps(NamedTuple):
    """``omega_k (x - w_k)`` as one product of the rows with all maps."""

    offsets: Tensor  # (K, r), omega_k w_k
    slopes: Tensor  # (d, K r)

    @classmethod
    def of(cls, w: Tensor, omega: Tensor) -> "LocalMaps":
        """From prototypes (K, d) and their maps (K, r, d)."""
        slopes = omega.reshape(-1, omega.shape[2]).T
        return cls(torch.einsum("krd,kd->kr", omega, w), slopes)

    def lengths(self, x: Tensor) -> Tensor:
        """Lengths (n, K) of the mapped steps from all prototypes to rows (n, d)."""
        rows = at_once(self.offsets.numel(), CACHE)
        # A norm makes no squares to be added up later.
        return torch.cat(
            [
                torch.linalg.vector_norm(self._coordinates(piece), dim=2)
                for piece in torch.split(x, rows)
            ]
        )

    def lengths_from(self, which: Tensor, x: Tensor) -> Tensor:
        """Lengths (m,) of the mapped steps from prototypes `which` (m,) to rows (m, d).

        `which` must not decrease: each map is one product with all of its rows.
        """
        k, r = self.offsets.shape
        mapped = x.new_empty(len(x), r)
        counts = torch.bincount(which, minlength=k).tolist()
        for offset, slope, rows, out in zip(
            self.offsets,
            torch.split(self.slopes, r, dim=1),
            torch.split(x, counts),
            torch.split(mapped, counts),
            strict=True,
        ):
            if len(rows):
                torch.addmm(offset, rows, slope, beta=-1.0, out=out)
        length: Tensor = torch.linalg.vector_norm(mapped, dim=1)
        return length

    def _coordinates(self, x: Tensor) -> Tensor:
        """Map the steps from all prototypes to rows: (n, K, r)."""
        flat = torch.addmm(self.offsets.flatten(), x, self.slopes, beta=-1.0)
        return flat.view(-1, *self.offsets.shape)

    def float(self) -> "LocalMaps":
        """Round to float32; what is denormal there, and slow, becomes 0."""
        return LocalMaps(_normal_float(self.offsets), _normal_float(self.slopes))


def _normal_float(values: Tensor) -> Tensor:
    single = values.float()
    return single.masked_fill(single.abs() < torch.finfo(single.dtype).tiny, 0.0)
