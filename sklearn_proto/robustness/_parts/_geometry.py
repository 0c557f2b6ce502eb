"""What certificates know of a part-prototype network, whatever the rows."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._views import PartPrototypeView
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


@dataclass(frozen=True)
class PartGeometry:
    """Scores of all concepts, and how far a perturbation of size 1 moves the maps.

    Parameters
    ----------
    view : PartPrototypeView
        The model.
    perturbations : Perturbations
        Perturbations of any row.
    lipschitz : float
        Constant in l2, from rows to latent maps.
    """

    view: PartPrototypeView
    perturbations: Perturbations
    lipschitz: float

    @property
    def lipschitz_of_maps(self) -> float:
        """Bound on the length by which a perturbation of size 1 moves a map."""
        return self.lipschitz * self.perturbations.lipschitz

    @cached_property
    def coefficients(self) -> Tensor:
        """Of the similarities in the scores of the concepts, (S, K)."""
        return self.view.affine.coefficients.flatten(0, 1)

    @cached_property
    def offsets(self) -> Tensor:
        """Of the scores, (S,)."""
        return self.view.affine.offsets.flatten()

    @cached_property
    def owners(self) -> Tensor:
        """Class (S,) of each score."""
        n_classes, q = self.view.affine.offsets.shape
        classes = torch.arange(n_classes, device=self.offsets.device)
        return classes.repeat_interleave(q)

    @cached_property
    def lengths(self) -> Tensor:
        """Of the prototypes, (K,)."""
        branches = self.view.network.branches
        return torch.cat([b.parts.prototypes.flatten(1).norm(dim=1) for b in branches])

    @cached_property
    def patch_entries(self) -> int:
        """How many numbers a patch has."""
        return int(self.view.network.branches[0].parts.prototypes[0].numel())

    @cached_property
    def overlap(self) -> int:
        """How many patches, of any branch, share an entry of a map at most.

        The squared moves of all patches add up to that of the map times this.
        """
        sizes = [branch.parts.size for branch in self.view.network.branches]
        return sum(height * width for height, width in sizes)

    def similarity(self, squared: Tensor) -> Tensor:
        """Similarities of squared distances of shape (n, K, ...)."""
        parts = [branch.parts for branch in self.view.network.branches]
        pieces = torch.split(squared, [len(p.owners) for p in parts], dim=1)
        found = [p.similarity(d) for p, d in zip(parts, pieces, strict=True)]
        return torch.cat(found, 1)
