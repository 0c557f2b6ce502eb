"""Starting points computed from distinct, weighted training rows."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, MiniBatchKMeans

Array = NDArray[np.floating]

# Above this many rows of a class, k-means reads mini-batches.
_MINI_BATCH_ROWS = 10_000
# Similarity of a row at a typical distance (mean + standard deviation) to its nearest
# prototype.
_TYPICAL_SIMILARITY = 0.01


def class_prototypes(
    X: Array,
    y: NDArray[np.intp],
    weight: NDArray[np.float64],
    counts: NDArray[np.intp],
    init: str,
    random_state: np.random.RandomState,
) -> Array:
    """Class by class, ``counts[c]`` prototypes of class c; shape (sum(counts), d)."""
    start = {"kmeans": _cluster_centres, "random": _random_rows}[init]
    parts = []
    for c, count in enumerate(counts):
        if count > 0:
            own = y == c
            parts.append(start(X[own], weight[own], int(count), random_state))
    return np.vstack(parts)


def _cluster_centres(
    rows: Array,
    mass: NDArray[np.float64],
    count: int,
    random_state: np.random.RandomState,
) -> Array:
    if count == 1:
        return np.average(rows, axis=0, weights=mass)[None]
    seed = random_state.randint(np.iinfo(np.int32).max)
    large = len(rows) > _MINI_BATCH_ROWS
    kmeans = (MiniBatchKMeans if large else KMeans)(count, n_init=1, random_state=seed)
    return np.asarray(kmeans.fit(rows, sample_weight=mass).cluster_centers_)


def _random_rows(
    rows: Array,
    mass: NDArray[np.float64],
    count: int,
    random_state: np.random.RandomState,
) -> Array:
    chosen = random_state.choice(
        len(rows), size=count, replace=False, p=mass / mass.sum()
    )
    return rows[chosen]


def initial_sigma(
    nearest: NDArray[np.float64],
    weight: NDArray[np.float64],
    between: NDArray[np.float64],
    rounding: float,
) -> float:
    """Width that gives a row at a typical distance a similarity of 0.01.

    ``-(mean + std) / log(0.01)`` of the dissimilarities to the nearest prototype, or
    of those `between` each prototype and the next where the former are `rounding`:
    then every row is a prototype, and nothing is known of how far new ones will be.
    """
    typical = _typical(nearest, weight)
    if not typical > rounding:
        typical = _typical(between, np.ones(len(between)))
    sigma = float(-typical / np.log(_TYPICAL_SIMILARITY))
    # All prototypes are one: any positive width fits, so take the unit.
    return sigma if typical > rounding else 1.0


def _typical(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    mean = np.average(values, weights=weight)
    return float(mean + np.sqrt(np.average((values - mean) ** 2, weights=weight)))


def initial_tangents(
    X: Array,
    weight: NDArray[np.float64],
    prototypes: Array,
    assigned: NDArray[np.intp],
    m: int,
    random_state: np.random.RandomState,
) -> NDArray[np.float64]:
    """Principal directions (K, d, m) of the rows assigned to each prototype.

    A cluster with fewer directions than `m` is completed by random orthogonal ones.
    """
    d = X.shape[1]
    tangents = np.empty((len(prototypes), d, m))
    for k, prototype in enumerate(prototypes):
        own = assigned == k
        scale = np.sqrt(weight[own])[:, None]
        deviations = scale * (X[own].astype(np.float64) - prototype)
        _, size, axes = np.linalg.svd(deviations, full_matrices=False)
        axes = axes[size > 1e-10 * max(size.max(initial=0.0), 1.0)][:m]
        fill = random_state.standard_normal((m, d))
        tangents[k] = np.linalg.qr(np.vstack([axes, fill])[:m].T).Q
    return tangents


def nearest_rows(
    X: Array, y: NDArray[np.intp], prototypes: Array, labels: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Index of the training row of its class nearest to each prototype; shape (K,)."""
    indices = np.empty(len(prototypes), dtype=np.intp)
    for k, (prototype, label) in enumerate(zip(prototypes, labels, strict=True)):
        own = np.flatnonzero(y == label)
        gap = X[own].astype(np.float64) - prototype
        indices[k] = own[np.einsum("ij,ij->i", gap, gap).argmin()]
    return indices
