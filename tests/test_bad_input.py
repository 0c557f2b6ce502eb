"""Bad input: the error names the parameter, the value and what is allowed."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklearn_proto.robustness import (
    certified_accuracy_score,
    certified_radius,
    exact_radius,
)
from tests.data import three_classes
from tests.instances import both_estimators

X, Y = three_classes()
QUICK = {"max_iter": 5, "random_state": 0}


def poisoned(value):
    rows = X.copy()
    rows[3, 1] = value
    return rows


def refused(words, function, *arguments, error=ValueError, **options):
    """All of the words are in the message."""
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    message = str(caught.value)
    for word in words:
        assert str(word) in message, f"{word!r} is not in {message!r}"


@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
@both_estimators
def test_values_that_are_not_finite(Estimator, value, word):
    refused([word, "X"], Estimator(**QUICK).fit, poisoned(value), Y)
    model = Estimator(**QUICK).fit(X, Y)
    for method in ("predict", "predict_proba", "transform", "explain"):
        refused([word, "X"], getattr(model, method), poisoned(value))
    refused([word, "X"], model.certified_radius, poisoned(value))


@both_estimators
def test_messages_about_rows_are_short(Estimator):
    model = Estimator(**QUICK).fit(X, Y)
    words = np.where(X > 0, "a" * 10_000, "b")
    for call in (model.fit, model.predict, model.explain, model.certified_radius):
        with pytest.raises(ValueError, match="could not convert string") as caught:
            call(words, *([Y] if call == model.fit else []))
        assert len(str(caught.value)) < 1000


@both_estimators
def test_one_class(Estimator):
    name = Estimator.__name__
    refused([name, "2 classes", "[7]"], Estimator().fit, X, np.full(len(X), 7))


@both_estimators
def test_one_class_is_left_by_the_weights(Estimator):
    refused(["2 classes"], Estimator().fit, X, Y, sample_weight=(Y == 0).astype(float))


@pytest.mark.parametrize("init", ["kmeans", "random"])
@both_estimators
def test_more_prototypes_than_rows(Estimator, init):
    model = Estimator(21, init=init)
    refused(["n_prototypes_per_class", 21, 20, "class 0"], model.fit, X, Y)


@both_estimators
def test_more_prototypes_than_distinct_rows(Estimator):
    rows = X.copy()
    rows[Y == 1] = rows[Y == 1][0]
    rows[np.flatnonzero(Y == 1)[0]] += 1
    model = Estimator(3)
    words = ["n_prototypes_per_class=3", "2 distinct rows", "class 1"]
    refused(words, model.fit, rows, Y)


CHOICES = {
    "metric": ["sqeuclidean", "euclidean", "tangent"],
    "loss": ["log_loss", "margin", "robust"],
    "solver": ["auto", "lbfgs", "adam"],
    "init": ["kmeans", "random"],
    "sigma": ["auto"],
    "batch_size": ["auto"],
    "class_weight": ["balanced"],
}


@pytest.mark.parametrize("parameter", list(CHOICES))
@both_estimators
def test_unknown_choice(Estimator, parameter):
    model = Estimator(**{parameter: "bogus"})
    refused([parameter, "'bogus'", *CHOICES[parameter]], model.fit, X, Y)


def test_unknown_head():
    from sklearn_proto import CBCClassifier, RBFClassifier

    words = ["weights", "'bogus'", "free", "normalized"]
    refused(words, RBFClassifier(weights="bogus").fit, X, Y)
    words = ["reasoning", "'bogus'", "signed", "indefinite"]
    refused(words, CBCClassifier(reasoning="bogus").fit, X, Y)
    words = ["n_concepts_per_class", "0"]
    refused(words, CBCClassifier(n_concepts_per_class=0).fit, X, Y)
    words = ["normalize_kernel", "'yes'", "bool"]
    refused(words, RBFClassifier(normalize_kernel="yes").fit, X, Y)


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("bogus", ["device", "'bogus'", "'cpu'"]),
        ("cuda:99", ["device", "'cuda:99'", "available"]),
        ("meta", ["device", "'meta'", "available"]),
    ],
)
@both_estimators
def test_device(Estimator, device, words):
    refused(words, Estimator(device=device).fit, X, Y)


NUMBERS = {
    "n_prototypes_per_class": [0, -1],
    "n_tangents": [0],
    "sigma": [0.0, -1.0],
    "margin": [-0.1],
    "alpha": [-1e-5],
    "learning_rate": [0.0, -1.0],
    "max_iter": [0, -3],
    "batch_size": [0],
    "tol": [-1.0],
    "n_iter_no_change": [0],
    "validation_fraction": [0.0, 1.0, -0.5],
}
OUT_OF_RANGE = [(name, value) for name, values in NUMBERS.items() for value in values]


@pytest.mark.parametrize(("parameter", "value"), OUT_OF_RANGE)
@both_estimators
def test_number_out_of_range(Estimator, parameter, value):
    model = Estimator(**{parameter: value})
    refused([parameter, value, "range"], model.fit, X, Y)


@pytest.mark.parametrize("parameter", ["max_iter", "tol", "learning_rate", "margin"])
@pytest.mark.parametrize("value", [np.nan, "3", None])
@both_estimators
def test_not_a_number(Estimator, parameter, value):
    refused([parameter, value], Estimator(**{parameter: value}).fit, X, Y)


@pytest.mark.parametrize("parameter", ["learning_rate", "margin", "alpha", "sigma"])
@both_estimators
def test_infinite_number(Estimator, parameter):
    model = Estimator(solver="adam", max_iter=2, **{parameter: np.inf})
    refused([parameter, "inf"], model.fit, X, Y)


@pytest.mark.parametrize(
    ("sigma", "words"),
    [
        ([1.0, -2.0, 3.0], ["-2.0", "positive"]),
        ([1.0, 0.0, 3.0], ["0.0", "positive"]),
        ([1.0, np.nan, 3.0], ["nan", "finite"]),
        ([1.0, np.inf, 3.0], ["inf", "finite"]),
        ([1.0, 2.0], ["(2,)", "3 prototypes"]),
        ([[1.0, 2.0, 3.0]], ["(1, 3)", "3 prototypes"]),
    ],
)
@both_estimators
def test_sigma(Estimator, sigma, words):
    refused(["sigma", *words], Estimator(sigma=sigma).fit, X, Y)


@pytest.mark.parametrize(
    ("init", "words"),
    [
        (np.zeros((2, 4)), ["(2, 4)", "(3, 4)"]),
        (np.zeros((3, 5)), ["(3, 5)", "(3, 4)"]),
        (np.zeros(4), ["(4,)", "(3, 4)"]),
        (np.full((3, 4), np.nan), ["NaN", "finite"]),
        (np.full((3, 4), np.inf), ["infinity", "finite"]),
    ],
)
@both_estimators
def test_init(Estimator, init, words):
    refused(["init", *words], Estimator(init=init).fit, X, Y)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([1, 2], ["(2,)", "3 classes"]),
        ([[1, 2, 3]], ["(1, 3)", "3 classes"]),
        ([1, 0, 2], ["[1, 0, 2]", "at least 1"]),
        ([1.0, 2.5, 1.0], ["2.5", "integer"]),
    ],
)
@both_estimators
def test_prototypes_of_each_class(Estimator, counts, words):
    refused(["n_prototypes_per_class", *words], Estimator(counts).fit, X, Y)


@both_estimators
def test_lengths_differ(Estimator):
    refused(["inconsistent", 60, 50], Estimator().fit, X, Y[:50])
    model = Estimator(**QUICK).fit(X, Y)
    refused(["y", "(50,)", "60 rows"], model.certified_radius, X, Y[:50])
    refused(["sample_weight", "(50,)"], Estimator().fit, X, Y, np.ones(50))


@both_estimators
def test_continuous_labels(Estimator):
    refused(["continuous"], Estimator().fit, X, Y + 0.5)


@both_estimators
def test_weights_of_rows(Estimator):
    weight = np.ones(len(X))
    weight[0] = -1
    words = ["sample_weight", "egative"]
    refused(words, Estimator(**QUICK).fit, X, Y, sample_weight=weight)
    weight[0] = np.nan
    refused(["sample_weight", "NaN"], Estimator().fit, X, Y, sample_weight=weight)
    refused(["eight"], Estimator().fit, X, Y, sample_weight=np.zeros(len(X)))


METHODS_OF_ROWS = (
    "predict",
    "predict_proba",
    "decision_function",
    "transform",
    "explain",
    "certified_radius",
)


@both_estimators
def test_other_features(Estimator):
    model = Estimator(**QUICK).fit(X, Y)
    words = ["3 features", "4 features", Estimator.__name__]
    for method in METHODS_OF_ROWS:
        refused(words, getattr(model, method), X[:, :3])


@both_estimators
def test_not_fitted(Estimator):
    model = Estimator()
    words = [Estimator.__name__, "fit"]
    for method in METHODS_OF_ROWS:
        refused(words, getattr(model, method), X, error=NotFittedError)
    refused(words, model.certifiable_view, error=NotFittedError)
    refused(words, model.get_feature_names_out, error=NotFittedError)
    refused(words, certified_radius, model, X, error=NotFittedError)


@pytest.mark.parametrize("norm", [0, 0.5, -1, np.nan, "2", None, True, "fro"])
@both_estimators
def test_norm(Estimator, norm):
    model = Estimator(**QUICK).fit(X, Y)
    refused(["norm", repr(norm), "p >= 1"], model.certified_radius, X, norm=norm)


@both_estimators
def test_method(Estimator):
    model = Estimator(**QUICK).fit(X, Y)
    words = ["method", "'bogus'", "auto", "closed_form", "trust_region", "exact"]
    refused(words, model.certified_radius, X, method="bogus")


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((0.0, 1.0), ["outside", "row"]),
        ((-9.0, np.full(3, 9.0)), ["(4,)"]),
        ((1.0,), ["lower", "upper"]),
        (5.0, ["lower", "upper"]),
        (("a", "b"), ["lower", "upper"]),
        ((np.nan, 9.0), ["bounds"]),
    ],
)
@both_estimators
def test_bounds(Estimator, bounds, words):
    model = Estimator(**QUICK).fit(X, Y)
    refused(["bounds", *words], model.certified_radius, X, bounds=bounds)


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (np.ones(3), ["(3,)", "(4,)"]),
        (2.0, ["()", "(4,)"]),
        ([1.0, -1.0, 1.0, 1.0], ["-1.0", "at least 0"]),
        ([1.0, np.nan, 1.0, 1.0], ["nan", "finite"]),
        (["a", "b", "c", "d"], ["numbers"]),
        (np.zeros(4), ["freezes every feature"]),
    ],
)
@both_estimators
def test_feature_scale(Estimator, scale, words):
    model = Estimator(**QUICK).fit(X, Y)
    words = ["feature_scale", *words]
    refused(words, model.certified_radius, X, feature_scale=scale)


@pytest.mark.parametrize(
    ("option", "value"),
    [("rtol", 0.0), ("rtol", 1.0), ("rtol", "x"), ("max_nodes", 0), ("max_nodes", 2.5)],
)
@both_estimators
def test_exact_options(Estimator, option, value):
    model = Estimator(**QUICK).fit(X, Y)
    refused([option, repr(value), "range"], exact_radius, model, X, **{option: value})


@both_estimators
def test_n_tangents(Estimator):
    model = Estimator(metric="tangent", n_tangents=4)
    refused(["n_tangents=4", "less than", "n_features=4"], model.fit, X, Y)


@both_estimators
def test_warm_start_with_another_shape(Estimator):
    words = ["warm_start", "3 prototypes", "warm_start=False"]
    model = Estimator(warm_start=True, **QUICK).fit(X, Y)
    refused(words, model.set_params(n_prototypes_per_class=2).fit, X, Y)
    model = Estimator(warm_start=True, **QUICK).fit(X, Y)
    refused(words, model.fit, X, np.array(["a", "b", "c"])[Y])


@both_estimators
def test_a_failed_fit_leaves_the_model_usable(Estimator):
    """Either the old fit stands or the model says that it is not fitted."""
    model = Estimator(warm_start=True, **QUICK).fit(X, Y)
    before = model.predict(X)
    labels = np.array(["a", "b", "c"])[Y]
    refused(["warm_start"], model.fit, X, labels)
    try:
        after = model.predict(X)
    except NotFittedError:
        return
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("fraction", [0.01, 0.99])
@both_estimators
def test_validation_that_cannot_split(Estimator, fraction):
    model = Estimator(early_stopping=True, validation_fraction=fraction, **QUICK)
    words = ["early_stopping", "validation_fraction", fraction, "60 rows"]
    refused(words, model.fit, X, Y)


@both_estimators
def test_score_of_a_negative_radius(Estimator):
    model = Estimator(**QUICK).fit(X, Y)
    refused(["eps", "-0.1", "at least 0"], certified_accuracy_score, model, X, Y, -0.1)
    refused(["eps", "nan"], certified_accuracy_score, model, X, Y, np.nan)


def test_certificate_of_another_estimator():
    from sklearn.linear_model import LogisticRegression

    other = LogisticRegression().fit(X, Y)
    words = ["LogisticRegression", "certified_radius"]
    refused(words, certified_radius, other, X, error=TypeError)


@both_estimators
def test_sparse_rows(Estimator):
    from scipy.sparse import csr_matrix

    refused(["parse"], Estimator().fit, csr_matrix(X), Y, error=TypeError)


@both_estimators
def test_top_of_nothing(Estimator):
    explanation = Estimator(**QUICK).fit(X, Y).explain(X[:2])
    refused(["k", "0", "at least 1"], explanation.top, 0)
