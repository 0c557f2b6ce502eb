"""The closest prototype under local maps as float64 has it, mostly in float32."""

import torch
from torch import Tensor

from sklearn_proto._functional import LocalMaps


class LocalSearch:
    """Search for the least ``|omega_k (x - w_k)|``.

    A product of float32 takes half the time, and settles every row in which one
    prototype leads all others by more than both lengths can be off. Float64 has the
    word on the rest: near ties, and rows on which float32 overflows.

    Parameters
    ----------
    w : Tensor of shape (K, d)
        Prototypes.
    omega : Tensor of shape (K, r, d)
        Their maps.
    """

    def __init__(self, w: Tensor, omega: Tensor) -> None:
        self._exact = LocalMaps.of(w, omega)
        self._rough = self._exact.float()
        self._reach = float(torch.linalg.vector_norm(w, dim=1).max())
        stretch = float(torch.linalg.matrix_norm(omega).max())
        _, r, d = omega.shape
        float32 = torch.finfo(torch.float32)
        # Roundings of a product of d terms and of a norm of r; then what is too small
        # for a float32: entries of a map, and those of a row and squares.
        roundings = ((d + r) / 2 + 8) * float32.eps
        self._relative = roundings * stretch + r * d * float32.tiny
        self._absolute = d * float32.tiny * stretch + r * float32.tiny**0.5

    def closest(self, x: Tensor) -> Tensor:
        """Index (n,) of the closest prototype of rows (n, d), the first of equals."""
        single = x.float()
        lengths = self._rough.lengths(single)
        least, closest = lengths.min(1)
        lengths.scatter_(1, closest[:, None], torch.inf)
        lead = lengths.amin(1) - least
        settled = (lead > 2 * self._error(single)) & (lead < torch.inf)
        rest = (~settled).nonzero().squeeze(1)
        if len(rest):
            closest[rest] = self._exact.lengths(x[rest]).min(1).indices
        return closest

    def _error(self, x: Tensor) -> Tensor:
        """Bound (n,) on the error of a length in float32."""
        scale = torch.linalg.vector_norm(x, dim=1) + self._reach
        error: Tensor = self._relative * scale + self._absolute
        return error
