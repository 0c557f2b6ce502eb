"""The learned metric of RBF networks and Classification-by-Components."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto._losses._robust import signed_radius
from sklearn_proto._modules import (
    FreeWeights,
    PrototypeNetwork,
    RadialKernel,
    SharedMatrix,
)
from sklearn_proto.shallow._shallow import to_tensor
from tests.data import three_classes
from tests.instances import both_estimators

X, Y = three_classes()
OPTIONS = [
    {"relevance": "full"},
    {"relevance": "full", "n_components": 2},
    {"relevance": "diagonal"},
]
every_option = pytest.mark.parametrize("options", OPTIONS)


def fitted(Estimator, X=X, y=Y, **options):
    return Estimator(**{"max_iter": 60, "random_state": 0} | options).fit(X, y)


@every_option
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean"])
@both_estimators
def test_attributes_are_the_metric_of_the_scores(Estimator, metric, options):
    model = fitted(Estimator, metric=metric, **options)
    assert model.omega_.shape == (options.get("n_components", 4), 4)
    matrix = model.omega_.T @ model.omega_
    np.testing.assert_allclose(model.relevance_matrix_, matrix)
    np.testing.assert_array_equal(model.relevance_, matrix.diagonal())
    assert matrix.trace() == pytest.approx(1.0, rel=1e-12)
    rows = model.omega_ @ model.omega_.T
    np.testing.assert_allclose(rows, np.diag(rows.diagonal()), atol=1e-12)
    apart = X[:, None] - model.prototypes_
    d = np.einsum("nkd,de,nke->nk", apart, matrix, apart)
    d = d if metric == "sqeuclidean" else np.sqrt(d)
    expected = np.exp(-d / model.sigma_)
    np.testing.assert_allclose(model.transform(X), expected, rtol=1e-7)


@both_estimators
def test_diagonal_relevances_weigh_features_alone(Estimator):
    model = fitted(Estimator, relevance="diagonal")
    expected = np.diag(np.sqrt(model.relevance_))
    np.testing.assert_allclose(model.omega_, expected, rtol=1e-12)


def test_a_refit_without_a_metric_leaves_none():
    model = fitted(RBFClassifier, relevance="full")
    plain = model.set_params(relevance=None).fit(X, Y)
    assert not any(hasattr(plain, n) for n in ("omega_", "relevance_"))
    expected = fitted(RBFClassifier).decision_function(X)
    np.testing.assert_array_equal(plain.decision_function(X), expected)


@both_estimators
def test_noise_features_count_little(Estimator):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 8))
    model = fitted(Estimator, rows, rows[:, 3] > 0, relevance="diagonal")
    assert model.relevance_[3] > 0.7, "of 1, where an even share is 0.125"


def band(n, seed):
    """A narrow band between two others, all of them long and turned."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    side = rng.choice([-1, 1], n) * rng.uniform(1, 2, n)
    across = np.where(y == 1, side, rng.uniform(-0.6, 0.6, n))
    along = 5 * rng.normal(size=n)
    turn = np.array([[np.cos(0.6), np.sin(0.6)], [-np.sin(0.6), np.cos(0.6)]])
    return np.column_stack([across, along]) @ turn, y


@both_estimators
def test_a_full_matrix_finds_a_direction_that_no_feature_is(Estimator):
    train, y = band(200, 0)
    test, y_test = band(200, 1)
    score = {
        relevance: fitted(Estimator, train, y, relevance=relevance).score(test, y_test)
        for relevance in (None, "diagonal", "full")
    }
    assert score["full"] > 0.98
    assert max(score[None], score["diagonal"]) < 0.8


@every_option
def test_the_start_is_the_metric_of_the_features(options):
    """One iteration of a tiny step: widths then are "auto" ones of mapped rows."""
    small = {"solver": "adam", "learning_rate": 1e-12, "max_iter": 1}
    with pytest.warns(match="max_iter=1"):
        model = fitted(RBFClassifier, **small, **options)
    map_ = model.omega_
    with pytest.warns(match="max_iter=1"):
        plain = RBFClassifier(
            init=model.prototypes_ @ map_.T, random_state=0, **small
        ).fit(X @ map_.T, Y)
    np.testing.assert_allclose(model.sigma_, plain.sigma_, rtol=1e-6)
    singular = np.linalg.svd(map_, compute_uv=False)
    np.testing.assert_allclose(singular, len(map_) ** -0.5)


@pytest.mark.parametrize("relevance", ["full", "diagonal"])
def test_warm_start_goes_on_with_the_metric(relevance):
    model = fitted(RBFClassifier, relevance=relevance, warm_start=True)
    before, loss = model.relevance_.copy(), model.loss_curve_[-1]
    again = model.set_params(max_iter=2000).fit(X, Y)
    assert again.loss_curve_[0] <= loss * (1 + 1e-6)
    assert np.abs(again.relevance_ - before).max() < 0.5
    with pytest.raises(ValueError, match="warm_start=True needs"):
        model.set_params(relevance=None).fit(X, Y)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@both_estimators
def test_snapped_prototypes_keep_a_metric_that_learns(Estimator, solver):
    model = fitted(
        Estimator, relevance="full", snap_to_data=True, solver=solver, max_iter=30
    )
    np.testing.assert_array_equal(model.prototypes_, X[model.prototype_indices_])
    free = fitted(Estimator, relevance="full", solver=solver, max_iter=30)
    assert not np.allclose(model.omega_, free.omega_)


@both_estimators
def test_rows_near_in_the_metric_stand_for_prototypes(Estimator):
    """Which row is near along the band says nothing."""
    train, y = band(200, 0)
    test, y_test = band(200, 1)
    options = {"relevance": "full", "snap_to_data": True}
    assert fitted(Estimator, train, y, **options).score(test, y_test) > 0.98


@every_option
def test_the_unit_of_the_rows_does_not_matter(options):
    one, other = (
        fitted(RBFClassifier, X * factor, **options) for factor in (1.0, 2.0**-40)
    )
    np.testing.assert_array_equal(one.omega_, other.omega_)
    scores = other.decision_function(X * 2.0**-40)
    np.testing.assert_array_equal(one.decision_function(X), scores)
    radius = other.certified_radius(X * 2.0**-40) * 2.0**40
    np.testing.assert_allclose(one.certified_radius(X), radius, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("relevance", ["full", "diagonal"])
def test_the_robust_loss_asks_for_radii_that_are_certified(relevance):
    """Its radius is the second-order bound over the norm of the map: never above."""
    train, y = X[Y < 2], Y[Y < 2]
    options = {"relevance": relevance, "max_iter": 15}
    model = fitted(RBFClassifier, train, y, loss="robust", **options)
    kernel = RadialKernel(
        to_tensor(model.prototypes_),
        to_tensor(model.sigma_[:1]),
        "sqeuclidean",
        learned=SharedMatrix(to_tensor(model.omega_)),
    )
    head = FreeWeights(torch.zeros(2, 1, 2, dtype=torch.float64))
    with torch.no_grad():
        head.weights.copy_(to_tensor(model.coef_))
        head.bias.copy_(to_tensor(model.intercept_))
        outputs = PrototypeNetwork(kernel, head)(to_tensor(train))
        radius = signed_radius(outputs, torch.as_tensor(y)).numpy()
    right = model.predict(train) == y
    certified = model.certified_radius(train, method="second_order")
    assert (radius[right] > 0).all()
    assert (radius[right] <= certified[right] * 1.01).all()
    assert np.median(radius[right] / certified[right]) > 0.3
    plain = fitted(RBFClassifier, train, y, **options)
    radii = (m.certified_radius(train, y, method="tilted") for m in (plain, model))
    reached = [(radius > 0.3).mean() for radius in radii]
    assert reached[1] > reached[0], "the default margin is 0.3"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relevance": "some"}, "relevance"),
        ({"relevance": "full", "n_components": 0}, "n_components"),
        ({"relevance": "full", "n_components": 5}, "n_components=5 must be at most"),
        ({"relevance": "diagonal", "n_components": 2}, "relevance='diagonal' use"),
        ({"relevance": "full", "metric": "tangent"}, "metric='tangent' does not"),
    ],
)
@both_estimators
def test_what_is_no_metric_is_refused(Estimator, options, message):
    with pytest.raises(ValueError, match=message):
        fitted(Estimator, **options)


def test_a_search_over_metrics():
    grid = {"relevance": [None, "diagonal", "full"]}
    train, y = band(120, 0)
    search = GridSearchCV(CBCClassifier(max_iter=60, random_state=0), grid, cv=2)
    search.fit(train, y)
    assert search.best_params_ == {"relevance": "full"}
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict_proba(train), best.predict_proba(train))
    radius = search.best_estimator_.certified_radius(train)
    np.testing.assert_array_equal(again.certified_radius(train), radius)
    assert clone(best).relevance == "full"
