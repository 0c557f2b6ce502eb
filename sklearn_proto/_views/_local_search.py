"""The closest prototype under local maps as float64 has it, mostly by lower bounds."""

import torch
from torch import Tensor

from sklearn_proto._functional import LocalMaps
from sklearn_proto._memory import CORE, at_once

# Bounds take a quarter of the rows of a map: fewer rule out too few prototypes. Maps of
# few rows are measured in less time than their bounds save.
_SHARE, _FEW = 4, 32
# What overflows in float32 is the square of a length of at least this.
_LONGEST = torch.finfo(torch.float32).max ** 0.5


class LocalSearch:
    """Search for the least ``|omega_k (x - w_k)|``.

    The first rows of any map bound a length from below; a fit leaves orthogonal rows
    with the longest first, whose bounds are tight. The prototype of the least bound is
    measured in full, and then those of which the bound is less than its length: for
    most rows none.

    Bounds and lengths are compared in float32, which settles every row in which one
    prototype leads all others by more than both can be off. Float64 has the word on the
    rest: near ties, and rows on which float32 overflows.

    Parameters
    ----------
    w : Tensor of shape (K, d)
        Prototypes.
    omega : Tensor of shape (K, r, d)
        Their maps.
    """

    def __init__(self, w: Tensor, omega: Tensor) -> None:
        _, r, d = omega.shape
        leading = r if r < _FEW else r // _SHARE
        self._bounds = LocalMaps.of(w, omega[:, :leading]).float()
        self._whole = leading == r
        self._pairs = at_once(r, CORE)
        self._exact = LocalMaps.of(w, omega)
        self._reach = float(torch.linalg.vector_norm(w, dim=1).max())
        map_norm = float(torch.linalg.matrix_norm(omega).max())
        float32 = torch.finfo(torch.float32)
        # Roundings of a product of d terms and of a norm of r; then what is too small
        # for a float32: entries of a map, and those of a row and squares.
        roundings = ((d + r) / 2 + 8) * float32.eps
        self._relative = roundings * map_norm + r * d * float32.tiny
        self._absolute = d * float32.tiny * map_norm + r * float32.tiny**0.5

    def closest(self, x: Tensor) -> Tensor:
        """Index (n,) of the closest prototype of rows (n, d), the first of equals."""
        single = x.float()
        lengths = self._bounds.lengths(single).clamp_(max=_LONGEST)
        if not self._whole:
            self._measure_candidates(x, lengths)
        least, closest = lengths.min(1)
        lengths.scatter_(1, closest[:, None], torch.inf)
        lead = lengths.amin(1) - least
        settled = lead > 2 * self._error(single)
        rest = (~settled).nonzero().squeeze(1)
        if len(rest):
            closest[rest] = self._exact.lengths(x[rest]).min(1).indices
        return closest

    def _measure_candidates(self, x: Tensor, bounds: Tensor) -> None:
        """Replace bounds (n, K) by lengths where the closest may be."""
        least = bounds.min(1).indices
        self._measure(x, bounds, *least.sort())
        lesser = bounds < bounds.gather(1, least[:, None])
        self._measure(x, bounds, *lesser.T.nonzero().unbind(1))

    def _measure(self, x: Tensor, bounds: Tensor, which: Tensor, rows: Tensor) -> None:
        """Replace the bounds of some prototypes, in order, and rows by lengths."""
        pairs = torch.split(which, self._pairs), torch.split(rows, self._pairs)
        for k, i in zip(*pairs, strict=True):
            lengths = self._exact.lengths_from(k, x.index_select(0, i))
            bounds[i, k] = lengths.to(bounds.dtype)

    def _error(self, x: Tensor) -> Tensor:
        """Bound (n,) on the error of a length in float32."""
        scale = torch.linalg.vector_norm(x, dim=1) + self._reach
        error: Tensor = self._relative * scale + self._absolute
        return error
