"""Where the prototypes of patches start."""

import numpy as np
import torch
from sklearn.cluster import KMeans

from sklearn_proto._modules import to_numpy

# Rows of a class, and patches of a row, that are looked at: a start needs no more.
_ROWS, _PATCHES_PER_ROW = 256, 3


def init_discriminative(network, plain, data, random_state):
    """Start the prototypes at centres of the patches that tell their class most.

    Where anything will do, as in the blank corner of an image, all classes are alike:
    prototypes that start there find every image similar, and learn nothing.

    Parameters
    ----------
    network : PartNetwork
        Its prototypes are set, in place.
    plain : PartNetwork
        The same network without prototypes, trained: says what a patch tells.
    data : TrainingData
        Rows.
    random_state : RandomState
        Chooses rows and seeds k-means.
    """
    plain.eval()
    for branch, reader in zip(network.branches, plain.branches, strict=True):
        owners = to_numpy(branch.parts.owners).astype(np.intp)
        found = np.empty(tuple(branch.parts.prototypes.shape))
        for c in np.unique(owners):
            own = np.flatnonzero(owners == c)
            rows = random_state.permutation(np.flatnonzero(data.y == c))[:_ROWS]
            patches = _discriminative_patches(
                plain, reader, data.X[rows], c, branch.parts
            )
            found[own] = centres(patches, len(own), random_state).reshape(
                found[own].shape
            )
        _set(branch.parts, found)


def place_at(network, prototypes):
    """Start the prototypes of each branch at the given ones, in place."""
    for branch, given in zip(network.branches, prototypes, strict=True):
        _set(branch.parts, given)


def _set(parts, values):
    here = parts.prototypes
    parts.place(torch.tensor(values, dtype=here.dtype, device=here.device))


def _discriminative_patches(plain, reader, X, c, parts):
    """Flat patches (m, D h w) of rows of class c, the most telling of each."""
    height, width = parts.size
    device = parts.prototypes.device
    x = torch.tensor(X, dtype=torch.float32, device=device)
    with torch.no_grad():
        maps = reader.add_on(plain.features(x)[1])
        columns = torch.nn.functional.unfold(maps, (height, width))
        # The evidence of a patch is that of its positions together.
        evidence = torch.nn.functional.avg_pool2d(
            reader.evidence(maps, int(c)), (height, width), stride=1
        ).flatten(1)
        best = evidence.topk(min(_PATCHES_PER_ROW, evidence.shape[1]), 1).indices
        chosen = columns.gather(2, best[:, None].expand(-1, columns.shape[1], -1))
    return to_numpy(chosen.transpose(1, 2).flatten(0, 1))


def centres(points, k, random_state):
    """Centres (k, D) of k clusters of points (m, D)."""
    distinct = np.unique(points, axis=0)
    if len(distinct) <= k:
        # Too few to choose from: some twice, a little apart.
        chosen = np.resize(distinct, (k, distinct.shape[1]))
        return chosen + 1e-3 * random_state.standard_normal(chosen.shape)
    seed = random_state.randint(2**31 - 1)
    # Starts need no polish: one run of few steps.
    means = KMeans(k, n_init=1, max_iter=20, random_state=seed).fit(distinct)
    return means.cluster_centers_
