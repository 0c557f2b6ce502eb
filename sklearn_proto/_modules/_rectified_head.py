"""The head of PIP-Net."""

import torch
from torch import Tensor, nn

from sklearn_proto._modules._class_heads import _LinearHead


class RectifiedWeights(_LinearHead):
    """Weights that are at least 0 and mostly are 0: ``s_c = sum_k relu(W[c, k]) g_k``.

    Nauta et al. 2023: what is found speaks for classes, and never against one. All
    prototypes start as equal evidence for all classes.

    Parameters
    ----------
    owners : Tensor of shape (C, 1, K)
        Gives the sizes; whose a prototype is, the weights come to say.
    """

    def __init__(self, owners: Tensor) -> None:
        super().__init__(owners)
        self.raw = nn.Parameter(torch.ones_like(owners.squeeze(1)))

    def weights(self) -> Tensor:
        """See `_LinearHead.weights`."""
        return self.raw.relu()

    def keep(self, index: Tensor) -> None:
        """See `Head.keep`."""
        self.raw = nn.Parameter(self.raw.detach()[:, index])
