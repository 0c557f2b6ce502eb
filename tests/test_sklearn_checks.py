"""scikit-learn's own checks."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_proto import CBCClassifier, RBFClassifier

_QUICK = {"max_iter": 30}

CONFIGURATIONS = [
    RBFClassifier(),
    CBCClassifier(),
    RBFClassifier(metric="euclidean", loss="margin", **_QUICK),
    RBFClassifier(metric="tangent", weights="normalized", **_QUICK),
    CBCClassifier(metric="euclidean", loss="margin", **_QUICK),
    # A step of L-BFGS on the robust loss is slow, so one of the two takes Adam.
    RBFClassifier(
        loss="robust", normalize_kernel=True, solver="adam", learning_rate=0.1, **_QUICK
    ),
    CBCClassifier(loss="robust", reasoning="indefinite", tol=1e-2, max_iter=5),
]


def expected_failures(estimator):
    """Checks that ask for what a model is built not to have."""
    if getattr(estimator, "weights", None) == "normalized":
        # The check weighs one class ten million times the other and asks that nearly
        # all rows go to it. Convex weights without a bias hold no class prior.
        return {"check_class_weight_classifiers": "no bias to hold a class prior"}
    return {}


@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_scikit_learn_check(estimator, check):
    check(estimator)
