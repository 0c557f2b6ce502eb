"""Tangent spaces to start from."""

import numpy as np

from sklearn_proto._training import initial_tangents
from sklearn_proto._views import NearestPrototypeView


def principal_tangents(data, prototypes, labels, m, random_state):
    """Bases (K, d, m) of the main directions of the rows around each prototype.

    Those are the rows of its class that have no closer prototype of the class.
    """
    n_features = prototypes.shape[1]
    if m >= n_features:
        raise ValueError(
            f"n_tangents={m} must be less than the number of features, but "
            f"n_features={n_features}."
        )
    assigned = np.empty(len(data), dtype=np.intp)
    for c in np.unique(labels):
        rows, own = data.y == c, np.flatnonzero(labels == c)
        _, closest = nearest_prototype(data.X[rows], prototypes[own])
        assigned[rows] = own[closest]
    return initial_tangents(data.X, data.weight, prototypes, assigned, m, random_state)


def nearest_prototype(X, prototypes, tangents=None):
    """Squared distance to, and index of, the closest prototype of each row."""
    k = len(prototypes)
    view = NearestPrototypeView(prototypes, np.zeros(k), 1, tangents=tangents)
    distance, index = np.empty(len(X)), np.empty(len(X), dtype=np.intp)
    for rows, x in view.batches(X):
        nearest = view.squared_distances(x).min(1)
        distance[rows] = nearest.values.numpy()
        index[rows] = nearest.indices.numpy()
    return distance, index
