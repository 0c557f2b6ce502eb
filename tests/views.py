"""Classifiers made of nothing but a certifiable view, drawn at random or by hand."""

from functools import singledispatch

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
)


@singledispatch
def n_classes(view):
    """Number of classes of a view."""
    return view.n_classes


@n_classes.register
def _(view: SimilarityView):
    return len(view.coefficients)


@n_classes.register
def _(view: PartPrototypeView):
    return len(view.affine.coefficients)


@singledispatch
def n_features(view):
    """Number of features of the rows of a view."""
    return view.prototypes.shape[1]


@n_features.register
def _(view: PartPrototypeView):
    return view.network.layout.n_features


class ViewClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier that is its view."""

    def __init__(self, view=None):
        self.view = view
        self.classes_ = np.arange(n_classes(view))
        self.n_features_in_ = n_features(view)

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        raise NotImplementedError("it comes fitted")

    def certifiable_view(self):
        return self.view

    @property
    def prototypes_(self):
        return self.view.prototypes

    def decision_function(self, X):
        x = self.view.tensor(np.asarray(X, dtype=float))
        return self.view.class_scores(x).numpy()

    def predict(self, X):
        return self.decision_function(X).argmax(axis=1)


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
    if rng.random() < 0.2:
        # Certificates treat more than 32 prototypes in another way.
        k += 32
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


NEAREST_KINDS = ["plain", "shared", "rank one", "local", "tangent", "manhattan"]


def random_nearest_view(rng, kind=None, per_class=None):
    """Any metric, several prototypes a class, now and then a class without one.

    With `per_class` each of three classes has that many.
    """
    kind = str(rng.choice(NEAREST_KINDS)) if kind is None else kind
    d, c = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    owners = np.r_[np.arange(c), rng.integers(0, c, rng.integers(0, 6))]
    if rng.random() < 0.15:
        owners = owners[owners != rng.integers(c)]
    if per_class is not None:
        c, owners = 3, np.repeat(np.arange(3), per_class)
    k = len(owners)
    more = {
        "shared": lambda: {"omega": rng.normal(size=(rng.integers(1, d + 1), d))},
        "rank one": lambda: {"omega": rng.normal(size=(1, d))},
        "local": lambda: {"omega": rng.normal(size=(k, rng.integers(1, d + 1), d))},
        "tangent": lambda: {
            "tangents": np.linalg.qr(rng.normal(size=(k, d, rng.integers(1, d)))).Q
        },
    }
    metric = "manhattan" if kind == "manhattan" else "sqeuclidean"
    if metric != "manhattan" and rng.random() < 0.5:
        metric = "euclidean"
    return NearestPrototypeView(
        rng.normal(size=(k, d)),
        np.sort(owners),
        c,
        metric,
        **more.get(kind, dict)(),
    )
