"""Rows and labels of any size and container: a right model, or a sentence."""

import numpy as np
import pytest
import torch

from sklearn_proto import (
    GLVQClassifier,
    GMLVQClassifier,
    GTLVQClassifier,
    LGMLVQClassifier,
    RBFClassifier,
)
from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.metrics import agreement_score, deletion_score, diversity_score
from sklearn_proto.robustness import certified_radius, empirical_radius
from tests.data import three_classes
from tests.instances import both_estimators

X, Y = three_classes()
QUICK = {"max_iter": 5, "random_state": 0}


@pytest.mark.parametrize("scale", [1e-160, 1e-200, 1e-300, 1e-320])
@both_estimators
def test_distances_whose_squares_vanish(Estimator, scale):
    with pytest.raises(ValueError, match=r"X differs by at most .* Multiply X"):
        Estimator(**QUICK).fit(X * scale, Y)


@both_estimators
def test_sums_that_overflow(Estimator):
    largest = np.sign(X) * np.finfo(float).max
    with pytest.raises(ValueError, match=r"X holds a number of size 1\.79769e"):
        Estimator(**QUICK).fit(largest, Y)
    with pytest.raises(ValueError, match=r"X holds a number of size 1\.79769e"):
        Estimator(**QUICK).fit(X, Y).predict(largest)


@pytest.mark.parametrize("scale", [1e36, 1e-39])
def test_scores_that_float32_does_not_hold(scale):
    rows = (X * scale).astype(np.float32)
    model = GLVQClassifier(**QUICK).fit(rows, Y)
    scores = model.decision_function(rows)
    np.testing.assert_array_equal(
        scores, model.decision_function(rows.astype(np.float64))
    )
    chosen = model.classes_[scores.argmax(axis=1)]
    np.testing.assert_array_equal(chosen, model.predict(rows))
    assert model.score(rows, Y) > 0.8


def test_scores_of_float32_stay_float32():
    model = GLVQClassifier(**QUICK).fit(X.astype(np.float32), Y)
    assert model.decision_function(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("kind", ["M8[s]", "m8[D]"])
@both_estimators
def test_dates(Estimator, kind):
    dates = np.round(X * 100).astype(np.int64).astype(kind)
    with pytest.raises(ValueError, match="X holds dates or durations"):
        Estimator(**QUICK).fit(dates, Y)
    with pytest.raises(ValueError, match="X holds dates or durations"):
        Estimator(**QUICK).fit(X, Y).predict(dates)


@pytest.mark.parametrize("score", [agreement_score, deletion_score, diversity_score])
def test_dates_and_long_words_in_scores(score):
    dates = np.round(X * 100).astype(np.int64).astype("M8[s]")
    with pytest.raises(ValueError, match="X holds dates or durations"):
        score(RBFClassifier(**QUICK).fit(X, Y), dates)
    with pytest.raises(ValueError, match="could not convert string") as caught:
        score(RBFClassifier(**QUICK).fit(X, Y), "x" * 10_000)
    assert len(str(caught.value)) < 1000


def arrow_table():
    return pytest.importorskip("pyarrow").table(dict(zip("abcdefg", X.T, strict=False)))


def graph():
    return torch.tensor(X, requires_grad=True)


@pytest.mark.parametrize("make", [arrow_table, graph])
def test_containers_that_numpy_reads(make):
    model = RBFClassifier(**QUICK).fit(X, Y)
    radius = certified_radius(model, X, Y)
    np.testing.assert_array_equal(certified_radius(model, make(), Y), radius)
    np.testing.assert_array_equal(model.certified_radius(make(), Y), radius)
    attack = {"n_restarts": 1, "max_iter": 2, "random_state": 0}
    np.testing.assert_array_equal(
        empirical_radius(model, make(), **attack).radius,
        empirical_radius(model, X, **attack).radius,
    )


def test_nothing_to_move():
    same = np.full_like(X, 7.5)
    model = GLVQClassifier(loss="triplet", metric="euclidean", **QUICK).fit(same, Y)
    np.testing.assert_array_equal(model.prototypes_, same[:3])
    # Every gap is 0, so what is lost is the margin, of every row.
    np.testing.assert_allclose(model.loss_curve_, model.margin)


def test_labels_that_no_integer_holds():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        RBFClassifier(**QUICK).fit(X, Y * 1e300)


def far_apart(Estimator, **options):
    """A model of rows near the origin and one very far away."""
    far = np.vstack([X, np.full((1, X.shape[1]), 1e30)])
    return Estimator(**QUICK, **options).fit(far, np.append(Y, 0)), far


@pytest.mark.parametrize(
    ("Estimator", "options"),
    [
        (GLVQClassifier, {"metric": "euclidean"}),
        (GLVQClassifier, {"metric": "manhattan"}),
        (GTLVQClassifier, {}),
        (GMLVQClassifier, {"n_components": 1}),
        (LGMLVQClassifier, {}),
    ],
)
def test_one_way_to_decide(Estimator, options):
    """Where all digits cancel, `predict` rounds as the scores do."""
    model, rows = far_apart(Estimator, **options)
    chosen = model.classes_[model.decision_function(rows).argmax(axis=1)]
    np.testing.assert_array_equal(chosen, model.predict(rows))


def test_one_way_to_decide_between_prototypes_that_a_map_brings_together():
    # The map sees the difference of two large features alone.
    omega, rng = np.array([[1.0, -1.0]]), np.random.default_rng(0)
    prototypes = np.array([[1e8, 1e8 + 1e-7], [1e8, 1e8], [-1e8, -1e8 + 1e-7]])
    view = NearestPrototypeView(prototypes, np.arange(3), 3, omega=omega)
    x = view.tensor(1e8 * rng.normal(size=(500, 1)) + np.zeros((1, 2)))
    expected = view.class_scores(x).argmax(dim=1)
    np.testing.assert_array_equal(view.winners(x), expected)
