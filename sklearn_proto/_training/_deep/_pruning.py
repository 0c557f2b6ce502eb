"""Which prototypes stand for their class, judged by the patches closest to them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto._modules import PartNetwork
from sklearn_proto._training._deep._stages import RowBatches


def own_class_counts(
    network: PartNetwork, batches: RowBatches, y: NDArray[np.intp], neighbors: int
) -> list[NDArray[np.intp]]:
    """How many of the nearest training patches are of a prototype's own class.

    The nearest patches are those of the `neighbors` rows that come closest with their
    best patch, over all classes (Chen et al. 2019, supplement S8).

    Returns
    -------
    list of ndarray of shape (K,)
        Counts for each branch, from 0 to `neighbors`.
    """
    found: list[list[Tensor]] = [[] for _ in network.branches]
    with torch.no_grad():
        for _, x in batches():
            for kept, own in zip(found, network(x).branches, strict=True):
                kept.append(own.closest.cpu())
    counts = []
    for kept, branch in zip(found, network.branches, strict=True):
        closest = torch.cat(kept).numpy()
        nearest = np.argsort(closest, axis=0, kind="stable")[:neighbors]
        owners = branch.parts.owners.cpu().numpy()
        counts.append(np.asarray((y[nearest] == owners).sum(axis=0)))
    return counts


def kept_prototypes(
    counts: NDArray[np.intp], owners: NDArray[np.intp], threshold: int
) -> NDArray[np.intp]:
    """Find the prototypes with counts of at least `threshold`.

    A class that would lose all of them keeps its best one.
    """
    keep = counts >= threshold
    for c in np.unique(owners):
        own = np.flatnonzero(owners == c)
        if not keep[own].any():
            keep[own[counts[own].argmax()]] = True
    return np.flatnonzero(keep)
