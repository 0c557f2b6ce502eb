"""Prototypes of patches, and how alike a patch and a prototype are."""

from abc import abstractmethod
from math import log

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from sklearn_proto._functional import (
    cosine_map,
    patches_at,
    product_map,
    squared_distance_map,
)

# Keeps the logarithmic similarity finite where a patch is the prototype.
_EPSILON = 1e-4


class PatchPrototypes(nn.Module):
    """Prototypes of one class each, and the dissimilarity of patches to them.

    A similarity owns the geometry of its patches. They are those of a grid, as large as
    a prototype, unless a subclass says otherwise: one whose parts are deformable, say,
    overrides `patch_at` and `boxes`, and its maps may be of any size.

    Parameters
    ----------
    prototypes : Tensor of shape (K, D, h, w)
        Start.
    owners : Tensor of shape (K,)
        Index of the class of each.
    """

    owners: Tensor
    # What the similarity of identical patches is worth to a head that counts in the
    # units of the paper.
    unit = 1.0
    # Whether patches should be in [0, 1].
    bounded = True

    def __init__(self, prototypes: Tensor, owners: Tensor) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(prototypes)
        self.register_buffer("owners", owners)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a patch."""
        h, w = self.prototypes.shape[2:]
        return h, w

    def place(self, values: Tensor) -> None:
        """Move to `values` (K, D, h, w), in place."""
        with torch.no_grad():
            self.prototypes.copy_(values)

    def project(self, patches: Tensor) -> None:
        """Become these patches (K, D, h, w), in place."""
        with torch.no_grad():
            self.prototypes.copy_(patches)

    def keep(self, index: Tensor) -> None:
        """Drop all prototypes but those at `index`."""
        self.prototypes = nn.Parameter(self.prototypes.detach()[index])
        self.owners = self.owners[index]

    @property
    def on_grid(self) -> bool:
        """Whether patches are those of a grid: one for every place in a map."""
        return type(self).patch_at is PatchPrototypes.patch_at

    def patch_at(self, z: Tensor, k: int, position: int) -> Tensor:
        """Patch (D, h, w) that prototype `k` meets at a flat position of its map.

        Parameters
        ----------
        z : Tensor of shape (1, D, H, W)
            Latent map of one image.
        k : int
            The prototype.
        position : int
            Index into ``dissimilarity_map(z)[0, k].flatten()``.
        """
        del k
        return patches_at(z, torch.tensor([position], device=z.device), self.size)[0]

    def boxes(self, z: Tensor, image_size: tuple[int, int]) -> Tensor | None:
        """Boxes (n, K, 4) of the best patches of latent maps (n, D, H, W), in pixels.

        Top, left, bottom and right in an image of (height, width), the last two one
        beyond the box. None, the default, for patches of a grid: their boxes are where
        the similarity is highest (Chen et al. 2019).
        """
        del z, image_size
        return None

    @abstractmethod
    def dissimilarity_map(self, z: Tensor) -> Tensor:
        """Dissimilarities (n, K, H', W') of all patches of maps (n, D, H, W)."""

    @abstractmethod
    def similarity(self, dissimilarity: Tensor) -> Tensor:
        """Similarities in [0, 1], which fall with the dissimilarity."""


class Distance(PatchPrototypes):
    """Dissimilarities that are squared distances."""

    def dissimilarity_map(self, z: Tensor) -> Tensor:
        """See `PatchPrototypes.dissimilarity_map`."""
        return squared_distance_map(z, self.prototypes)


class Product(PatchPrototypes):
    """Dissimilarities that are 1 minus a similarity, which is negative for none."""

    def similarity(self, dissimilarity: Tensor) -> Tensor:
        """See `PatchPrototypes.similarity`."""
        return (1.0 - dissimilarity).clamp(0.0, 1.0)


class LogDistance(Distance):
    """``log((d + 1) / (d + 1e-4))`` of the squared distance d, over its largest value.

    Chen et al. 2019. Divided by the similarity of identical patches, ``unit``, so that
    1 means identical; the head's first weights make up for it.
    """

    unit = log(1.0 / _EPSILON)

    def similarity(self, dissimilarity: Tensor) -> Tensor:
        """See `PatchPrototypes.similarity`."""
        ratio = (dissimilarity + 1.0) / (dissimilarity + _EPSILON)
        return ratio.log() / self.unit


class ExpDistance(Distance):
    """``exp(-d)`` of the squared distance d."""

    def similarity(self, dissimilarity: Tensor) -> Tensor:
        """See `PatchPrototypes.similarity`."""
        return torch.exp(-dissimilarity)


class Cosine(Product):
    """Cosine of the angle of patch and prototype, at least 0 (Wang et al. 2023)."""

    # Between patches in [0, 1] no angle is more than a right one, and most far less.
    bounded = False

    def place(self, values: Tensor) -> None:
        """See `PatchPrototypes.place`; of length one, so that steps turn them."""
        super().place(normalize(values.flatten(1)).view_as(values))

    def dissimilarity_map(self, z: Tensor) -> Tensor:
        """One minus the cosine."""
        return 1.0 - cosine_map(z, self.prototypes)


class Projection(Product):
    """Inner product with the unit prototype, over its largest value.

    Huang et al. 2023. Patches are in [0, 1], so that a product is at most the root of
    the number of their entries, the ``unit``. Without it in the head's first weights
    the scores would hardly differ, and training would end at equal patches.
    """

    def __init__(self, prototypes: Tensor, owners: Tensor) -> None:
        super().__init__(prototypes, owners)
        self.unit = float(prototypes[0].numel() ** 0.5)

    def dissimilarity_map(self, z: Tensor) -> Tensor:
        """One minus the similarity."""
        return 1.0 - product_map(z, self.prototypes) / self.unit


SIMILARITIES: dict[str, type[PatchPrototypes]] = {
    "log": LogDistance,
    "exp": ExpDistance,
    "cosine": Cosine,
    "projection": Projection,
}


def falls_with_distance(kind: type[PatchPrototypes]) -> bool:
    """Whether a bound on how far patches move bounds similarities of this very class.

    A subclass may measure otherwise, whatever it overrides, and no bound would see it.
    """
    return kind in (LogDistance, ExpDistance)
