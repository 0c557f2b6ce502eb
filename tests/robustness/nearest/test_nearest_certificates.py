"""Certificates of nearest-prototype models against brute force and attacks."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness import (
    NEAREST_CERTIFICATES,
    certified_radius,
    empirical_radius,
    exact_radius,
)
from tests import attacks
from tests.breadth import quick_are
from tests.views import NEAREST_KINDS, ViewClassifier, random_nearest_view

FLAT = ["plain", "shared", "rank one"]
CURVED = ["local", "tangent"]
NORMS = [1, 2, np.inf]
every_kind = pytest.mark.parametrize("kind", NEAREST_KINDS)
every_norm = pytest.mark.parametrize("norm", NORMS)
flat_kind = pytest.mark.parametrize("kind", FLAT)
curved_kind = pytest.mark.parametrize("kind", CURVED)


def drawn(seed, kind, n=8, **more):
    """A model, rows around its prototypes, and its view."""
    rng = np.random.default_rng(seed)
    view = random_nearest_view(rng, kind, **more)
    k, d = view.prototypes.shape
    rows = view.prototypes[rng.integers(0, k, n)] + rng.normal(size=(n, d))
    return ViewClassifier(view), rows, view


def matrix_of(view):
    """L of a flat metric."""
    d = view.prototypes.shape[1]
    return np.eye(d) if view.omega is None else view.omega.T @ view.omega


def matrices_of(view):
    """L of every prototype of a curved metric."""
    d = view.prototypes.shape[1]
    if view.tangents is not None:
        return np.eye(d) - view.tangents @ view.tangents.swapaxes(1, 2)
    return view.omega.swapaxes(1, 2) @ view.omega


def constraints(view, x, label):
    """For every rival ``a @ delta >= g``: where it beats each own prototype."""
    w, matrix = view.prototypes, matrix_of(view)
    squares = np.einsum("kd,de,ke->k", x - w, matrix, x - w)
    own = np.flatnonzero(view.owners == label)
    for j in np.flatnonzero(view.owners != label):
        yield (w[j] - w[own]) @ matrix, (squares[j] - squares[own]) / 2


def shortest_in_l2(a, g):
    """Least norm by trying every set of constraints that may hold with equality."""
    best = np.inf
    for size in range(len(g) + 1):
        for active in map(list, itertools.combinations(range(len(g)), size)):
            delta = np.linalg.pinv(a[active], rcond=1e-10) @ g[active]
            if (a @ delta >= g - 1e-9 * np.abs(g).max()).all():
                best = min(best, np.linalg.norm(delta))
    return best


def shortest_by_lp(a, g, norm, down=None, up=None):
    """Linear program in the split of delta into rise and fall, and its size."""
    d = a.shape[1]
    split = np.hstack([np.eye(d), -np.eye(d)])
    limit = np.hstack([np.eye(d), np.eye(d)])
    limit = limit.sum(0, keepdims=True) if norm == 1 else limit
    ub = np.block(
        [[-a @ split, np.zeros((len(a), 1))], [limit, -np.ones((len(limit), 1))]]
    )
    side = [None] * d
    bounds = [*zip([0] * d, side if up is None else up, strict=True)]
    bounds += [*zip([0] * d, side if down is None else down, strict=True), (0, None)]
    cost = np.r_[np.zeros(2 * d), 1]
    found = linprog(cost, ub, np.r_[-g, np.zeros(len(limit))], bounds=bounds)
    return found.fun if found.status == 0 else np.inf


@flat_kind
@pytest.mark.parametrize("seed", range(4))
def test_exact_in_l2_is_the_least_norm(kind, seed):
    model, rows, view = drawn(seed, kind, per_class=3)
    expected = [
        min(shortest_in_l2(a, g) for a, g in constraints(view, x, label))
        for x, label in zip(rows, model.predict(rows), strict=True)
    ]
    for method in ("exact", "auto"):
        found = certified_radius(model, rows, method=method)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@flat_kind
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("norm", [1, np.inf])
def test_exact_in_l1_and_the_maximum_norm_solves_a_linear_program(norm, bounded, kind):
    model, rows, view = drawn(5, kind, per_class=3)
    lo, hi = rows.min(0) - 0.1, rows.max(0) + 0.1
    expected = []
    for x, label in zip(rows, model.predict(rows), strict=True):
        room = {"down": x - lo, "up": hi - x} if bounded else {}
        programs = constraints(view, x, label)
        expected.append(min(shortest_by_lp(a, g, norm, **room) for a, g in programs))
    bounds = (lo, hi) if bounded else None
    found = certified_radius(model, rows, norm=norm, bounds=bounds, method="exact")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@flat_kind
def test_exact_in_l2_inside_bounds_is_the_constrained_least_norm(kind):
    model, rows, view = drawn(6, kind, per_class=2)
    lo, hi = rows.min(0) - 0.1, rows.max(0) + 0.1
    found = certified_radius(model, rows, bounds=(lo, hi), method="exact")
    for x, label, radius in zip(rows, model.predict(rows), found, strict=True):
        best = np.inf
        for a, g in constraints(view, x, label):
            solved = minimize(
                lambda t: t @ t / 2,
                np.zeros(len(x)),
                jac=lambda t: t,
                bounds=list(zip(lo - x, hi - x, strict=True)),
                constraints={
                    "type": "ineq",
                    "fun": lambda t, a=a, g=g: a @ t - g,
                    "jac": lambda _, a=a: a,
                },
                options={"ftol": 1e-15, "maxiter": 500},
            )
            if (a @ solved.x >= g - 1e-7).all():
                best = min(best, np.linalg.norm(solved.x))
        assert radius == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("norm", [1, 2, 3, np.inf])
@flat_kind
def test_hyperplane_is_the_distance_to_the_nearest_bisector(kind, norm):
    """With one prototype a class, in closed form."""
    model, rows, view = drawn(7, kind, n=20, per_class=1)
    dual = {1: np.inf, 2: 2, 3: 1.5, np.inf: 1}[norm]
    expected = [
        min(
            g[0] / np.linalg.norm(a[0], ord=dual)
            for a, g in constraints(view, x, label)
        )
        for x, label in zip(rows, model.predict(rows), strict=True)
    ]
    methods = ["hyperplane", "auto"] + ["exact"] * (norm != 3)
    for method in methods:
        found = certified_radius(model, rows, norm=norm, method=method)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def nearest_on_quadric(view, x, i, j, starts):
    """Least norm with ``D_j^2 <= D_i^2`` by local searches from many points."""
    w, matrices = view.prototypes, matrices_of(view)

    def gap(t):
        u, v = x + t - w[j], x + t - w[i]
        return u @ matrices[j] @ u - v @ matrices[i] @ v

    def slope(t):
        return 2 * (matrices[j] @ (x + t - w[j]) - matrices[i] @ (x + t - w[i]))

    best = np.inf
    for start in starts:
        found = minimize(
            lambda t: t @ t,
            start,
            jac=lambda t: 2 * t,
            constraints={
                "type": "ineq",
                "fun": lambda t: -gap(t),
                "jac": lambda t: -slope(t),
            },
            options={"ftol": 1e-14, "maxiter": 200},
        )
        if gap(found.x) <= 1e-9:
            best = min(best, np.linalg.norm(found.x))
    return best


@curved_kind
@pytest.mark.parametrize("seed", range(3))
def test_quadric_in_l2_is_the_distance_to_the_quadric(kind, seed):
    """Exact, as a search from many starts finds it, with one prototype a class."""
    model, rows, view = drawn(seed, kind, n=6, per_class=1)
    rng = np.random.default_rng(0)
    starts = rng.normal(scale=2, size=(12, rows.shape[1]))
    expected = []
    for x, i in zip(rows, model.predict(rows), strict=True):
        others = [j for j in range(3) if j != i]
        expected.append(min(nearest_on_quadric(view, x, i, j, starts) for j in others))
    for method in ("quadric", "exact", "auto"):
        found = certified_radius(model, rows, method=method)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def at_most(lower, upper):
    """Up to what rounding takes off."""
    return (lower <= upper * (1 + 1e-7) + 1e-12).all()


CHAINS = {
    "plain": ["hyperplane", "auto", "exact"],
    "shared": ["hyperplane", "auto", "exact"],
    "rank one": ["hyperplane", "auto", "exact"],
    "local": ["quadric"],
    "tangent": ["quadric"],
    "manhattan": ["auto"],
}


@pytest.mark.parametrize("norm", quick_are([2], NORMS))
@pytest.mark.parametrize("bounded", [False, True])
@every_kind
def test_bounds_are_ordered(kind, bounded, norm):
    model, rows, _ = drawn(8, kind, n=4, per_class=2)
    ball = {"norm": norm}
    if bounded:
        ball["bounds"] = rows.min(0) - 0.1, rows.max(0) + 0.1
    chain = ["margin", "interval", *CHAINS[kind]]
    radii = [certified_radius(model, rows, method=m, **ball) for m in chain]
    attacked = empirical_radius(
        model, rows, random_state=0, n_restarts=1, max_iter=4, **ball
    ).radius
    for lower, upper in itertools.pairwise([*radii, attacked]):
        assert at_most(lower, upper)
    assert (radii[-1] > 0).all()


@pytest.mark.parametrize("seed", quick_are(range(6), range(18)))
def test_no_radius_beyond_an_attack(seed):
    """Any metric, norm, budget, box and pipeline; rows on prototypes and on ties."""
    rng = np.random.default_rng(100 + seed)
    view = random_nearest_view(rng)
    k, d = view.prototypes.shape
    noise = rng.normal(size=(10, d)) * rng.choice([0, 1e-3, 0.5, 1], size=(10, 1))
    rows = view.prototypes[rng.integers(0, k, 10)] + noise
    rows[0] = view.prototypes[rng.integers(0, k, 2)].mean(0)
    model = ViewClassifier(view)
    step = [None, StandardScaler(), PCA(d)][seed % 3]
    if step is not None:
        raw = rng.normal(size=(30, d)) * rng.uniform(0.1, 3, d)
        model = make_pipeline(step.fit(raw), model)
        rows = step.inverse_transform(rows)
    ball = {"norm": rng.choice([1, 1.5, 2, 3, np.inf])}
    if rng.random() < 0.4:
        scale = rng.uniform(0.2, 2, d)
        scale[rng.integers(d)] *= rng.random() < 0.5
        ball["feature_scale"] = scale
    if rng.random() < 0.4:
        away = rng.choice([0, 0.1, 1, np.inf], size=2)
        ball["bounds"] = rows.min(0) - away[0], rows.max(0) + away[1]
    attacked = empirical_radius(
        model, rows, random_state=0, n_restarts=1, max_iter=5, **ball
    ).radius
    applied = 0
    for method in NEAREST_CERTIFICATES:
        try:
            radius = certified_radius(model, rows, method=method, **ball)
        except ValueError as error:
            assert "has no proof for this model" in str(error)  # noqa: PT017
            continue
        applied += 1
        assert (radius >= 0).all()
        assert (radius <= attacked * (1 + 1e-9)).all(), (method, ball)
    assert applied >= 3


@every_norm
@every_kind
def test_no_attack_flips_a_row_inside_its_radius(kind, norm):
    model, rows, view = drawn(9, kind)
    rows = np.vstack([rows, view.prototypes, view.prototypes + 1e-6, 30 * rows[:2]])
    radius = certified_radius(model, rows, norm=norm)
    assert (radius > 0).mean() > 0.5, "nothing to attack"
    attacks.assert_no_flip(model, rows, radius, norm, np.random.default_rng(0))
    targets = np.vstack(
        [view.prototypes, np.random.default_rng(1).normal(size=rows.shape)]
    )
    boundary = attacks.towards(model, rows, targets, norm)
    assert (radius <= boundary * (1 + 1e-9)).all()


@every_kind
@pytest.mark.parametrize("method", list(NEAREST_CERTIFICATES))
def test_ties_get_zero(method, kind):
    """Two equal prototypes of different classes win together everywhere near them."""
    rng = np.random.default_rng(0)
    view = random_nearest_view(rng, kind, per_class=2)
    w = view.prototypes.copy()
    w[2] = w[0]
    parts = {}
    for name in ("omega", "tangents"):
        part = getattr(view, name)
        if part is not None and part.ndim == 3:
            part = part.copy()
            part[2] = part[0]
        parts[name] = part
    twin = NearestPrototypeView(w, view.owners, 3, view.metric, **parts)
    model, rows = ViewClassifier(twin), w[0] + 1e-3 * rng.normal(size=(5, w.shape[1]))
    try:
        radius = certified_radius(model, rows, method=method)
    except ValueError:
        return
    assert (radius == 0).all()


@every_kind
def test_the_unit_of_the_data_does_not_matter(kind):
    model, rows, view = drawn(10, kind)
    large = ViewClassifier(
        NearestPrototypeView(
            1e6 * view.prototypes,
            view.owners,
            view.n_classes,
            view.metric,
            omega=view.omega,
            tangents=view.tangents,
        )
    )
    small = certified_radius(model, rows)
    np.testing.assert_allclose(
        certified_radius(large, 1e6 * rows), 1e6 * small, rtol=1e-6
    )


def test_a_class_without_prototypes_never_wins():
    w = np.array([[0.0, 0.0], [2.0, 0.0]])
    model = ViewClassifier(NearestPrototypeView(w, np.array([0, 2]), 4))
    np.testing.assert_allclose(certified_radius(model, [[0.5, 1.0]]), 0.5)
    alone = ViewClassifier(NearestPrototypeView(w, np.array([1, 1]), 3))
    for method in ("auto", "margin", "interval", "hyperplane", "exact"):
        assert certified_radius(alone, [[0.5, 1.0]], method=method) == np.inf


def test_joining_own_prototypes_proves_more_than_each_alone():
    """The rival's cell is a corner: both its sides are near, the corner is not."""
    w = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    model = ViewClassifier(NearestPrototypeView(w, np.array([0, 0, 1]), 2))
    x = np.array([[1.0, 1.0]])
    sides = [
        ((x[0] - w[2]) @ (x[0] - w[2]) - (x[0] - v) @ (x[0] - v)) / 2 for v in w[:2]
    ]
    a = w[2] - w[:2]
    corner = np.linalg.solve(a, sides)
    one = certified_radius(model, x, method="hyperplane")
    assert one == pytest.approx(max(sides) / np.linalg.norm(a[0]))
    assert certified_radius(model, x) == pytest.approx(np.linalg.norm(corner))
    assert certified_radius(model, x) > 1.05 * one


@every_norm
def test_frozen_features_do_not_count(norm):
    model, rows, _ = drawn(11, "plain", per_class=2)
    d = rows.shape[1]
    free = certified_radius(model, rows, norm=norm, method="exact")
    scale = np.r_[0.0, np.ones(d - 1)]
    frozen = certified_radius(
        model, rows, norm=norm, method="exact", feature_scale=scale
    )
    assert at_most(free, frozen)
    assert (frozen > 1.01 * free).any()
    box = np.full(d, -50.0), np.full(d, 50.0)
    box[0][0], box[1][0] = rows[:, 0].min(), rows[:, 0].max()
    inside = certified_radius(
        model, rows, norm=norm, method="exact", feature_scale=scale, bounds=box
    )
    assert at_most(frozen, inside)


@every_norm
def test_rivals_outside_the_box_are_no_danger(norm):
    w = np.array([[0.0, 0.0], [5.0, 0.0]])
    model = ViewClassifier(NearestPrototypeView(w, np.array([0, 1]), 2))
    box = [-1.0, -1.0], [1.0, 1.0]
    for method in ("hyperplane", "exact", "auto"):
        found = certified_radius(
            model, [[0.5, 0.5]], norm=norm, bounds=box, method=method
        )
        assert found == np.inf


@pytest.mark.parametrize(
    ("kind", "norm"),
    [*zip(NEAREST_KINDS, [2, 1, np.inf, 2, 2, np.inf], strict=True), ("plain", np.inf)],
)
def test_exact_radius_encloses(kind, norm):
    model, rows, _ = drawn(12, kind, n=4, per_class=2)
    found = exact_radius(model, rows, norm=norm)
    assert (found.lower <= found.upper).all()
    assert at_most(certified_radius(model, rows, norm=norm), found.upper)
    assert (found.upper > 0).all()
    if kind in FLAT:
        assert (found.status == "exact").all()
        np.testing.assert_allclose(found.lower, found.upper, rtol=1e-4)
    else:
        assert set(found.status) <= {"exact", "bounded"}
        assert np.mean(found.lower / found.upper) > 0.6


@curved_kind
def test_exact_radius_of_one_prototype_a_class_meets_its_quadric(kind):
    model, rows, _ = drawn(14, kind, n=5, per_class=1)
    found = exact_radius(model, rows)
    assert (found.status == "exact").all()
    np.testing.assert_allclose(found.lower, found.upper, rtol=1e-4)


def test_pipelines_are_in_raw_units():
    """Doubling a raw feature's unit by a scaler is undone by its budget."""
    model, rows, _ = drawn(13, "plain", per_class=2)
    scaler = StandardScaler().fit(
        np.random.default_rng(0).normal(3, 5, size=(50, rows.shape[1]))
    )
    raw = scaler.inverse_transform(rows)
    piped = make_pipeline(scaler, model)
    for norm in NORMS:
        found = certified_radius(piped, raw, norm=norm, feature_scale=scaler.scale_)
        np.testing.assert_allclose(
            found, certified_radius(model, rows, norm=norm), rtol=1e-6
        )


REFUSALS = {
    "hyperplane": ("tangent", {}, "prototypes with tangents or matrices of their own"),
    "quadric": ("plain", {}, "'hyperplane' is the same bound"),
    "exact": ("plain", {"norm": 3}, "norm=3 has no program, only 1, 2 and inf have"),
}


@pytest.mark.parametrize("method", list(REFUSALS))
def test_refusals_say_why(method):
    kind, ball, reason = REFUSALS[method]
    model, rows, _ = drawn(0, kind, per_class=2)
    with pytest.raises(ValueError, match=f"method='{method}' has no proof") as caught:
        certified_radius(model, rows, method=method, **ball)
    assert reason in str(caught.value)


@pytest.mark.parametrize("method", ["hyperplane", "quadric", "exact"])
def test_manhattan_has_bounds_of_single_distances_only(method):
    model, rows, _ = drawn(0, "manhattan")
    with pytest.raises(ValueError, match=f"method='{method}' has no proof.*manhattan"):
        certified_radius(model, rows, method=method)


def test_exact_of_curved_models_names_what_it_needs():
    model, rows, _ = drawn(0, "local", per_class=2)
    with pytest.raises(ValueError, match="one prototype a class, norm=2 and no bounds"):
        certified_radius(model, rows, method="exact")


def test_unknown_methods_list_those_of_the_family():
    model, rows, _ = drawn(0, "plain")
    with pytest.raises(ValueError, match="'tilted' is not a certificate; use one of"):
        certified_radius(model, rows, method="tilted")
    names = "\\['auto', 'margin', 'interval', 'hyperplane', 'quadric', 'exact'\\]"
    with pytest.raises(ValueError, match=names):
        certified_radius(model, rows, method="no such")
