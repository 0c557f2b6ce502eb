"""The view of a part-prototype network: what predicts, explains and certifies."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._functional import Affine, best_of_class
from sklearn_proto._modules import (
    NetworkOutputs,
    PartNetwork,
    falls_with_distance,
)
from sklearn_proto._views._reader import RowReader


@dataclass(frozen=True, eq=False)
class PartPrototypeView(RowReader):
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

    def _rows_at_once(self, n_features: int) -> int:
        """Rows of a batch; what counts are the maps, not the features."""
        del n_features
        return self.rows_per_batch

    @cached_property
    def affine(self) -> Affine:
        """Map from similarities to class scores."""
        return self.network.affine()

    @property
    def lipschitz(self) -> float | None:
        """Constant in l2 of rows to latent maps, if known and distances count."""
        kinds = [type(branch.parts) for branch in self.network.branches]
        known = all(falls_with_distance(kind) for kind in kinds)
        return self.network.lipschitz if known else None

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

    def own_boxes(self, x: Tensor, image_size: tuple[int, int]) -> Tensor | None:
        """Boxes (n, K, 4) of similarities that say themselves where their parts are.

        Those of other prototypes are -1; None if all compare the patches of a grid.
        """
        if all(branch.parts.on_grid for branch in self.network.branches):
            return None
        found = []
        for own in self.outputs(x).branches:
            boxes = own.branch.parts.boxes(own.patches, image_size)
            unknown = torch.full((*own.closest.shape, 4), -1, device=x.device)
            found.append(unknown if boxes is None else boxes)
        return torch.cat(found, 1)

    def class_scores(self, x: Tensor) -> Tensor:
        """Scores (n, C) of every class."""
        return self.scores_of(self.similarities(x))

    def scores_of(self, similarities: Tensor) -> Tensor:
        """Scores (n, C) that similarities (n, K) make."""
        return best_of_class(self.affine.scores(similarities))
