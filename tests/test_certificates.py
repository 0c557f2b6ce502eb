"""Certificates hold under attack, and are what theory says they are."""

import numpy as np
import pytest
import torch

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto.robustness import certified_accuracy_score, certified_radius
from tests import attacks
from tests.data import three_classes
from tests.instances import every_instance

X, Y = three_classes()
ROWS = X[:20]
NORMS = [1, 2, np.inf]
METHODS = ["closed_form", "interval", "auto"]
every_norm = pytest.mark.parametrize("norm", NORMS)
every_method = pytest.mark.parametrize("method", METHODS)


def with_head(prototypes, coef, intercept, *, sigma=1.0, metric="sqeuclidean", **more):
    """An RBF network with a head chosen by hand."""
    prototypes = np.asarray(prototypes, dtype=float)
    k, classes = len(prototypes), len(coef)
    y = np.arange(max(k, classes)) % classes
    rows = np.resize(prototypes, (len(y), prototypes.shape[1]))
    rows = rows + np.linspace(0, 1e-3, len(y))[:, None]
    model = RBFClassifier(max_iter=1, metric=metric, **more).fit(rows, y)
    model.prototypes_ = prototypes
    model.prototype_labels_ = y[:k]
    model.sigma_ = np.broadcast_to(np.asarray(sigma, dtype=float), k).copy()
    model.coef_ = np.asarray(coef, dtype=float)
    model.intercept_ = np.asarray(intercept, dtype=float)
    return model


def far_and_near(model):
    """Rows of the data, prototypes, points near them, and points far away."""
    w = model.prototypes_
    return np.vstack([ROWS, w, w + 1e-6, 3 * X[:4], 50 + X[:2]])


@every_norm
@every_method
@every_instance
def test_no_attack_flips_a_row_inside_its_radius(model, method, norm):
    rows = far_and_near(model)
    radius = model.certified_radius(rows, norm=norm, method=method)
    assert radius.shape == (len(rows),)
    assert (radius >= 0).all()
    assert (radius > 0).mean() > 0.5, "nothing to attack"
    attacks.assert_no_flip(model, rows, radius, norm, np.random.default_rng(0))
    boundary = attacks.towards(model, rows, X, norm)
    assert (radius <= boundary * (1 + 1e-9)).all()


@every_instance
def test_auto_is_the_largest(model):
    methods = {m: model.certified_radius(X, method=m) for m in METHODS}
    expected = np.maximum(methods["interval"], methods["closed_form"])
    np.testing.assert_array_equal(methods["auto"], expected)


@every_norm
@every_instance
def test_interval_is_at_least_the_closed_form(model, norm):
    """The closed form relaxes it further, also for several widths."""
    interval = model.certified_radius(X, norm=norm, method="interval")
    closed = model.certified_radius(X, norm=norm, method="closed_form")
    assert (interval >= closed * (1 - 1e-5)).all()


@every_method
@every_instance
def test_norms_are_ordered(model, method):
    one, two, top = (model.certified_radius(X, norm=p, method=method) for p in NORMS)
    assert (one >= two * (1 - 1e-12)).all()
    assert (two >= top * (1 - 1e-12)).all()
    middle = model.certified_radius(X, norm=3, method=method)
    assert (middle <= two).all()
    assert (middle >= top).all()


@every_instance
def test_rows_predicted_wrongly_get_zero(model):
    free, labelled = model.certified_radius(X), model.certified_radius(X, Y)
    right = model.predict(X) == Y
    assert not right.all()
    assert (labelled[~right] == 0).all()
    np.testing.assert_array_equal(labelled[right], free[right])


@every_instance
def test_public_functions_agree_with_the_method(model):
    radius = model.certified_radius(X, Y, norm=np.inf)
    np.testing.assert_array_equal(certified_radius(model, X, Y, norm=np.inf), radius)
    for eps in (0.0, 0.01, float(np.median(radius))):
        expected = np.mean((radius >= eps) & (radius > 0))
        assert certified_accuracy_score(model, X, Y, eps, norm=np.inf) == expected
    curve = certified_accuracy_score(model, X, Y, [0.0, 0.1, 10.0])
    assert curve.shape == (3,)
    assert (np.diff(curve) <= 0).all()


@every_instance
def test_bounds_do_not_enlarge_the_radius(model):
    box = X.min(axis=0), X.max(axis=0)
    radius = model.certified_radius(X)
    np.testing.assert_array_equal(model.certified_radius(X, bounds=box), radius)
    scalar = model.certified_radius(X, bounds=(-100, 100))
    np.testing.assert_array_equal(scalar, radius)


BISECTOR = [[-1.0, 0.5, 0.0], [1.0, 0.0, 0.5]]


def distance_to_the_bisector(rows, norm):
    """Exact lp distance to the points as far from one prototype as the other."""
    w = np.asarray(BISECTOR)
    normal, middle = w[1] - w[0], w.mean(axis=0)
    dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
    return np.abs((rows - middle) @ normal) / np.linalg.norm(normal, ord=dual)


@every_norm
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean"])
def test_attack_and_bounds_at_a_known_hyperplane(metric, norm):
    """Opposite weights, no bias, one width: the boundary is the bisector."""
    coef = [[1.0, -1.0], [-1.0, 1.0]]
    model = with_head(BISECTOR, coef, [0, 0], metric=metric)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 3))
    exact = distance_to_the_bisector(rows, norm)
    nearest = np.linalg.norm(rows[:, None] - BISECTOR, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(model.predict(rows), nearest)
    flipped = np.zeros(len(rows), dtype=bool)
    for attack in (attacks.gradient_attack, attacks.prototype_attack):
        for perturbed in attack(model, rows, 1.1 * exact, norm):
            flipped |= model.predict(perturbed) != nearest
    assert flipped.all(), "the attack is too weak to test a certificate"
    attacks.assert_no_flip(model, rows, exact, norm, rng)
    for method in METHODS:
        radius = model.certified_radius(rows, norm=norm, method=method)
        assert (radius <= exact).all()
        assert (radius > 0).all()
    segment = attacks.towards(model, rows, rows, norm)
    assert (segment >= exact * (1 - 1e-9)).all()


def test_interval_of_a_metric_is_half_the_difference():
    """(d- - d+) / 2 for opposite weights on the Euclidean metric."""
    coef = [[1.0, -1.0], [-1.0, 1.0]]
    model = with_head(BISECTOR, coef, [0, 0], metric="euclidean", sigma=2.0)
    rows = np.random.default_rng(0).normal(size=(30, 3))
    d = np.sort(np.linalg.norm(rows[:, None] - BISECTOR, axis=2), axis=1)
    expected = (d[:, 1] - d[:, 0]) / 2
    # Unless the nearest distance would shrink below zero, which the interval knows.
    small = expected < d[:, 0]
    for method in METHODS:
        found = model.certified_radius(rows, method=method)
        np.testing.assert_allclose(found[small], expected[small], rtol=1e-5)


@every_method
def test_ties_get_zero(method):
    coef = [[1.0, -1.0], [-1.0, 1.0]]
    model = with_head([[-1.0, 0.0], [1.0, 0.0]], coef, [0, 0])
    ties = np.array([[0.0, 0.0], [0.0, 3.0], [0.0, -200.0]])
    assert (model.certified_radius(ties, method=method) == 0).all()


@every_method
def test_no_harmful_similarity_means_an_infinite_radius(method):
    coef, intercept = [[2.0, 1.0], [1.0, 1.0]], [1.0, 0.0]
    model = with_head(BISECTOR, coef, intercept)
    rows = np.random.default_rng(0).normal(scale=5, size=(50, 3))
    assert (model.predict(rows) == 0).all()
    assert (model.certified_radius(rows, method=method) == np.inf).all()


@pytest.mark.parametrize("method", ["interval", "auto"])
def test_harm_that_is_too_small_means_an_infinite_radius(method):
    coef, intercept = [[0.0, 0.0], [1.0, 1.0]], [3.0, 0.0]
    model = with_head(BISECTOR, coef, intercept)
    rows = np.random.default_rng(0).normal(size=(20, 3))
    radius = model.certified_radius(rows, method=method)
    assert (radius == np.inf).all()
    closed = model.certified_radius(rows, method="closed_form")
    assert (closed > 0).all()


@every_method
def test_weights_that_underflow_are_not_certified_by_luck(method):
    """Far away all similarities are 0 and the scores tie, so nothing is certain."""
    coef = [[1.0, -1.0], [-1.0, 1.0]]
    model = with_head(BISECTOR, coef, [0, 0])
    far = np.array([[1e3, 0.0, 0.0], [-1e3, 0.0, 0.0]])
    assert (model.decision_function(far) == 0).all()
    assert (model.certified_radius(far, method=method) == 0).all()


@every_norm
@every_method
@pytest.mark.parametrize("offset", [1e4, 1e7])
def test_far_from_the_origin(offset, method, norm):
    """Rounding is part of the proof."""
    model = CBCClassifier(2, max_iter=30, random_state=0).fit(X + offset, Y)
    rows = ROWS + offset
    radius = model.certified_radius(rows, norm=norm, method=method)
    assert (radius > 0).any()
    boundary = attacks.towards(model, rows, X + offset, norm, halvings=30)
    spacing = np.spacing(offset) * 10
    assert (radius <= boundary + spacing).all()


@every_norm
@every_method
def test_random_heads_under_attack(method, norm):
    """Several widths, signs of either kind, biases: more than training reaches."""
    rng = np.random.default_rng(3)
    for trial in range(4):
        metric = ["sqeuclidean", "euclidean"][trial % 2]
        model = with_head(
            rng.normal(size=(6, 3)),
            rng.normal(size=(3, 6)),
            rng.normal(scale=0.3, size=3),
            sigma=rng.uniform(0.3, 4.0, size=6),
            metric=metric,
            normalize_kernel=trial > 1,
        )
        rows = rng.normal(size=(25, 3))
        radius = model.certified_radius(rows, norm=norm, method=method)
        attacks.assert_no_flip(model, rows, radius, norm, rng)
        targets = rng.normal(size=(40, 3))
        boundary = attacks.towards(model, rows, targets, norm, halvings=40)
        assert (radius <= boundary * (1 + 1e-9)).all()


def test_certificates_of_concepts_need_one_own_concept_to_win():
    """With two concepts a class, the best own concept counts: the view's gaps."""
    model = CBCClassifier(2, n_concepts_per_class=2, max_iter=30, random_state=0)
    view = model.fit(X, Y).certifiable_view()
    phi = view.similarities(view.tensor(X))
    concepts = view.concept_scores(view.tensor(X))
    for c in range(3):
        weights, offsets = view.gaps(c)
        gaps = torch.einsum("nk,rok->nro", phi, weights) + offsets
        safe = (gaps.amax(2).amin(1) > 0).numpy()
        own = concepts[:, c].amax(1)
        rest = torch.cat([concepts[:, :c], concepts[:, c + 1 :]], 1).amax((1, 2))
        np.testing.assert_array_equal(safe, (own > rest).numpy())
