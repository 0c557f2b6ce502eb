"""Linear maps of a learned metric: where they start, and one form for equal metrics."""

import numpy as np
from sklearn.utils.extmath import svd_flip

from sklearn_proto._modules import Relevances, SharedMatrix, to_numpy
from sklearn_proto.shallow._shallow import to_tensor


def learned_metric(data, relevance, n_components):
    """Metric of all prototypes at its start, for `relevance` "full" or "diagonal"."""
    if relevance == "full":
        return SharedMatrix(to_tensor(initial_map(data, n_components)))
    if n_components is not None:
        raise ValueError(
            f"n_components={n_components!r} needs relevance='full'; with "
            f"relevance={relevance!r} use n_components=None."
        )
    return Relevances(to_tensor(np.ones(data.X.shape[1])))


def mapped(points, metric):
    """Points (n, r) in the space in which a metric of all prototypes is Euclidean."""
    return points @ to_numpy(metric.omega).T


def export_metric(model, omega):
    """Turn the map of all prototypes into attributes of a fitted model."""
    model.omega_ = omega
    model.relevance_matrix_ = model.omega_.T @ model.omega_
    model.relevance_ = np.diag(model.relevance_matrix_).copy()


def initial_map(data, n_components):
    """Map (r, d) to start from: the identity, or the principal directions of the rows.

    Parameters
    ----------
    data : TrainingData
        Rows.
    n_components : int or None
        r; None for the number of features.
    """
    d = data.X.shape[1]
    if n_components is None or n_components == d:
        return np.eye(d)
    if n_components > d:
        raise ValueError(
            f"n_components={n_components} must be at most the number of features, but "
            f"n_features={d}."
        )
    mean = np.average(data.X, axis=0, weights=data.weight)
    deviations = (data.X - mean) * np.sqrt(data.weight)[:, None]
    _, axes = np.linalg.eigh(deviations.T @ deviations)
    return axes.T[::-1][:n_components].copy()


def canonical(omega):
    """Map of the same metric whose rows are orthogonal, in falling order of norm.

    A rotation of the projected space changes no distance, so an optimiser ends on any
    of them.
    """
    u, size, axes = np.linalg.svd(omega, full_matrices=False)
    _, axes = svd_flip(u, axes, u_based_decision=False)
    full = np.zeros_like(omega)
    full[: len(size)] = size[:, None] * axes
    return full
