"""The head of PIP-Net."""

from torch import Tensor, nn

from sklearn_proto._modules._class_heads import _LinearHead

# Weight of a prototype for the classes that it does not start for.
_OTHER_CLASSES = 0.1


class RectifiedWeights(_LinearHead):
    """Weights that are at least 0 and mostly are 0: ``s_c = sum_k relu(W[c, k]) g_k``.

    Nauta et al. 2023: what is found speaks for classes, and never against one. There
    all weights start at about 1, on features that have been trained before; with
    features that are new it takes a start that prefers a class.

    Parameters
    ----------
    owners : Tensor of shape (C, 1, K)
        1 where the prototype starts as evidence for the class.
    """

    def __init__(self, owners: Tensor) -> None:
        super().__init__(owners)
        own = owners.squeeze(1)
        # No weight starts at 0, where a rectified one has no gradient.
        self.raw = nn.Parameter(own + _OTHER_CLASSES * (1.0 - own))

    def weights(self) -> Tensor:
        """See `_LinearHead.weights`."""
        return self.raw.relu()
