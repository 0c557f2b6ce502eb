"""A branch without prototypes: how features are learned before there are any."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sklearn_proto._modules._part_network import Branch, PartNetwork, PartOutputs


class PlainBranch(nn.Module):
    """Add-on layers whose strongest channels a linear layer reads.

    Parameters
    ----------
    branch : Branch
        Its add-on layers are shared, and trained.
    n_classes : int
        Number of classes.
    """

    def __init__(self, branch: Branch, n_classes: int) -> None:
        super().__init__()
        self.add_on = branch.add_on
        n_channels = branch.parts.prototypes.shape[1]
        # A 1x1 convolution, so that it also reads single patches.
        self.reader = nn.Conv2d(n_channels, n_classes, 1)

    def forward(self, shallow: Tensor, deep: Tensor) -> PartOutputs:
        """Compute outputs in which every channel stands for a prototype."""
        z = self.add_on(deep)
        strongest = z.flatten(2).max(2).values
        scores = self.reader(strongest[:, :, None, None])[:, :, 0, 0]
        return PartOutputs(shallow, z, -z, -strongest, strongest, scores, self)

    def evidence(self, z: Tensor, c: int) -> Tensor:
        """Tell how much each position of maps z is for class c over any other.

        Returns
        -------
        Tensor of shape (n, H, W)
            Lead over the best rival.
        """
        scores = self.reader(z)
        rivals = torch.cat([scores[:, :c], scores[:, c + 1 :]], 1)
        lead: Tensor = scores[:, c] - rivals.max(1).values
        return lead

    def groups(self) -> dict[str, Iterable[nn.Parameter]]:
        """Parameters by what they belong to."""
        return {
            "add_on": self.add_on.parameters(),
            "heads": self.reader.parameters(),
        }


def without_prototypes(network: PartNetwork, n_classes: int) -> PartNetwork:
    """Build a network that shares all of `network` but prototypes and heads."""
    return PartNetwork(
        network.layout,
        network.standardise,
        network.backbone,
        [PlainBranch(branch, n_classes) for branch in network.branches],
        frozen=network.frozen,
    )
