"""One table of small configurations per public estimator."""

import inspect
from itertools import cycle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

import sklearn_proto
from sklearn_proto import (
    CBCClassifier,
    CBCNetClassifier,
    GLVQClassifier,
    GMLVQClassifier,
    GTLVQClassifier,
    LGMLVQClassifier,
    ProbPSENNClassifier,
    ProtoPNetClassifier,
    PrototypeAutoencoderClassifier,
    RBFClassifier,
    RSLVQClassifier,
    STProtoPNetClassifier,
)
from tests.breadth import quick_are

_QUICK = {"max_iter": 40, "random_state": 0}
# A step of the robust loss solves for radii.
_ROBUST = {"loss": "robust", "max_iter": 6, "random_state": 0}

# Rows of four numbers are signals; the networks are those of small images.
_DEEP = {
    "n_channels": 8,
    "warmup_epochs": 1,
    "max_epochs": 6,
    "projection_period": 4,
    "batch_size": 16,
    "learning_rate": 0.01,
    "random_state": 0,
}

# Of four numbers codes need not be many.
_WHOLE = {
    "n_channels": 16,
    "n_latent_channels": 4,
    "warmup_epochs": 1,
    "max_epochs": 6,
    "batch_size": 16,
    "learning_rate": 0.02,
    "random_state": 0,
}

INSTANCES = {
    "rbf": RBFClassifier(2, **_QUICK),
    "rbf-normalized-weights": RBFClassifier(2, weights="normalized", **_QUICK),
    "rbf-normalized-kernel": RBFClassifier(2, normalize_kernel=True, **_QUICK),
    "rbf-margin": RBFClassifier(loss="margin", **_QUICK),
    "rbf-robust": RBFClassifier(2, **_ROBUST),
    "rbf-robust-normalized-kernel": RBFClassifier(normalize_kernel=True, **_ROBUST),
    "rbf-euclidean": RBFClassifier(metric="euclidean", **_QUICK),
    "rbf-tangent": RBFClassifier(metric="tangent", **_QUICK),
    "rbf-tangent-robust": RBFClassifier(metric="tangent", **_ROBUST),
    "rbf-many-sigmas": RBFClassifier(sigma=[1.0, 2.0, 3.0], **_QUICK),
    "rbf-adam": RBFClassifier(2, solver="adam", learning_rate=0.05, **_QUICK),
    "rbf-full": RBFClassifier(2, relevance="full", **_QUICK),
    "rbf-diagonal": RBFClassifier(metric="euclidean", relevance="diagonal", **_QUICK),
    "rbf-full-robust": RBFClassifier(relevance="full", **_ROBUST),
    "cbc": CBCClassifier(2, **_QUICK),
    "cbc-margin": CBCClassifier(loss="margin", **_QUICK),
    "cbc-robust": CBCClassifier(2, **_ROBUST),
    "cbc-indefinite": CBCClassifier(2, reasoning="indefinite", **_QUICK),
    "cbc-concepts": CBCClassifier(2, n_concepts_per_class=2, **_QUICK),
    "cbc-euclidean": CBCClassifier(metric="euclidean", **_QUICK),
    "cbc-euclidean-robust": CBCClassifier(metric="euclidean", **_ROBUST),
    "cbc-tangent": CBCClassifier(metric="tangent", **_QUICK),
    "cbc-indefinite-concepts-margin": CBCClassifier(
        2, reasoning="indefinite", n_concepts_per_class=2, loss="margin", **_QUICK
    ),
    "cbc-components": CBCClassifier(relevance="full", n_components=2, **_QUICK),
    "cbc-adam": CBCClassifier(solver="adam", learning_rate=0.05, **_QUICK),
    "glvq": GLVQClassifier(2, **_QUICK),
    "glvq-identity": GLVQClassifier(activation="identity", **_QUICK),
    "glvq-triplet-margin": GLVQClassifier(
        2, metric="euclidean", loss="triplet", **_QUICK
    ),
    "glvq-manhattan": GLVQClassifier(2, metric="manhattan", **_QUICK),
    "glvq-adam": GLVQClassifier(solver="adam", learning_rate=0.05, **_QUICK),
    "gmlvq": GMLVQClassifier(2, **_QUICK),
    "gmlvq-projection": GMLVQClassifier(n_components=2, **_QUICK),
    "gmlvq-diagonal": GMLVQClassifier(relevance="diagonal", **_QUICK),
    "lgmlvq": LGMLVQClassifier(2, **_QUICK),
    "lgmlvq-class": LGMLVQClassifier(2, localization="class", **_QUICK),
    "gtlvq": GTLVQClassifier(2, **_QUICK),
    "rslvq": RSLVQClassifier(2, **_QUICK),
    "rslvq-many-sigmas": RSLVQClassifier(sigma=[1.0, 2.0, 3.0], **_QUICK),
    "protopnet": ProtoPNetClassifier(2, **_DEEP),
    "protopnet-cosine": ProtoPNetClassifier(similarity="cosine", **_DEEP),
    "protopnet-score": ProtoPNetClassifier(
        2, similarity="projection", aggregation="score", **_DEEP
    ),
    "protopnet-pruned": ProtoPNetClassifier(3, pruning=True, **_DEEP),
    "protopnet-aligned": ProtoPNetClassifier(alignment_weight=0.1, **_DEEP),
    "stprotopnet": STProtoPNetClassifier(2, **_DEEP),
    "cbcnet": CBCNetClassifier(2, **_DEEP),
    # Networks that may not stretch learn slowly.
    "cbcnet-lipschitz": CBCNetClassifier(lipschitz=True, **_DEEP | {"max_epochs": 12}),
    "cbcnet-rbf": CBCNetClassifier(2, head="rbf", **_DEEP),
    "cbcnet-pipnet": CBCNetClassifier(2, head="pipnet", **_DEEP),
    "cbcnet-softmax": CBCNetClassifier(2, similarity="softmax", **_DEEP),
    "autoencoder": PrototypeAutoencoderClassifier(5, **_WHOLE),
    "autoencoder-random": PrototypeAutoencoderClassifier(3, init="random", **_WHOLE),
    "prob-psenn": ProbPSENNClassifier(2, **_WHOLE),
    "prob-psenn-points": ProbPSENNClassifier(init_sigma=0.0, **_WHOLE),
}

# Three prototypes in all need three classes.
_THREE_CLASSES_ONLY = {"rbf-many-sigmas", "rslvq-many-sigmas"}
FOR_TWO_CLASSES = [name for name in INSTANCES if name not in _THREE_CLASSES_ONLY]

# Only their training differs from that of another entry: once fitted, the same formulas
# say what they predict and what is certified.
OTHER_FITS = {
    "rbf-margin",
    "rbf-robust",
    "rbf-robust-normalized-kernel",
    "rbf-tangent-robust",
    "rbf-full-robust",
    "rbf-adam",
    "cbc-margin",
    "cbc-robust",
    "cbc-euclidean-robust",
    "cbc-adam",
    "glvq-identity",
    "glvq-adam",
    "protopnet-pruned",
    "protopnet-aligned",
    "autoencoder-random",
}

DEEP = [n for n, e in INSTANCES.items() if "max_epochs" in e.get_params()]
SHALLOW = [n for n in INSTANCES if n not in DEEP]
CERTIFIED = [*SHALLOW, *(n for n in DEEP if "lipschitz" in n)]
FORMULAS = [n for n in INSTANCES if n not in OTHER_FITS]

# The first entry of every estimator.
FIRST = {type(e): n for n, e in reversed(INSTANCES.items())}


def first_quick(names):
    """Parameters of a costly test: the quick ones are the first of an estimator."""
    return quick_are(FIRST.values(), names)


def with_norms(names, norms=(1, 2, np.inf)):
    """Names and norms: the first of an estimator meets them all, others take turns."""
    turns = cycle(norms)
    pairs = [
        (name, norm)
        for name in names
        for norm in (norms if name in FIRST.values() else [next(turns)])
    ]
    quick = [(name, 2) for name in FIRST.values()] + [("rbf", norm) for norm in norms]
    return pytest.mark.parametrize(("name", "norm"), quick_are(quick, pairs))


every_fit = pytest.mark.parametrize("name", first_quick(INSTANCES))
every_shallow_fit = pytest.mark.parametrize("name", first_quick(SHALLOW))
every_two_class_fit = pytest.mark.parametrize("name", first_quick(FOR_TWO_CLASSES))
every_shallow_instance = pytest.mark.parametrize("name", SHALLOW)
every_instance = pytest.mark.parametrize("name", list(INSTANCES))
both_estimators = pytest.mark.parametrize("Estimator", [RBFClassifier, CBCClassifier])
every_estimator = pytest.mark.parametrize(
    "Estimator", list(dict.fromkeys(type(e) for e in INSTANCES.values()))
)
SHALLOW_ESTIMATORS = list(dict.fromkeys(type(INSTANCES[n]) for n in SHALLOW))
every_shallow_estimator = pytest.mark.parametrize("Estimator", SHALLOW_ESTIMATORS)
LVQ = [n for n in INSTANCES if "lvq" in n]
# Scores that are affine in similarities, and scores that are minus a distance.
NEAREST = [n for n in LVQ if "rslvq" not in n]
SIMILARITY = [n for n in SHALLOW if n not in NEAREST]
CERTIFIED_FORMULAS = [n for n in CERTIFIED if n in FORMULAS]
SIMILARITY_FORMULAS = [n for n in SIMILARITY if n in FORMULAS]
every_certified_formula = pytest.mark.parametrize(
    "name", first_quick(CERTIFIED_FORMULAS)
)
every_similarity_formula = pytest.mark.parametrize(
    "name", first_quick(SIMILARITY_FORMULAS)
)
every_rbf_or_cbc_instance = pytest.mark.parametrize(
    "name", [n for n in SHALLOW if n not in LVQ]
)
every_lvq_instance = pytest.mark.parametrize("name", LVQ)
every_lvq_fit = pytest.mark.parametrize("name", first_quick(LVQ))


def instance(name, **parameters):
    """Fresh unfitted estimator of the table, with some parameters changed."""
    return clone(INSTANCES[name]).set_params(**parameters)


def example(Estimator, **parameters):
    """Fresh unfitted estimator of the class, as its first entry in the table."""
    return instance(FIRST[Estimator], **parameters)


def public_estimators():
    found = {getattr(sklearn_proto, name) for name in sklearn_proto.__all__}
    return {c for c in found if inspect.isclass(c) and issubclass(c, BaseEstimator)}


def assert_all_registered():
    registered = {type(estimator) for estimator in INSTANCES.values()}
    missing = public_estimators() - registered
    assert not missing, f"not in tests/instances.py: {missing}"
