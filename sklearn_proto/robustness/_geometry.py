"""Inner products of prototypes as perturbations see them."""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._perturbations import Perturbations


@dataclass(frozen=True)
class Geometry:
    """Prototypes pulled back to the space of the perturbations.

    A slope ``b`` of the model acts on a perturbation as ``(A^T b) . delta``, so angles
    and lengths that bound it are those of ``A^T w``. Everything is centred on the mean
    prototype: differences are all that matters, and far from the origin their digits
    would be lost.
    """

    view: SimilarityView
    perturbations: Perturbations

    @cached_property
    def _pulled(self) -> Tensor:
        return self.perturbations.pull(self.view.tensor(self.view.prototypes))

    @cached_property
    def centre(self) -> Tensor:
        """Mean of the pulled prototypes, shape (d,)."""
        return self._pulled.mean(0)

    @cached_property
    def points(self) -> Tensor:
        """Centred prototypes of shape (K, d)."""
        return self._pulled - self.centre

    @cached_property
    def gram(self) -> Tensor:
        """Their inner products (K, K)."""
        return self.points @ self.points.T

    @property
    def squares(self) -> Tensor:
        """Their squared lengths (K,)."""
        return self.gram.diagonal()

    @cached_property
    def squared_gram(self) -> Tensor:
        """Squares of the inner products (K, K)."""
        return self.gram.square()

    def place(self, z: Tensor) -> Tensor:
        """Rows `z` of the model in the same coordinates, shape (m, d)."""
        return self.perturbations.pull(z) - self.centre
