"""Certificates of random models against the attack, and cases that once failed."""

from itertools import cycle

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto.robustness import (
    CERTIFICATES,
    certified_radius,
    empirical_radius,
    exact_radius,
)
from sklearn_proto.robustness._problem import certification_problem
from tests import attacks
from tests.data import three_classes
from tests.views import ViewClassifier, nearest_prototype, random_view

X, Y = three_classes()


def methods_of(model, rows, **ball):
    """Those that have a proof."""
    ball = {"norm": 2, "bounds": None, "feature_scale": None, **ball}
    family = certification_problem(model, rows, **ball).family
    asked = family.view, family.perturbations
    return [m for m, p in CERTIFICATES.items() if not p.why_not_applicable(*asked)]


def assert_no_radius_beyond(attacked, model, rows, **ball):
    for method in [*methods_of(model, rows, **ball), "auto"]:
        radius = certified_radius(model, rows, method=method, **ball)
        assert (radius <= attacked * (1 + 1e-9)).all(), (method, ball)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_no_radius_beyond_the_attack(seed):
    rng = np.random.default_rng(seed)
    view = random_view(rng)
    model, (k, d) = ViewClassifier(view), view.prototypes.shape
    noise = rng.normal(size=(12, d)) * rng.choice([1e-3, 0.1, 0.5, 1], size=(12, 1))
    rows = view.prototypes[rng.integers(0, k, 12)] + noise
    ball = {"norm": rng.choice([1, 1.5, 2, 3, np.inf])}
    if rng.random() < 0.3:
        ball["feature_scale"] = rng.uniform(0.2, 2, d)
    if rng.random() < 0.4:
        away = rng.choice([0, 0.1, 1], size=2)
        ball["bounds"] = rows.min(0) - away[0], rows.max(0) + away[1]
    attacked = empirical_radius(
        model, rows, random_state=0, n_restarts=3, max_iter=10, **ball
    ).radius
    assert_no_radius_beyond(attacked, model, rows, **ball)


def test_a_tangent_that_depends_on_the_size():
    """Positive terms of a distance kernel lose their slope within reach."""
    model = nearest_prototype([[0, 0], [1, 0]], "euclidean")
    rows = np.array([[-0.01, 0.0], [-0.1, 0.0], [-0.3, 0.0], [0.01, 0.0]])
    truth = np.array([0.51, 0.6, 0.8, 0.49])
    for method in [*methods_of(model, rows), "auto"]:
        assert (certified_radius(model, rows, method=method) <= truth).all()


@pytest.mark.slow
def test_bounds_are_not_linear_in_the_size():
    model = nearest_prototype([[0, 0], [0.2, 0], [0, 0.01]])
    rows, box = np.zeros((1, 2)), ([-1, -1], [1, 0.01])
    for norm in (1, 2, np.inf):
        for method in [*methods_of(model, rows, norm=norm), "auto"]:
            radius = certified_radius(model, rows, norm=norm, method=method, bounds=box)
            assert radius[0] <= 0.005


@pytest.mark.parametrize("norm", [2, np.inf])
def test_bounds_are_worth_something(norm):
    """The rival is outside the box: most of the way to it does not count."""
    model = nearest_prototype([[0.0, 0.0, 0.0], [0.2, 0.0, -2.0]])
    rows, box = np.full((1, 3), 0.01), (0.0, 1.0)
    free = certified_radius(model, rows, norm=norm)
    bounded = certified_radius(model, rows, norm=norm, bounds=box)
    assert bounded > 1.5 * free
    attacked = empirical_radius(model, rows, norm=norm, bounds=box, random_state=0)
    assert bounded <= attacked.radius


def test_the_attack_reaches_nearest_prototype_boundaries():
    """Most rows flip at 1.1 times the exact radius: the attack is worth surviving."""
    rng = np.random.default_rng(1)
    model, rows = nearest_prototype(rng.normal(size=(5, 3))), rng.normal(size=(30, 3))
    exact = certified_radius(model, rows, method="tilted")
    attacked = empirical_radius(model, rows, random_state=0).radius
    assert np.mean(attacked <= 1.1 * exact) > 0.9


PIPELINES = {
    "standard": [StandardScaler()],
    "min-max, then PCA": [MinMaxScaler(), PCA(3, random_state=0)],
    "whitened": [RobustScaler(), PCA(3, whiten=True, random_state=0)],
    "selected": [StandardScaler(), SelectKBest(k=3)],
    "columns": [
        ColumnTransformer(
            [("a", StandardScaler(), [0, 2]), ("b", MinMaxScaler(), [1])],
            remainder="passthrough",
        )
    ],
}


# Every two of a pipeline, an estimator and a norm meet.
_ESTIMATORS = cycle([RBFClassifier, CBCClassifier])
IN_RAW_UNITS = [
    (steps, next(_ESTIMATORS), norm) for steps in PIPELINES for norm in (1, 2, np.inf)
]


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "Estimator", "norm"), IN_RAW_UNITS)
def test_radii_of_pipelines_are_in_raw_units(steps, Estimator, norm):
    raw = X * [1.0, 10.0, 0.1, 3.0]
    model = make_pipeline(
        *PIPELINES[steps], Estimator(2, max_iter=30, random_state=0)
    ).fit(raw, Y)
    rows = raw[:15]
    for ball in ({}, {"bounds": (raw.min(0), raw.max(0))}):
        attacked = empirical_radius(
            model, rows, norm=norm, random_state=0, n_restarts=2, max_iter=10, **ball
        ).radius
        assert_no_radius_beyond(attacked, model, rows, norm=norm, **ball)
    radius = certified_radius(model, rows, norm=norm)
    assert (radius > 0).mean() > 0.9
    label, rng = model.predict(rows), np.random.default_rng(0)
    finite = np.minimum(radius, 1e3)
    attack = attacks.random_attack(rows, 0.999 * finite, norm, rng)
    attacks.assert_all_keep(model, np.stack(list(attack)), label)


@pytest.mark.slow
def test_a_pipeline_is_tight_and_exact_encloses_it():
    raw = X * [1.0, 10.0, 0.1, 3.0]
    model = make_pipeline(StandardScaler(), CBCClassifier(random_state=0)).fit(raw, Y)
    found = exact_radius(model, raw[:20])
    assert (found.lower <= found.upper).all()
    assert np.mean(found.lower / found.upper) > 0.9
    np.testing.assert_array_equal(
        certified_radius(model, raw[:20], 2 - Y[:20]) == 0,
        model.predict(raw[:20]) != 2 - Y[:20],
    )


def test_features_that_a_pipeline_drops_cannot_matter():
    model = make_pipeline(
        SelectKBest(k=2), RBFClassifier(max_iter=20, random_state=0)
    ).fit(X, Y)
    kept = model[0].get_support()
    only = certified_radius(model, X[:10], feature_scale=kept.astype(float))
    np.testing.assert_allclose(certified_radius(model, X[:10]), only, rtol=1e-6)
