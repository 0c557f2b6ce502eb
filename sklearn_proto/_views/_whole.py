"""The view of a network of whole prototypes: what predicts and explains."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._modules import WholeNetwork, sampled_distances
from sklearn_proto._views._reader import RowReader


@dataclass(frozen=True, eq=False)
class WholePrototypeView(RowReader):
    """A trained network in float64.

    Parameters
    ----------
    network : WholeNetwork
        In evaluation, in float64, on `device`, without gradients of its parameters.
    device : torch.device
        Where to compute.
    rows_per_batch : int
        Rows whose maps are in memory at the same time.
    """

    network: WholeNetwork
    device: torch.device
    rows_per_batch: int

    def _rows_at_once(self, n_features: int) -> int:
        """Rows of a batch; what counts are the maps, not the features."""
        del n_features
        return self.rows_per_batch

    @cached_property
    def samples(self) -> Tensor:
        """Prototypes (S, K, q), the same for all rows."""
        return self.network.prototypes.samples()

    def sampled_distances(self, x: Tensor) -> Tensor:
        """Squared distances (S, n, K) of rows (n, d) to the samples."""
        return sampled_distances(self.network.encode(x), self.samples)

    def distances(self, x: Tensor) -> Tensor:
        """Squared distances (n, K), of distributions on average."""
        return self.network.prototypes.expected_distances(self.network.encode(x))

    def similarities(self, x: Tensor) -> Tensor:
        """``1 / (1 + distance)``, of shape (n, K)."""
        return 1.0 / (1.0 + self.distances(x))

    def class_scores(self, x: Tensor) -> Tensor:
        """Scores (n, C) of every class."""
        return self.network.prototypes.class_scores(self.sampled_distances(x))

    def reconstructed(self, x: Tensor) -> Tensor:
        """Rows (n, d) after encoding and decoding."""
        return self.network.decode(self.network.encode(x))
