"""Classifiers made of nothing but a certifiable view, drawn at random or by hand."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from sklearn_proto._views import SimilarityView


class ViewClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier that is its view."""

    def __init__(self, view=None):
        self.view = view
        self.classes_ = np.arange(len(view.coefficients))
        self.n_features_in_ = view.prototypes.shape[1]

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        raise NotImplementedError("it comes fitted")

    def certifiable_view(self):
        return self.view

    def predict(self, X):
        x = self.view.tensor(np.asarray(X, dtype=float))
        return self.view.class_scores(x).argmax(1).numpy()


def nearest_prototype(prototypes, metric="sqeuclidean", sigma=1.0, **more):
    """One prototype a class, the nearest wins."""
    w = np.asarray(prototypes, dtype=float)
    k = len(w)
    view = SimilarityView(
        w, np.full(k, sigma), np.eye(k)[:, None], np.zeros((k, 1)), metric, **more
    )
    return ViewClassifier(view)


def random_view(rng):
    """Any kernel, widths, signs, concepts and constants: more than training reaches."""
    d, k, c, q = (int(rng.integers(*r)) for r in ((2, 6), (2, 8), (2, 4), (1, 3)))
    metric = str(rng.choice(["euclidean", "sqeuclidean", "tangent"]))
    tangents = None
    if metric == "tangent":
        tangents = np.linalg.qr(rng.normal(size=(k, d, 1))).Q
    shared = np.full(k, rng.uniform(0.3, 3))
    sigma = shared if rng.random() < 0.5 else rng.uniform(0.3, 3, k)
    coefficients = rng.normal(size=(c, q, k))
    if rng.random() < 0.3:
        coefficients = np.abs(coefficients)
    offsets = rng.normal(size=(c, q)) * rng.choice([0, 0.1, 1])
    return SimilarityView(
        rng.normal(size=(k, d)),
        sigma,
        coefficients,
        offsets,
        metric,
        tangents,
        normalized=bool(rng.random() < 0.3),
    )
