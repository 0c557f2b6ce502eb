"""Certificates hold under attack, and are what theory says they are."""

import functools
from itertools import cycle

import numpy as np
import pytest
import torch

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto.robustness import (
    CERTIFICATES,
    NEAREST_CERTIFICATES,
    certified_accuracy_score,
    certified_radius,
    exact_radius,
)
from sklearn_proto.robustness._problem import certification_problem
from tests import attacks
from tests.breadth import quick_are
from tests.data import three_classes
from tests.instances import (
    CERTIFIED_FORMULAS,
    FIRST,
    FORMULAS,
    NEAREST,
    SIMILARITY_FORMULAS,
    every_certified_formula,
    every_similarity_formula,
    with_norms,
)

X, Y = three_classes()
ROWS = X[:20]
NORMS = [1, 2, np.inf]
# These bound how far every distance can move, in any norm alike.
LIPSCHITZ = ["closed_form", "interval"]
METHODS = [*CERTIFICATES, "auto", "exact"]
ITS_NORM = {"vertices": 1, "weighted": np.inf}
# Branch and bound takes its time: once for every kind of head and kernel.
EXACT = ["rbf", "rbf-normalized-kernel", "rbf-many-sigmas", "cbc-concepts"]
every_norm = pytest.mark.parametrize("norm", NORMS)
every_method = pytest.mark.parametrize("method", METHODS)
quick_methods = pytest.mark.parametrize("method", quick_are(METHODS[:-1], METHODS))
lipschitz_method = pytest.mark.parametrize("method", LIPSCHITZ)


SOUND = [(n, m) for n in SIMILARITY_FORMULAS for m in METHODS[:-1]]
SOUND += [(n, m) for n in NEAREST if n in FORMULAS for m in NEAREST_CERTIFICATES]
# The first of an estimator meets every norm, the others one that they have in turn.
_TURNS = cycle(NORMS)
SOUND = [
    (name, method, norm)
    for name, method in SOUND
    for norm in (
        NORMS if name in FIRST.values() else [ITS_NORM.get(method) or next(_TURNS)]
    )
]
# One of every kernel, metric and head.
FORMULA_KINDS = {"rbf-tangent", "rbf-euclidean", "cbc-concepts", "glvq-manhattan"}
QUICK = [case for case in SOUND if case[0] in {*FIRST.values(), *FORMULA_KINDS}]
CURVED = {"lgmlvq", "lgmlvq-class", "gtlvq"}
NOT_HYPERPLANES = {*CURVED, "glvq-manhattan"}


def refuses(model, method, norm=2, name=""):
    """Whether the method says that it has no proof; it must say so, not return."""
    metric = getattr(model, "metric", None)
    without_proof = {
        "tilted": metric == "tangent",
        "vertices": norm != 1 or metric in ("euclidean", "tangent"),
        "weighted": norm <= 2 or metric == "tangent",
        "hyperplane": name in NOT_HYPERPLANES,
        "exact": name in NOT_HYPERPLANES,
        "quadric": name not in CURVED,
    }
    if not without_proof.get(method, False):
        return False
    message = f"method='{method}' has no proof for this model"
    rows = ROWS[:, : model.n_features_in_]
    with pytest.raises(ValueError, match=message):
        model.certified_radius(rows, norm=norm, method=method)
    return True


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


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_no_attack_flips_a_row_inside_its_exact_radius(model):
    rows = far_and_near(model)[::3]
    radius = model.certified_radius(rows, method="exact")
    attacks.assert_no_flip(model, rows, radius, 2, np.random.default_rng(0))
    boundary = attacks.towards(model, rows, X, 2)
    assert (radius <= boundary * (1 + 1e-9)).all()


@pytest.mark.parametrize(("name", "method", "norm"), quick_are(QUICK, SOUND))
def test_no_attack_flips_a_row_inside_its_radius(model, name, method, norm):
    if refuses(model, method, norm, name):
        return
    rows = far_and_near(model)
    radius = model.certified_radius(rows, norm=norm, method=method)
    assert radius.shape == (len(rows),)
    assert (radius >= 0).all()
    assert (radius > 0).mean() > 0.5, "nothing to attack"
    attacks.assert_no_flip(model, rows, radius, norm, np.random.default_rng(0))
    boundary = attacks.towards(model, rows, X, norm)
    assert (radius <= boundary * (1 + 1e-9)).all()


@with_norms(SIMILARITY_FORMULAS)
def test_auto_is_the_largest(model, norm):
    """Up to the 1 percent at which it calls a proof tight, and as much of a search."""
    methods = [m for m in CERTIFICATES if not refuses(model, m, norm)]
    best = np.max([model.certified_radius(X, norm=norm, method=m) for m in methods], 0)
    auto = model.certified_radius(X, norm=norm)
    assert (auto >= 0.98 * best).all()
    interval = model.certified_radius(X, norm=norm, method="interval")
    assert np.median(auto) > np.median(interval)


@with_norms(SIMILARITY_FORMULAS)
def test_interval_is_at_least_the_closed_form(model, norm):
    """The closed form relaxes it further, also for several widths."""
    interval = model.certified_radius(X, norm=norm, method="interval")
    closed = model.certified_radius(X, norm=norm, method="closed_form")
    assert (interval >= closed * (1 - 1e-5)).all()


@lipschitz_method
@every_similarity_formula
def test_norms_are_ordered(model, method):
    one, two, top = (model.certified_radius(X, norm=p, method=method) for p in NORMS)
    assert (one >= two * (1 - 1e-12)).all()
    assert (two >= top * (1 - 1e-12)).all()
    middle = model.certified_radius(X, norm=3, method=method)
    assert (middle <= two).all()
    assert (middle >= top).all()


@every_certified_formula
def test_rows_predicted_wrongly_get_zero(model):
    free, labelled = model.certified_radius(X), model.certified_radius(X, Y)
    right = model.predict(X) == Y
    assert not right.all()
    assert (labelled[~right] == 0).all()
    np.testing.assert_array_equal(labelled[right], free[right])


@every_certified_formula
def test_public_functions_agree_with_the_method(model):
    rows, y = X[::3], Y[::3]
    radius = model.certified_radius(rows, y, norm=np.inf)
    found = certified_radius(model, rows, y, norm=np.inf)
    np.testing.assert_array_equal(found, radius)
    for eps in (0.0, 0.01, float(np.median(radius))):
        expected = np.mean((radius >= eps) & (radius > 0))
        assert certified_accuracy_score(model, rows, y, eps, norm=np.inf) == expected
    curve = certified_accuracy_score(model, rows, y, [0.0, 0.1, 10.0])
    assert curve.shape == (3,)
    assert (np.diff(curve) <= 0).all()


@with_norms(CERTIFIED_FORMULAS)
def test_bounds_allow_a_larger_radius(model, norm):
    """Perturbations that leave the box do not count, those inside it still do."""
    box = X.min(axis=0), X.max(axis=0)
    free = model.certified_radius(X, norm=norm)
    bounded = model.certified_radius(X, norm=norm, bounds=box)
    assert (bounded >= 0.99 * free).all()
    corner = np.vstack([box[0], box[1]])
    label, radius = (
        model.predict(corner),
        model.certified_radius(corner, norm=norm, bounds=box),
    )
    rng = np.random.default_rng(0)
    attack = attacks.random_attack(corner, np.minimum(radius, 50), norm, rng)
    attacks.assert_all_keep(model, np.clip(np.stack(list(attack)), *box), label)


@with_norms(CERTIFIED_FORMULAS)
def test_frozen_features_and_budgets(model, norm):
    """feature_scale stretches the ball; a frozen feature is one less to attack."""
    scale = np.array([1.0, 0.0, 2.0, 0.5])
    radius = model.certified_radius(ROWS, norm=norm, feature_scale=scale)
    active = np.isfinite(radius) & (radius > 0)
    rows, r, label = ROWS[active], radius[active], model.predict(ROWS[active])
    rng = np.random.default_rng(0)
    perturbed = np.stack(list(attacks.random_attack(rows, r, norm, rng, trials=60)))
    attacks.assert_all_keep(model, rows + 0.999 * scale * (perturbed - rows), label)
    whole = model.certified_radius(ROWS, norm=norm, feature_scale=np.full(4, 2.0))
    plain = model.certified_radius(ROWS, norm=norm)
    np.testing.assert_allclose(whole, plain / 2, rtol=2e-2)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EXACT, "cbc-euclidean", "rbf-tangent", "cbc-adam"])
def test_exact_encloses(model):
    rows, y = ROWS[:5], Y[:5]
    found = exact_radius(model, rows, max_nodes=200)
    assert (found.lower <= found.upper).all()
    done = found.status == "exact"
    finite = done & np.isfinite(found.upper)
    assert (found.lower[finite] >= 0.99 * found.upper[finite]).all()
    assert set(found.status) <= {"exact", "budget", "bounded"}
    wrong = exact_radius(model, rows, 1 - y)
    assert (wrong.upper[model.predict(rows) != 1 - y] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rbf", "cbc", "cbc-margin", "cbc-adam"])
def test_exact_closes_the_gap(model):
    """On small Gaussian models nearly every row is settled."""
    rows = X[::2]
    found = exact_radius(model, rows)
    ratio = found.lower / found.upper
    assert np.mean(found.status == "exact") > 0.9
    np.testing.assert_array_equal(
        model.certified_radius(rows, method="exact"), found.lower
    )
    assert np.mean(ratio[np.isfinite(ratio)]) > 0.98


BISECTOR = [[-1.0, 0.5, 0.0], [1.0, 0.0, 0.5]]


def distance_to_the_bisector(rows, norm):
    """Exact lp distance to the points as far from one prototype as the other."""
    w = np.asarray(BISECTOR)
    normal, middle = w[1] - w[0], w.mean(axis=0)
    dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
    return np.abs((rows - middle) @ normal) / np.linalg.norm(normal, ord=dual)


@pytest.mark.slow
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
        if refuses(model, method, norm):
            continue
        radius = model.certified_radius(rows, norm=norm, method=method)
        assert (radius <= exact).all()
        assert (radius > 0).all()
        if method in ("tilted", "vertices") and metric == "sqeuclidean":
            np.testing.assert_allclose(radius, exact, rtol=1e-3)
        exact_kernel = metric == "sqeuclidean" and norm == 2
        if method in ("auto", "trust_region", "exact") and exact_kernel:
            assert np.mean(radius / exact) > 0.98
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
    for method in LIPSCHITZ:
        found = model.certified_radius(rows, method=method)
        np.testing.assert_allclose(found[small], expected[small], rtol=1e-4)


@every_method
def test_ties_get_zero(method):
    coef = [[1.0, -1.0], [-1.0, 1.0]]
    model = with_head([[-1.0, 0.0], [1.0, 0.0]], coef, [0, 0])
    ties = np.array([[0.0, 0.0], [0.0, 3.0], [0.0, -200.0]])
    norm = ITS_NORM.get(method, 2)
    assert (model.certified_radius(ties, norm=norm, method=method) == 0).all()


@every_method
def test_no_harmful_similarity_means_an_infinite_radius(method):
    coef, intercept = [[2.0, 1.0], [1.0, 1.0]], [1.0, 0.0]
    model = with_head(BISECTOR, coef, intercept)
    rows = np.random.default_rng(0).normal(scale=5, size=(50, 3))
    assert (model.predict(rows) == 0).all()
    norm = ITS_NORM.get(method, 2)
    assert (model.certified_radius(rows, norm=norm, method=method) == np.inf).all()


@every_method
def test_without_harm_or_constant_a_row_far_away_ties(method):
    coef = [[1.0, 1.0], [0.0, 0.0]]
    model = with_head(BISECTOR, coef, [0, 0])
    far = np.array([[1e3, 0.0, 0.0], [-1e3, 0.0, 0.0]])
    assert (model.decision_function(far) == 0).all()
    norm = ITS_NORM.get(method, 2)
    assert (model.certified_radius(far, norm=norm, method=method) == 0).all()
    near = model.certified_radius(BISECTOR, norm=norm, method=method)
    assert np.isfinite(near).all()


@pytest.mark.parametrize("method", ["interval", "auto", "exact"])
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
    norm = ITS_NORM.get(method, 2)
    assert (model.certified_radius(far, norm=norm, method=method) == 0).all()


@functools.cache
def far_away(offset):
    return CBCClassifier(2, max_iter=30, random_state=0).fit(X + offset, Y)


@every_norm
@quick_methods
@pytest.mark.parametrize("offset", [1e4, 1e7])
def test_far_from_the_origin(offset, method, norm):
    """Rounding is part of the proof."""
    model = far_away(offset)
    if refuses(model, method, norm):
        return
    rows = ROWS + offset
    radius = model.certified_radius(rows, norm=norm, method=method)
    assert (radius > 0).any()
    boundary = attacks.towards(model, rows, X + offset, norm, halvings=30)
    spacing = np.spacing(offset) * 10
    assert (radius <= boundary + spacing).all()


@every_norm
@quick_methods
def test_random_heads_under_attack(method, norm):
    """Several widths, signs of either kind, biases: more than training reaches."""
    rng = np.random.default_rng(3)
    # Branch and bound takes its time for each row.
    n_rows = 8 if method == "exact" else 25
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
        if refuses(model, method, norm):
            continue
        rows = rng.normal(size=(n_rows, 3))
        radius = model.certified_radius(rows, norm=norm, method=method)
        attacks.assert_no_flip(model, rows, radius, norm, rng)
        targets = rng.normal(size=(40, 3))
        boundary = attacks.towards(model, rows, targets, norm, halvings=40)
        assert (radius <= boundary * (1 + 1e-9)).all()


def test_certificates_of_concepts_need_one_own_concept_to_win():
    """With two concepts a class, the best own concept counts."""
    model = CBCClassifier(2, n_concepts_per_class=2, max_iter=30, random_state=0)
    model.fit(X, Y)
    view = model.certifiable_view()
    options = {"norm": 2, "bounds": None, "feature_scale": None}
    ((_, batch),) = certification_problem(model, X, **options).batches()
    index = batch.gap_index()
    gaps = batch.gaps(index)
    net = gaps.positive_weights - gaps.negative_weights
    values = (net * gaps.similarities()).sum(1) + gaps.constant
    concepts = view.concept_scores(batch.z).reshape(len(X), -1)
    own = concepts.gather(1, (2 * batch.predicted[:, None] + torch.arange(2)))
    expected = own[index.row, index.own] - concepts[index.row, index.rival]
    # In units of the largest weight or offset.
    largest = max(np.abs(view.coefficients).max(), np.abs(view.offsets).max())
    torch.testing.assert_close(largest * values, expected, atol=1e-9, rtol=1e-9)
    assert (batch.worst_rival(values, index) > 0).all()
