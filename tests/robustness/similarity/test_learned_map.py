"""Certificates of similarities behind a linear map, as a learned metric has it."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto.robustness import (
    certified_radius,
    empirical_radius,
    exact_radius,
)
from tests.breadth import quick_are
from tests.robustness.similarity.test_random_certificates import (
    assert_no_radius_beyond,
    methods_of,
)
from tests.views import ViewClassifier, nearest_prototype, random_view

NORMS = [1, 2, 3, np.inf]
every_norm = pytest.mark.parametrize("norm", quick_are([2], NORMS))


def points_view(seed):
    """A random view without tangent spaces, and rows of any distance to it."""
    rng = np.random.default_rng(seed)
    view = random_view(rng)
    while view.metric == "tangent":
        view = random_view(rng)
    k, d = view.prototypes.shape
    return view, view.prototypes[rng.integers(0, k, 10)] + rng.normal(size=(10, d)), rng


def two_prototypes(w):
    """Two classes, the nearer prototype wins."""
    return nearest_prototype(w, sigma=50.0).view


def with_map(view, omega):
    return ViewClassifier(replace(view, omega=omega))


def behind_step(view, omega):
    """The same model, its map as a step of a pipeline."""
    r, d = omega.shape
    step = PCA(r).fit(np.eye(d + 1, d))
    step.components_, step.mean_ = omega, np.zeros(d)
    return make_pipeline(
        step, ViewClassifier(replace(view, prototypes=view.prototypes @ omega.T))
    )


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_mapped_rows(seed):
    view, rows, rng = points_view(seed)
    omega = rng.normal(size=(int(rng.integers(1, rows.shape[1] + 1)), rows.shape[1]))
    ours, theirs = with_map(view, omega), behind_step(view, omega)
    expected = theirs.decision_function(rows)
    np.testing.assert_allclose(ours.decision_function(rows), expected, atol=1e-12)
    x = ours.view.tensor(rows)
    apart = (rows[:, None] - view.prototypes) @ omega.T
    lengths = np.sqrt(np.square(apart).sum(2))
    np.testing.assert_allclose(ours.view.distances(x), lengths, rtol=1e-12)
    np.testing.assert_allclose(ours.view.squared_distances(x), lengths**2, rtol=1e-9)


@every_norm
@pytest.mark.parametrize("seed", [3])
def test_a_map_is_one_more_affine_step(seed, norm):
    view, rows, rng = points_view(seed)
    rows, d = rows[:3], rows.shape[1]
    omega = rng.normal(size=(int(rng.integers(1, d + 1)), d))
    models = with_map(view, omega), behind_step(view, omega)
    box = {"bounds": (rows.min(0) - 0.1, 9.0), "feature_scale": rng.uniform(0.2, 2, d)}
    ball = box if norm == 2 else {}
    for method in [*methods_of(models[0], rows, norm=norm, **ball), "auto"]:
        one, other = (
            certified_radius(model, rows, norm=norm, method=method, **ball)
            for model in models
        )
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-6)


@every_norm
def test_diagonal_relevances_are_scaled_features(norm):
    view, rows, rng = points_view(4)
    rows = rows[:4]
    weights = rng.dirichlet(np.ones(rows.shape[1]))
    scaler = StandardScaler(with_mean=False).fit(rows)
    scaler.scale_ = 1.0 / np.sqrt(weights)
    scaled = replace(view, prototypes=view.prototypes * np.sqrt(weights))
    theirs = make_pipeline(scaler, ViewClassifier(scaled))
    ours = with_map(view, np.diag(np.sqrt(weights)))
    np.testing.assert_allclose(
        ours.decision_function(rows), theirs.decision_function(rows), rtol=1e-10
    )
    for method in methods_of(theirs, rows, norm=norm):
        one, other = (
            certified_radius(model, rows, norm=norm, method=method)
            for model in (ours, theirs)
        )
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-9)


def test_a_map_of_one_feature_leaves_the_others_free():
    """The middle between two prototypes in the only direction that counts."""
    w = np.array([[0.0, 5.0, 1.0], [2.0, -3.0, 0.0]])
    view = two_prototypes(w)
    direction = np.array([0.6, 0.0, 0.8])
    model = with_map(view, np.outer([2.0, -1.0, 0.0], direction))
    rows = np.array([[0.3, 9.0, 0.0], [1.0, -9.0, 1.0]])
    true = np.abs((w @ direction).mean() - rows @ direction)
    for norm, dual in ((1, np.inf), (2, 2), (np.inf, 1)):
        expected = true / np.linalg.norm(direction, dual)
        radius = certified_radius(model, rows, norm=norm)
        assert (radius <= expected).all()
        np.testing.assert_allclose(radius, expected, rtol=0.02)
    free = certified_radius(model, rows, feature_scale=[0.0, 1.0, 0.0])
    assert np.isinf(free).all()
    moved = rows + np.outer([1e6, -1e9], [-0.8, 3.0, 0.6])
    np.testing.assert_array_equal(model.predict(moved), model.predict(rows))


@pytest.mark.parametrize("seed", quick_are([10], range(10, 14)))
def test_no_radius_beyond_the_attack(seed):
    view, rows, rng = points_view(seed)
    rows, d = rows[:5], rows.shape[1]
    omega = rng.normal(size=(int(rng.integers(1, d + 1)), d))
    if rng.random() < 0.3:
        omega = np.outer(rng.normal(size=d), omega[0])
    scaler = StandardScaler().fit(3.0 * rng.normal(size=(20, d)))
    model = make_pipeline(scaler, with_map(view, omega))
    ball = {"norm": rng.choice(NORMS)}
    if rng.random() < 0.5:
        ball["bounds"] = rows.min(0) - 0.1, rows.max(0) + 1.0
        ball["feature_scale"] = rng.uniform(0.0, 2.0, d)
    attacked = empirical_radius(
        model, rows, random_state=0, n_restarts=2, max_iter=10, **ball
    )
    flipped = np.isfinite(attacked.radius)
    assert (model.predict(attacked.perturbed) != model.predict(rows))[flipped].all()
    assert_no_radius_beyond(attacked.radius, model, rows, **ball)


def test_branch_and_bound_meets_the_attack():
    view, rows, rng = points_view(2)
    view = replace(view, metric="sqeuclidean", normalized=False)
    model = with_map(view, rng.normal(size=(2, rows.shape[1])))
    found = exact_radius(model, rows[2:4])
    assert (found.lower <= found.upper).all()
    assert (found.lower >= 0.99 * found.upper).all()


def test_what_a_map_cancels_is_not_certified():
    """Behind a scaler whose units it undoes nothing but rounding is left."""
    w = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-9]])
    model = with_map(two_prototypes(w), np.array([[1.0, -1.0]]) * 1e9)
    rows = np.array([[1e7, 1e7], [1e7, 1e7 - 1e-3]])
    radius = certified_radius(model, rows)
    attacked = empirical_radius(model, rows, random_state=0).radius
    assert (radius <= attacked).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"omega": np.eye(3)}, r"omega of shape \(3, 3\) must be of shape \(r, 2\)"),
        ({"omega": np.ones(2)}, r"omega of shape \(2,\)"),
        ({"omega": np.ones((0, 2))}, r"omega of shape \(0, 2\)"),
        ({"omega": np.ones((2, 1, 2))}, r"omega of shape \(2, 1, 2\)"),
        ({"omega": np.full((1, 2), np.nan)}, "omega must be finite"),
        ({"omega": np.eye(2), "metric": "tangent"}, "exclude each other"),
    ],
)
def test_maps_that_break_the_contract_are_refused(changes, message):
    view = replace(two_prototypes(np.eye(2)), **changes)
    with pytest.raises(ValueError, match=message):
        certified_radius(ViewClassifier(view), np.eye(2))
