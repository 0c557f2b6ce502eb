"""Prototypes, their widths and their tangent spaces."""

import torch
from torch import Tensor, nn

from sklearn_proto._functional import similarities, squared_distances
from sklearn_proto._modules._metrics import Relevances, SharedMatrix


class RadialKernel(nn.Module):
    """Similarities of rows to learned prototypes.

    Parameters
    ----------
    prototypes : Tensor of shape (K, d)
        Start.
    sigma : Tensor of shape (K,) or (1,)
        Start of the widths, one per prototype or one for all; positive by
        construction, as ``exp`` of the parameter.
    metric : {"euclidean", "sqeuclidean", "tangent"}
        Dissimilarity.
    tangents : Tensor of shape (K, d, m), optional
        Start of the tangent spaces; orthonormal by construction, as the Q of a QR
        decomposition of the parameter.
    normalized : bool
        Divide the similarities by their sum.
    learned : SharedMatrix or Relevances, optional
        Learned metric that gives the squared distances, without tangent spaces.
    """

    def __init__(
        self,
        prototypes: Tensor,
        sigma: Tensor,
        metric: str,
        tangents: Tensor | None = None,
        *,
        normalized: bool = False,
        learned: SharedMatrix | Relevances | None = None,
    ) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(prototypes)
        self.log_sigma = nn.Parameter(sigma.log())
        self.raw_tangents = None if tangents is None else nn.Parameter(tangents)
        self.metric = metric
        self.normalized = normalized
        self.learned = learned

    @property
    def sigma(self) -> Tensor:
        """Widths of shape (K,) or (1,)."""
        return self.log_sigma.exp()

    @property
    def tangents(self) -> Tensor | None:
        """Orthonormal bases of shape (K, d, m), or None."""
        if self.raw_tangents is None:
            return None
        orthonormal: Tensor = torch.linalg.qr(self.raw_tangents).Q
        return orthonormal

    @property
    def n_components(self) -> int:
        """Dimension of the space in which the distance is Euclidean."""
        return int(
            self.prototypes.shape[1] if self.learned is None else len(self.learned.raw)
        )

    @property
    def spectral_norm(self) -> Tensor | float:
        """Most by which the learned metric lengthens a vector; 1 without one."""
        return 1.0 if self.learned is None else self.learned.spectral_norm

    def _squares(self, x: Tensor) -> Tensor:
        """Squared distances (n, K) of rows to the prototypes."""
        if self.learned is None:
            return squared_distances(x, self.prototypes, self.tangents)
        sq: Tensor = self.learned(x, self.prototypes)
        return sq

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Squared distances and similarities, each of shape (n, K)."""
        sq = self._squares(x)
        phi = similarities(sq, self.sigma, self.metric, normalized=self.normalized)
        return sq, phi

    def squares_between(self) -> Tensor:
        """Squared distances (K, K) between the prototypes."""
        w = self.prototypes
        sq = squared_distances(w, w) if self.learned is None else self.learned(w, w)
        return sq.fill_diagonal_(0.0)

    def gram(self) -> Tensor:
        """Positive semi-definite (K, K) inner products of the kernel functions.

        With one width they are the similarities of the prototypes to each other: the
        inner products of the reproducing kernel Hilbert space. Gaussians of different
        widths take the inner products of their normalised square roots in L2, which
        agree with the former at equal widths. Where no such closed form is at hand
        (tangent spaces, other kernels of different widths, normalised kernels) the
        functions count as orthonormal.
        """
        k, d = len(self.prototypes), self.n_components
        s = self.sigma
        shared = s.numel() == 1
        gaussian = self.metric == "sqeuclidean"
        known = not self.normalized and (
            gaussian or (shared and self.metric == "euclidean")
        )
        if not known:
            return torch.eye(k, dtype=s.dtype, device=s.device)
        sq = self.squares_between()
        if shared:
            return similarities(sq, s, self.metric)
        mean = (s[:, None] + s) / 2
        log_ratio = (self.log_sigma[:, None] + self.log_sigma) / 2 - mean.log()
        return torch.exp(d / 2 * log_ratio - sq / mean)
