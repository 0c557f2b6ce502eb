"""scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

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

_QUICK = {"max_iter": 30}
# Rows are signals: images one pixel high.
_DEEP = {
    "n_channels": 8,
    "warmup_epochs": 1,
    "max_epochs": 4,
    "learning_rate": 0.01,
    "batch_size": 32,
}
_WHOLE = {
    "n_channels": 16,
    "warmup_epochs": 2,
    "max_epochs": 10,
    "learning_rate": 0.02,
    "batch_size": 32,
}

# One of each kind of model, for the inner loop.
CONFIGURATIONS = [
    RBFClassifier(),
    GLVQClassifier(),
    ProtoPNetClassifier(2, **_DEEP),
    PrototypeAutoencoderClassifier(6, **_WHOLE),
]
# Every other class, and every kind of parameter, metric, loss and solver in one of the
# classes that have it: heads differ in nothing that these checks test.
MORE_CONFIGURATIONS = [
    CBCClassifier(),
    RBFClassifier(metric="euclidean", loss="margin", **_QUICK),
    RBFClassifier(metric="tangent", weights="normalized", **_QUICK),
    # A step of the robust loss is slow, one of L-BFGS with many of them more so.
    RBFClassifier(
        loss="robust",
        normalize_kernel=True,
        solver="adam",
        learning_rate=0.05,
        max_iter=60,
    ),
    CBCClassifier(reasoning="indefinite", n_concepts_per_class=2, **_QUICK),
    GLVQClassifier(metric="manhattan", loss="triplet", **_QUICK),
    GMLVQClassifier(**_QUICK),
    GMLVQClassifier(relevance="diagonal", **_QUICK),
    LGMLVQClassifier(**_QUICK),
    GTLVQClassifier(**_QUICK),
    RSLVQClassifier(**_QUICK),
    STProtoPNetClassifier(2, **_DEEP),
    CBCNetClassifier(2, **_DEEP),
    ProbPSENNClassifier(2, **_WHOLE),
]


# The check weighs one class ten million times the other and asks that nearly all rows
# go to it. These models have no bias to hold a class prior.
_NO_PRIOR = {"check_class_weight_classifiers": "no bias to hold a class prior"}
# These set n_components=1 on whatever has the parameter.
_SET_COMPONENTS = dict.fromkeys(
    (
        "check_dont_overwrite_parameters",
        "check_fit2d_1feature",
        "check_fit2d_predict1d",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
    ),
    "n_components needs relevance='full'",
)


def expected_failures(estimator):
    """Checks that ask for what a model is built not to have."""
    parameters = estimator.get_params()
    found = {}
    without_prior = (
        parameters.get("weights") == "normalized",
        parameters.get("loss") == "triplet",
    )
    if any(without_prior):
        found |= _NO_PRIOR
    if parameters.get("relevance") == "diagonal":
        found |= _SET_COMPONENTS
    return found


@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(MORE_CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_scikit_learn_check_of_more(estimator, check):
    check(estimator)
