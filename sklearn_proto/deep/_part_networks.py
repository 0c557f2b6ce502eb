"""Pieces that the branches of several estimators are made of."""

import numpy as np
import torch
from torch import nn


def add_on_layers(n_features, n_channels, *, bounded=True):
    """Two 1x1 convolutions; with a sigmoid the latent patches are in [0, 1].

    Chen et al. 2019.
    """
    layers = [
        nn.Conv2d(n_features, n_channels, 1),
        nn.ReLU(),
        nn.Conv2d(n_channels, n_channels, 1),
    ]
    for layer, then in ((layers[0], "relu"), (layers[2], "linear")):
        nn.init.kaiming_normal_(layer.weight, nonlinearity=then)
    return nn.Sequential(*layers, *([nn.Sigmoid()] if bounded else []))


def class_membership(owners, n_classes):
    """1 where a prototype is of a class, as heads want it: (C, 1, K)."""
    membership = owners == np.arange(n_classes)[:, None]
    return torch.tensor(membership[:, None, :], dtype=torch.float32)


def random_prototypes(parts, owners, n_channels, patch_size):
    """`PatchPrototypes` of a kind, anywhere in the unit cube."""
    start = torch.rand(len(owners), n_channels, patch_size, patch_size)
    return parts(start, torch.tensor(owners))
