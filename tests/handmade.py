"""Estimators whose explanations are written by hand."""

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_proto.explain import Explanation, PartExplanation


def fields(X, contributions, labels, similarities=None, prototypes=None):
    """Fields of an explanation with these contributions (n, C, K)."""
    n, c, k = contributions.shape
    rows = np.asarray(X, dtype=float).reshape(n, -1)
    return {
        "X": rows,
        "classes": np.arange(c),
        "scores": contributions.sum(axis=2),
        "contributions": contributions,
        "baseline": np.zeros(c),
        "similarities": np.ones((n, k)) if similarities is None else similarities,
        "prototypes": np.zeros((k, 1)) if prototypes is None else prototypes,
        "prototype_labels": np.asarray(labels),
        "feature_names": np.array([f"x{i}" for i in range(rows.shape[1])]),
        "row_indices": np.arange(n),
    }


class Handmade(BaseEstimator):
    """Explains rows by a function."""

    def __init__(self, function, proba=None):
        self.function = function
        self.proba = proba

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def explain(self, X):
        return self.function(np.asarray(X, dtype=float))

    def predict_proba(self, X):
        return self.proba(np.asarray(X, dtype=float))


def evidence(contributions, labels=None, **others):
    """Estimator that has these contributions (n, C, K) whatever the rows."""
    given = np.asarray(contributions, dtype=float)
    names = np.zeros(given.shape[2], dtype=int) if labels is None else labels

    def explain(X):
        return Explanation(**fields(X, given[: len(X)], names, **others))

    return Handmade(explain)


class Brightest(BaseEstimator):
    """Its prototypes, one a channel, are found at the brightest pixel of theirs."""

    def __init__(self, image_shape, channels_first=False, labels=(0,)):
        self.image_shape = image_shape
        self.channels_first = channels_first
        self.labels = labels

    def explain(self, X):
        rows = np.asarray(X, dtype=float).reshape(len(X), -1)
        height, width, *channels = self.image_shape
        k = channels[0] if channels else 1
        if self.channels_first:
            maps = rows.reshape(-1, k, height, width)
        else:
            maps = rows.reshape(-1, height, width, k).transpose(0, 3, 1, 2)
        best = maps.max(axis=(2, 3))
        contributions = np.stack([best, 0 * best], axis=1)
        return PartExplanation(
            **fields(X, contributions, self.labels, similarities=best),
            similarity_maps=maps,
            bounding_boxes=np.zeros((len(X), k, 4), dtype=int),
            image_shape=tuple(self.image_shape),
            channels_first=self.channels_first,
        )
