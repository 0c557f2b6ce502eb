"""A network that compares the parts of an image with prototypes."""

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from sklearn_proto._functional import Affine, best_of_class
from sklearn_proto._modules._head import Head
from sklearn_proto._modules._image_layout import ImageLayout
from sklearn_proto._modules._lipschitz import lipschitz_bound
from sklearn_proto._modules._patch_prototypes import PatchPrototypes


class Standardise(nn.Module):
    """``(x - mean) / scale`` per channel, as the training images ask for it."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("scale", scale[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, channels, height, width) of mean 0 and variance 1."""
        return (images - self.mean) / self.scale

    def inverse(self, standardised: Tensor) -> Tensor:
        """Images in the units they came in."""
        return standardised * self.scale + self.mean

    @property
    def lipschitz(self) -> float:
        """Lipschitz constant in l2."""
        return 1.0 / float(self.scale.min())


class PartOutputs(NamedTuple):
    """Everything a loss may look at of one branch, for a batch of n images."""

    shallow: Tensor  # (n, D', S, S'), a map from early in the backbone
    patches: Tensor  # (n, D, H, W)
    dissimilarity_map: Tensor  # (n, K, H', W')
    closest: Tensor  # (n, K), smallest dissimilarity
    similarities: Tensor  # (n, K)
    scores: Tensor  # (n, C)
    branch: Any  # what computed them

    @property
    def peaks(self) -> Tensor:
        """Flat position (n, K) of the closest patch."""
        return self.dissimilarity_map.flatten(2).argmin(2)


class NetworkOutputs(NamedTuple):
    """Outputs of all branches."""

    branches: tuple[PartOutputs, ...]

    @property
    def scores(self) -> Tensor:
        """Class scores (n, C): the branches add up."""
        total = self.branches[0].scores
        for branch in self.branches[1:]:
            total = total + branch.scores
        return total


class Branch(nn.Module):
    """Add-on layers, prototypes and a head on a shared backbone.

    Parameters
    ----------
    add_on : Module
        From the maps of the backbone to latent maps (n, D, H, W).
    parts : PatchPrototypes
        Prototypes of latent patches.
    head : Head
        From similarities to class scores.
    """

    def __init__(self, add_on: nn.Module, parts: PatchPrototypes, head: Head) -> None:
        super().__init__()
        self.add_on, self.parts, self.head = add_on, parts, head

    def groups(self) -> dict[str, Iterable[nn.Parameter]]:
        """Parameters by what they belong to."""
        return {
            "add_on": self.add_on.parameters(),
            "prototypes": [self.parts.prototypes],
            "heads": self.head.score_parameters(),
        }

    def keep(self, index: Tensor) -> None:
        """Drop all prototypes but those at `index`."""
        self.parts.keep(index)
        self.head.keep(index)

    def forward(self, shallow: Tensor, deep: Tensor) -> PartOutputs:
        """Compare the patches of deep feature maps with the prototypes."""
        z = self.add_on(deep)
        d = self.parts.dissimilarity_map(z)
        _check_places(self.parts, z, d)
        # min, not amin, which would share a gradient between ties.
        closest = d.flatten(2).min(2).values
        similarities = self.parts.similarity(closest)
        scores = best_of_class(self.head.affine().scores(similarities))
        return PartOutputs(shallow, z, d, closest, similarities, scores, self)


class PartNetwork(nn.Module):
    """Backbone and branches: images of flat rows in, similarities and scores out.

    Parameters
    ----------
    layout : ImageLayout
        Shape of the images that rows hold.
    standardise : Standardise
        What is done to their pixels first.
    backbone : Module
        From images to one map, or to a list of maps from shallow to deep.
    branches : iterable of Branch
        ProtoPNet has one, ST-ProtoPNet two.
    frozen : bool
        Whether the backbone stays as it is, also in its statistics.
    """

    def __init__(
        self,
        layout: ImageLayout,
        standardise: Standardise,
        backbone: nn.Module,
        branches: Iterable[nn.Module],
        *,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.layout, self.frozen = layout, frozen
        self.standardise, self.backbone = standardise, backbone
        self._branches = nn.ModuleList(branches)
        # Layers of a given backbone may rest, whatever the rest of it does.
        named = backbone.named_parameters()
        self._learning = [name for name, p in named if p.requires_grad]

    @property
    def branches(self) -> list[Branch]:
        """The branches, in their order."""
        return cast("list[Branch]", list(self._branches))

    def train(self, mode: bool = True) -> "PartNetwork":  # noqa: FBT001, FBT002
        """Switch to training; a frozen backbone stays in evaluation."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, x: Tensor) -> NetworkOutputs:
        """Compute the outputs for rows (n, d)."""
        shallow, deep = self.features(x)
        return NetworkOutputs(tuple(b(shallow, deep) for b in self.branches))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by what they belong to, over all branches."""
        named = dict(self.backbone.named_parameters())
        found = {"backbone": [named[name] for name in self._learning]}
        for branch in self.branches:
            for name, parameters in branch.groups().items():
                found.setdefault(name, []).extend(parameters)
        return found

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shallow and deep maps of rows (n, d)."""
        return feature_maps(self.backbone, self.standardise(self.layout.maps(x)))

    @property
    def lipschitz(self) -> float | None:
        """Lipschitz constant in l2 from rows to every latent map; None if unknown."""
        add_ons = [lipschitz_bound(branch.add_on) for branch in self.branches]
        known = [lipschitz_bound(self.backbone), *add_ons]
        if None in known:
            return None
        first, *rest = cast("list[float]", known)
        return self.standardise.lipschitz * first * max(rest)

    def affine(self) -> Affine:
        """Coefficients of the similarities of all branches in the class scores."""
        parts = [branch.head.affine() for branch in self.branches]
        offsets = parts[0].offsets
        for part in parts[1:]:
            offsets = offsets + part.offsets
        return Affine(torch.cat([p.coefficients for p in parts], -1), offsets)


def feature_maps(backbone: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Shallow and deep map of images.

    A list of maps names both; of a Sequential the shallow map is what leaves its first
    child; of any other module there is only the deep one.
    """
    # A subclass may do more than call its children in turn.
    if type(backbone) is nn.Sequential and len(backbone) > 1:
        first, *rest = backbone.children()
        shallow = first(images)
        return shallow, nn.Sequential(*rest)(shallow)
    found = backbone(images)
    if isinstance(found, Tensor):
        return found, found
    maps = list(found.values()) if isinstance(found, dict) else list(found)
    return maps[0], maps[-1]


def _check_places(parts: PatchPrototypes, z: Tensor, d: Tensor) -> None:
    """Check that dissimilarities d are those of the patches of maps z, in their places.

    Projection, boxes and the pictures of a prototype take a position of the one for a
    position of the other, unless the similarity says itself where its patches are.
    """
    if not parts.on_grid:
        _check_own_places(parts, z, d)
        return
    h, w = parts.size
    expected = (len(z), len(parts.owners), z.shape[2] - h + 1, z.shape[3] - w + 1)
    if d.shape != expected:
        raise ValueError(
            f"similarity {type(parts).__name__}: dissimilarity_map returned shape "
            f"{tuple(d.shape)}; it must be {expected}, one value for every patch of "
            f"{h} x {w} in its place: prototypes are projected onto the patch where "
            "the dissimilarity is least. A similarity of other patches overrides "
            "patch_at and boxes."
        )


def _check_own_places(parts: PatchPrototypes, z: Tensor, d: Tensor) -> None:
    """Check the maps and boxes of a similarity with a geometry of its own."""
    name, many = type(parts).__name__, (len(z), len(parts.owners))
    if d.ndim != 4 or d.shape[:2] != many:
        raise ValueError(
            f"similarity {name}: dissimilarity_map returned shape {tuple(d.shape)}; it "
            f"must be (n, K, H', W') with n = {many[0]} maps and K = {many[1]} "
            "prototypes."
        )
    if type(parts).boxes is PatchPrototypes.boxes:
        raise ValueError(
            f"similarity {name} overrides patch_at, so it must override boxes too: "
            "nothing else knows where in an image its patches are."
        )
