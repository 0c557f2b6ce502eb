"""Which training patches the prototypes are closest to."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto._modules import PartNetwork, PatchPrototypes
from sklearn_proto._training._deep._stages import RowBatches


class Sources(NamedTuple):
    """The closest patch of each prototype of a branch."""

    rows: NDArray[np.intp]  # (K,)
    positions: NDArray[np.intp]  # (K,), flat, in the latent map
    patches: Tensor  # (K, D, h, w)

    def take(self, index: NDArray[np.intp]) -> "Sources":
        """Those of some prototypes."""
        patches = self.patches[torch.as_tensor(index, device=self.patches.device)]
        return Sources(self.rows[index], self.positions[index], patches)


def closest_patches(
    network: PartNetwork, batches: RowBatches, y: NDArray[np.intp]
) -> list[Sources]:
    """Closest patch of each prototype among the rows of its class, branch by branch.

    One pass over the rows in bounded memory. Of equally close patches the one of the
    first row, and in it the first position, is taken.

    Parameters
    ----------
    network : PartNetwork
        In evaluation.
    batches : callable
        Starts an iteration over slices of rows and their tensors.
    y : ndarray of shape (n,)
        Index of the class of each row.
    """
    searches = [_Search(len(b.parts.owners)) for b in network.branches]
    with torch.no_grad():
        for rows, x in batches():
            labels = torch.as_tensor(y[rows], device=x.device)
            outputs = network(x).branches
            for search, own in zip(searches, outputs, strict=True):
                same = labels[:, None] == own.branch.parts.owners
                search.update(
                    rows.start,
                    own.dissimilarity_map.flatten(2),
                    own.patches,
                    same,
                    own.branch.parts,
                )
    return [search.found() for search in searches]


class _Search:
    """The closest patch so far of each of k prototypes."""

    def __init__(self, k: int) -> None:
        self.best = np.full(k, np.inf)
        self.rows = np.full(k, -1, dtype=np.intp)
        self.positions = np.zeros(k, dtype=np.intp)
        self.patches: list[Tensor | None] = [None] * k

    def update(
        self, start: int, d: Tensor, z: Tensor, same: Tensor, parts: PatchPrototypes
    ) -> None:
        """Look at dissimilarities d (n, K, positions) of a batch of maps z."""
        n_positions = d.shape[2]
        own = d.masked_fill(~same[:, :, None], torch.inf).permute(1, 0, 2).flatten(1)
        values = own.cpu().numpy()
        # numpy's argmin is the first of equals, whatever the device.
        index = values.argmin(1)
        here = values[np.arange(len(index)), index]
        for k in np.flatnonzero(here < self.best):
            row, position = divmod(int(index[k]), n_positions)
            self.best[k] = here[k]
            self.rows[k], self.positions[k] = start + row, position
            self.patches[k] = parts.patch_at(z[row : row + 1], int(k), position).clone()

    def found(self) -> Sources:
        """Rows, positions and patches."""
        patches = torch.stack([p for p in self.patches if p is not None])
        return Sources(self.rows, self.positions, patches)
