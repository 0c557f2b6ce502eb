"""The view of a part-prototype network: what predicts, explains and certifies."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto._functional import Affine, best_of_class
from sklearn_proto._modules import (
    ExpDistance,
    LogDistance,
    NetworkOutputs,
    PartNetwork,
)


@dataclass(frozen=True, eq=False)
class PartPrototypeView:
    """A trained network in float64; scores are affine in the similarities.

    Parameters
    ----------
    network : PartNetwork
        In evaluation, in float64, on `device`, without gradients of its parameters.
    device : torch.device
        Where to compute.
    rows_per_batch : int
        Rows whose maps are in memory at the same time.
    """

    network: PartNetwork
    device: torch.device
    rows_per_batch: int

    def tensor(self, array: NDArray[np.generic]) -> Tensor:
        """Float64 tensor of `array` on the view's device."""
        return torch.tensor(array, dtype=torch.float64, device=self.device)

    def batches(self, X: NDArray[np.generic]) -> Iterator[tuple[slice, Tensor]]:
        """Slices of the rows and their tensors."""
        for start in range(0, X.shape[0], self.rows_per_batch):
            chosen = slice(start, start + self.rows_per_batch)
            # Another order in memory would be summed in another order.
            yield chosen, self.tensor(np.ascontiguousarray(X[chosen]))

    @cached_property
    def affine(self) -> Affine:
        """Map from similarities to class scores."""
        return self.network.affine()

    @property
    def lipschitz(self) -> float | None:
        """Constant in l2 of rows to latent maps, if known and distances count."""
        parts = [branch.parts for branch in self.network.branches]
        by_distance = all(isinstance(p, LogDistance | ExpDistance) for p in parts)
        return self.network.lipschitz if by_distance else None

    def outputs(self, x: Tensor) -> NetworkOutputs:
        """All the network computes for rows (n, d)."""
        found: NetworkOutputs = self.network(x)
        return found

    def similarities(self, x: Tensor) -> Tensor:
        """Similarities (n, K) of the best patch of every row, of all branches."""
        return torch.cat([b.similarities for b in self.outputs(x).branches], 1)

    def similarity_maps(self, x: Tensor) -> Tensor:
        """Similarities (n, K, H', W') of every patch."""
        return torch.cat(
            [
                own.branch.parts.similarity(own.dissimilarity_map)
                for own in self.outputs(x).branches
            ],
            1,
        )

    def class_scores(self, x: Tensor) -> Tensor:
        """Scores (n, C) of every class."""
        return best_of_class(self.affine.scores(self.similarities(x)))
