"""Dissimilarities of rows to prototypes that can be learned."""

import torch
from torch import Tensor, nn

from sklearn_proto._functional import (
    mapped_squares,
    safe_sqrt,
    squared_distances,
)


class Metric(nn.Module):
    """A dissimilarity of n rows to K prototypes: (n, d), (K, d) -> (n, K)."""

    # Elements of the temporaries of one row, for each prototype.
    elements = 1

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Dissimilarities of shape (n, K)."""
        raise NotImplementedError


class SquaredEuclidean(Metric):
    """``|x - w|^2``."""

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """See `Metric.forward`."""
        return squared_distances(x, w)


class Euclidean(Metric):
    """``|x - w|``."""

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """See `Metric.forward`."""
        return safe_sqrt(squared_distances(x, w))


class Manhattan(Metric):
    """``sum_f |x_f - w_f|``."""

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """See `Metric.forward`."""
        return torch.cdist(x, w, p=1)


class SharedMatrix(Metric):
    """``|omega (x - w)|^2`` with one omega of Frobenius norm 1.

    So the trace of ``omega^T omega`` is 1 (Schneider, Biehl & Hammer 2009).

    Parameters
    ----------
    omega : Tensor of shape (r, d)
        Start, up to a factor.
    """

    def __init__(self, omega: Tensor) -> None:
        super().__init__()
        self.raw = nn.Parameter(omega)

    @property
    def omega(self) -> Tensor:
        """The map, of shape (r, d)."""
        omega: Tensor = self.raw / torch.linalg.matrix_norm(self.raw)
        return omega

    @property
    def spectral_norm(self) -> Tensor:
        """Most by which the map lengthens a vector."""
        norm: Tensor = torch.linalg.matrix_norm(self.omega, 2)
        return norm

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """See `Metric.forward`."""
        omega = self.omega
        return squared_distances(x @ omega.T, w @ omega.T)


class Relevances(Metric):
    """``sum_f lambda_f (x_f - w_f)^2`` with relevances that sum to 1: GRLVQ.

    Hammer & Villmann 2002; the diagonal case of `SharedMatrix`.

    Parameters
    ----------
    scale : Tensor of shape (d,)
        Start of the square roots of the relevances, up to a factor.
    """

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.raw = nn.Parameter(scale)

    @property
    def omega(self) -> Tensor:
        """The map as a diagonal matrix of shape (d, d)."""
        return torch.diag(self._scale)

    @property
    def spectral_norm(self) -> Tensor:
        """Most by which the map lengthens a vector."""
        return self._scale.abs().amax()

    @property
    def _scale(self) -> Tensor:
        scale: Tensor = self.raw / self.raw.norm()
        return scale

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """See `Metric.forward`."""
        return squared_distances(x * self._scale, w * self._scale)


class LocalMatrices(Metric):
    """``|omega_k (x - w_k)|^2``, each omega of Frobenius norm 1.

    Parameters
    ----------
    omegas : Tensor of shape (M, r, d)
        Start of the maps, up to a factor each.
    which : Tensor of shape (K,)
        Map of each prototype.
    """

    which: Tensor

    def __init__(self, omegas: Tensor, which: Tensor) -> None:
        super().__init__()
        self.raw = nn.Parameter(omegas)
        self.register_buffer("which", which, persistent=False)

    @property
    def omega(self) -> Tensor:
        """The maps, of shape (M, r, d)."""
        omega: Tensor = self.raw / torch.linalg.matrix_norm(self.raw, keepdim=True)
        return omega

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """See `Metric.forward`."""
        centre = w.detach().mean(0)
        omega = self.omega.index_select(0, self.which)
        return mapped_squares(x - centre, w - centre, omega)


class TangentSpaces(Metric):
    """Squared distance to ``w_k + span(T_k)``, each T_k orthonormal by construction.

    Saralajew & Villmann 2016. T is the Q of a QR decomposition of the parameter.

    Parameters
    ----------
    tangents : Tensor of shape (K, d, m)
        Start.
    """

    def __init__(self, tangents: Tensor) -> None:
        super().__init__()
        self.raw = nn.Parameter(tangents)
        self.elements = tangents.shape[2] + 1

    @property
    def tangents(self) -> Tensor:
        """Orthonormal bases of shape (K, d, m)."""
        orthonormal: Tensor = torch.linalg.qr(self.raw).Q
        return orthonormal

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """See `Metric.forward`."""
        return squared_distances(x, w, self.tangents)
