"""Channels that are prototypes: PIP-Net compares by no distance."""

import torch
from torch import Tensor

from sklearn_proto._functional import product_map
from sklearn_proto._modules._patch_prototypes import Product


class ChannelPrototypes(Product):
    """Channels of a distribution: how much of a patch is channel k is its similarity.

    Nauta et al. 2023. The prototype is the unit vector of its channel, so that the
    similarity is their inner product. There is nothing to learn in it.

    Parameters
    ----------
    owners : Tensor of shape (K,)
        Index of the class of each.
    n_channels : int
        Channels of the patches, at least K; the first K have a prototype.
    """

    def __init__(self, owners: Tensor, n_channels: int) -> None:
        units = torch.eye(len(owners), n_channels, device=owners.device)
        super().__init__(units[:, :, None, None], owners)

    def place(self, values: Tensor) -> None:
        """Stay: a channel is what it is."""

    def project(self, patches: Tensor) -> None:
        """Stay; the patches are those that show most of the channel."""

    def dissimilarity_map(self, z: Tensor) -> Tensor:
        """One minus the probability of the channel."""
        return 1.0 - product_map(z, self.prototypes)
