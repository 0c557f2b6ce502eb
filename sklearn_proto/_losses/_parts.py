"""Losses of part-prototype networks: what draws prototypes to patches and apart."""

import torch
from torch import Tensor

from sklearn_proto._modules import PartOutputs


def cluster(outputs: PartOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """Mean dissimilarity of rows to the closest prototype of their class.

    Chen et al. 2019; of cosines it is one minus the similarity that Wang et al. 2023
    make large.
    """
    return _closest(outputs, outputs.branch.parts.owners == y[:, None], weight)


def separation(outputs: PartOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """Minus the mean dissimilarity to the closest prototype of any other class."""
    return -_closest(outputs, outputs.branch.parts.owners != y[:, None], weight)


def _closest(outputs: PartOutputs, chosen: Tensor, weight: Tensor) -> Tensor:
    best = outputs.closest.masked_fill(~chosen, torch.inf).min(1).values
    return weighted_mean(best, weight)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of values (n,) of rows of these weights."""
    return torch.dot(values, weight) / weight.sum()


def wrong_class_norm(outputs: PartOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """L1 norm of the head's weights to classes other than a prototype's own."""
    del y, weight
    norm: Tensor = outputs.branch.head.wrong_class_norm()
    return norm


def orthogonality(outputs: PartOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """``sum_c |P_c P_c^T - I|_1`` of the unit prototypes of each class.

    Wang et al. 2023.
    """
    del y, weight
    unit, owners = _unit_prototypes(outputs)
    same = owners[:, None] == owners
    products = unit @ unit.T - torch.eye(
        len(unit), dtype=unit.dtype, device=unit.device
    )
    return products.masked_fill(~same, 0.0).abs().sum()


def closeness(outputs: PartOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """Minus the mean over pairs of classes of their least alike prototypes' cosine.

    Pulls the support prototypes of different classes together (Wang et al. 2023).
    """
    del y, weight
    return -_between_classes(outputs, "amin")


def discrimination(outputs: PartOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """Mean over pairs of classes of their most alike prototypes' cosine.

    Pushes the trivial prototypes of different classes apart (Wang et al. 2023).
    """
    del y, weight
    return _between_classes(outputs, "amax")


def _between_classes(outputs: PartOutputs, reduction: str) -> Tensor:
    """Mean over pairs of classes of an extreme cosine between their prototypes."""
    unit, owners = _unit_prototypes(outputs)
    cosines = unit @ unit.T
    classes, index = torch.unique(owners, return_inverse=True)
    c = len(classes)
    pairs = (index[:, None] * c + index).flatten()
    start = cosines.new_zeros(c * c)
    extremes = start.scatter_reduce(
        0, pairs, cosines.flatten(), reduction, include_self=False
    ).view(c, c)
    return (extremes.sum() - extremes.diagonal().sum()) / (c * (c - 1))


def _unit_prototypes(outputs: PartOutputs) -> tuple[Tensor, Tensor]:
    """Prototypes as unit vectors (K, D h w), and their classes."""
    parts = outputs.branch.parts
    flat = parts.prototypes.flatten(1)
    return torch.nn.functional.normalize(flat, dim=1), parts.owners
