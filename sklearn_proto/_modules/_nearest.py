"""Labelled prototypes and the metric in which the nearest of them wins."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklearn_proto._modules._metrics import Metric


class Distances(NamedTuple):
    """Everything a loss may look at, for a batch of n rows."""

    dissimilarities: Tensor  # (n, K)
    owners: Tensor  # (K,)
    temperature: Tensor  # ()

    def own_and_rival(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """D to the closest prototype of the class, and of any other, each (n,)."""
        own = self.owners == y[:, None]
        d = self.dissimilarities
        # min, not amin, which would share a gradient between ties.
        closest = d.masked_fill(~own, torch.inf).min(1).values
        rival = d.masked_fill(own, torch.inf).min(1).values
        return closest, rival

    def of_classes(self, n_classes: int) -> Tensor:
        """D (n, C) to the closest prototype of every class."""
        d = self.dissimilarities
        start = torch.full_like(d[:, :1], torch.inf).repeat(1, n_classes)
        return start.scatter_reduce(1, self.owners.expand_as(d), d, "amin")


class NearestPrototypes(nn.Module):
    """Distances of rows to learned prototypes in a learned metric.

    Parameters
    ----------
    prototypes : Tensor of shape (K, d)
        Start.
    owners : Tensor of shape (K,)
        Index of the class of each.
    metric : Metric
        Dissimilarity.
    """

    owners: Tensor

    def __init__(self, prototypes: Tensor, owners: Tensor, metric: Metric) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(prototypes)
        self.register_buffer("owners", owners, persistent=False)
        self.metric = metric
        self.log_temperature = nn.Parameter(
            torch.zeros_like(prototypes[0, 0]), requires_grad=False
        )

    @property
    def elements_per_row(self) -> int:
        """Size of the temporaries of one row."""
        k, d = self.prototypes.shape
        return d + k * (self.metric.elements + 4)

    def forward(self, x: Tensor) -> Distances:
        """Distances of rows `x` of shape (n, d)."""
        d = self.metric(x, self.prototypes)
        return Distances(d, self.owners, self.log_temperature.exp())
