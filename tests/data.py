"""Small data sets that every test shares."""

import numpy as np


def three_classes(n_per_class=20, n_features=4, seed=0):
    """Overlapping clouds of multiples of 1/8, which float32 holds exactly."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(scale=1.5, size=(3, n_features))
    y = np.repeat(np.arange(3), n_per_class)
    X = centres[y] + rng.normal(size=(len(y), n_features))
    order = rng.permutation(len(y))
    return np.round(X[order] * 8) / 8, y[order]


def two_classes(n_per_class=20, n_features=3, seed=1):
    X, y = three_classes(n_per_class, n_features, seed)
    keep = y < 2
    return X[keep], y[keep]
