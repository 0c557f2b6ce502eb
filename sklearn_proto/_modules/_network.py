"""A kernel and a head, joined."""

from typing import NamedTuple

from torch import Tensor, nn

from sklearn_proto._functional import Affine, best_of_class
from sklearn_proto._modules._head import Head
from sklearn_proto._modules._kernel import RadialKernel


class Outputs(NamedTuple):
    """Everything a loss may look at, for a batch of n rows."""

    squared_distances: Tensor  # (n, K)
    similarities: Tensor  # (n, K)
    affine: Affine  # coefficients (C, q, K) and offsets (C, q)
    concept_scores: Tensor  # (n, C, q)
    scores: Tensor  # (n, C)
    temperature: Tensor  # ()
    kernel: RadialKernel


class PrototypeNetwork(nn.Module):
    """Similarities to prototypes, then a head that weighs them."""

    def __init__(self, kernel: RadialKernel, head: Head) -> None:
        super().__init__()
        self.kernel = kernel
        self.head = head

    @property
    def prototypes(self) -> nn.Parameter:
        """Prototypes of shape (K, d)."""
        return self.kernel.prototypes

    @property
    def elements_per_row(self) -> int:
        """Size of the temporaries of one row."""
        k, d = self.prototypes.shape
        tangents = self.kernel.raw_tangents
        if self.kernel.learned is not None:
            d += self.kernel.n_components
        return d + k * (8 + (0 if tangents is None else tangents.shape[2]))

    def forward(self, x: Tensor) -> Outputs:
        """All intermediate results for rows `x` of shape (n, d)."""
        squared_distances, phi = self.kernel(x)
        affine = self.head.affine()
        concept_scores = affine.scores(phi)
        return Outputs(
            squared_distances,
            phi,
            affine,
            concept_scores,
            best_of_class(concept_scores),
            self.head.log_temperature.exp(),
            self.kernel,
        )
