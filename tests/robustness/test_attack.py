"""The attack finds what is known to be there, and nothing that predict denies."""

import numpy as np
import pytest
from scipy.optimize import linprog, minimize
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto.robustness import empirical_radius
from sklearn_proto.robustness._attack._planes import Plane, worst_mixture
from sklearn_proto.robustness._attack._shortest import shortest
from tests import attacks
from tests.data import three_classes, two_classes
from tests.instances import (
    CERTIFIED,
    FORMULAS,
    SHALLOW,
    first_quick,
    instance,
    with_norms,
)
from tests.robustness.similarity.test_certificates import (
    BISECTOR,
    distance_to_the_bisector,
    with_head,
)

X, Y = three_classes()
NORMS = [1, 2, np.inf]
every_norm = pytest.mark.parametrize("norm", NORMS)
QUICK = {"n_restarts": 1, "max_iter": 4, "random_state": 0}
every_view = pytest.mark.parametrize("name", first_quick(FORMULAS))


def assert_verified(model, rows, found, norm, *, scale=None):
    """What the result says is true of predict and of the perturbed rows."""
    scale = np.ones(rows.shape[1]) if scale is None else np.asarray(scale)
    hit = np.isfinite(found.radius)
    assert found.radius.dtype == np.float64
    assert found.perturbed.shape == rows.shape
    flipped = model.predict(found.perturbed) != model.predict(rows)
    np.testing.assert_array_equal(flipped, hit & (found.radius > 0))
    delta = found.perturbed - rows
    assert (delta[~flipped] == 0).all()
    assert (delta[:, scale == 0] == 0).all()
    free = scale > 0
    size = attacks.norm_of(delta[:, free] / scale[free], norm)
    np.testing.assert_allclose(found.radius[flipped], size[flipped], rtol=1e-12)


# ---------------------------------------------------------------- known distances


@every_norm
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean"])
def test_exact_distance_to_a_hyperplane(metric, norm):
    model = with_head(BISECTOR, [[1.0, -1.0], [-1.0, 1.0]], [0, 0], metric=metric)
    rows = np.random.default_rng(0).normal(size=(6, 3))
    found = empirical_radius(model, rows, norm=norm, **QUICK)
    exact = distance_to_the_bisector(rows, norm)
    assert (found.radius >= exact * (1 - 1e-9)).all()
    np.testing.assert_allclose(found.radius, exact, rtol=1e-6)
    assert_verified(model, rows, found, norm)


@every_norm
def test_far_rows_still_have_a_direction(norm):
    """At similarities near 1e-280 the scores are flat to any finite step."""
    model = with_head(BISECTOR, [[1.0, -1.0], [-1.0, 1.0]], [0, 0])
    rows = np.array([[2.0, 25.0, 0.0], [-3.0, 0.0, 25.0], [1.0, 17.0, 17.0]])
    found = empirical_radius(model, rows, norm=norm, **QUICK)
    exact = distance_to_the_bisector(rows, norm)
    np.testing.assert_allclose(found.radius, exact, rtol=1e-3)


class NearestPrototype(ClassifierMixin, BaseEstimator):
    """Scores are minus the least squared distance: boundaries with sharp edges."""

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        sq = ((X[:, None] - self.X_) ** 2).sum(2)
        return np.column_stack([-sq[:, self.y_ == c].min(1) for c in self.classes_])

    def predict(self, X):
        return self.classes_[self.decision_function(X).argmax(1)]


def distance_to_nearest_win(w, y, x, norm, gram=None):
    """Least over rivals j: closer to w_j than to every prototype of the own class.

    In the squared distance ``u' gram u``.
    """
    d = len(x)
    gram = np.eye(d) if gram is None else gram
    own = y[np.einsum("kd,de,ke->k", w - x, gram, w - x).argmin()]
    best, squares = np.inf, np.einsum("kd,de,ke->k", w, gram, w)
    for j in np.flatnonzero(y != own):
        A = 2 * (w[y == own] - w[j]) @ gram
        b = squares[y == own] - squares[j] - A @ x
        if norm == 2:
            start = w[j] - x
            limits = {"type": "ineq", "fun": lambda v, A=A, b=b: b - A @ v}
            done = minimize(
                lambda v: v @ v,
                start,
                method="SLSQP",
                constraints=limits,
                options={"ftol": 1e-14, "maxiter": 200},
            )
            best = min(best, np.linalg.norm(done.x))
            continue
        one, eye = np.ones((d, 1)), np.eye(d)
        if norm == 1:
            cost, A, more = np.ones(2 * d), np.hstack([A, -A]), None
            done = linprog(cost, A, b, bounds=(0, None))
        else:
            more = np.vstack([np.hstack([eye, -one]), np.hstack([-eye, -one])])
            A = np.vstack([np.hstack([A, np.zeros((len(A), 1))]), more])
            cost = np.r_[np.zeros(d), 1.0]
            done = linprog(cost, A, np.r_[b, np.zeros(2 * d)], bounds=(None, None))
        best = min(best, done.fun)
    return best


@every_norm
def test_exact_distance_to_a_region_with_edges(norm):
    """Several prototypes of the own class: two half-spaces or more are active."""
    rng = np.random.default_rng(1)
    w, y = rng.normal(size=(9, 3)), np.arange(9) % 3
    model = NearestPrototype().fit(w, y)
    rows = rng.normal(size=(12, 3))
    found = empirical_radius(model, rows, norm=norm, random_state=0)
    exact = np.array([distance_to_nearest_win(w, y, x, norm) for x in rows])
    assert (found.radius >= exact * (1 - 1e-6)).all()
    np.testing.assert_allclose(found.radius, exact, rtol=1e-3)


@every_norm
def test_exact_distance_to_a_linear_boundary_of_scikit_learn(norm):
    rows, y = two_classes()
    model = LogisticRegression().fit(rows, y)
    dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
    slope = np.linalg.norm(model.coef_[0], ord=dual)
    found = empirical_radius(model, rows, norm=norm, **QUICK)
    exact = np.abs(model.decision_function(rows)) / slope
    np.testing.assert_allclose(found.radius, exact, rtol=1e-6)


# ------------------------------------------------------------- independent searches


def as_a_program(norm, d):
    """Cost, perturbation and further constraint of the unknowns of SLSQP."""
    if norm == 1:  # delta = v_1 - v_2, both at least 0
        return np.sum, lambda v: v[:d] - v[d:], lambda v: v
    if norm == 2:
        return lambda v: v @ v, lambda v: v, lambda v: np.ones(len(v))
    return (
        lambda v: v[-1],
        lambda v: v[:d],
        lambda v: np.r_[v[-1] - v[:d], v[-1] + v[:d]],
    )


def unknowns(start, norm):
    """The unknowns that stand for a perturbation."""
    if norm == 1:
        return np.r_[np.maximum(start, 0), np.maximum(-start, 0)]
    return np.r_[start, np.abs(start).max()] if norm == np.inf else start


def confirmed_size(model, x, delta, norm):
    """Size of the perturbation, pushed on by little if need be; else infinity."""
    for push in (1, 1 + 1e-5, 1 + 1e-3):
        if model.predict((x + push * delta)[None]) != model.predict(x[None]):
            return attacks.norm_of(push * delta, norm)
    return np.inf


def solver_radius(model, x, norm, rng, starts=2):
    """SLSQP on the gap to each rival, from random starts; what predict confirms."""
    d, own = len(x), attacks.scores_of(model, x[None])[0].argmax()
    cost, delta, further = as_a_program(norm, d)
    best = np.inf
    for rival in np.flatnonzero(np.arange(len(model.classes_)) != own):

        def lost(v, rival=rival):
            s = attacks.scores_of(model, (x + delta(v))[None])[0]
            return s[rival] - s[own]

        limits = [{"type": "ineq", "fun": f} for f in (lost, further)]
        for _ in range(starts):
            start = unknowns(rng.normal(size=d), norm)
            options = {"maxiter": 40}
            v = minimize(
                cost, start, method="SLSQP", constraints=limits, options=options
            ).x
            best = min(best, confirmed_size(model, x, delta(v), norm))
    return best


@every_norm
@pytest.mark.parametrize("name", ["rbf", "cbc-concepts"])
def test_never_beaten_by_a_general_solver(model, norm):
    rows, rng = X[5:6], np.random.default_rng(0)
    found = empirical_radius(model, rows, norm=norm, random_state=0)
    solved = np.array([solver_radius(model, x, norm, rng) for x in rows])
    assert np.isfinite(solved).any(), "nothing to compare with"
    assert (found.radius <= 1.01 * solved).all()


@every_norm
@pytest.mark.parametrize("name", ["rbf-euclidean", "cbc-indefinite"])
def test_as_near_as_a_fine_grid_in_the_plane(name, norm):
    X2, y2 = three_classes(n_features=2, seed=3)
    model = instance(name).fit(X2, y2)
    side = np.linspace(-6, 6, 121)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    label, rows = model.predict(grid), X2[:3]
    own = model.predict(rows)
    away = attacks.norm_of(rows[:, None] - grid, norm)
    away[own[:, None] == label] = np.inf
    nearest = away.min(axis=1)
    found = empirical_radius(model, rows, norm=norm, n_restarts=30, random_state=0)
    assert (found.radius <= nearest).all()
    cell = attacks.norm_of(np.full(2, side[1] - side[0]), norm)
    assert (found.radius >= nearest - cell).all()


# --------------------------------------------------------------------- every model


@with_norms(FORMULAS)
def test_every_perturbation_is_real(name, model, norm):
    rows = X[:4]
    found = empirical_radius(model, rows, norm=norm, **QUICK)
    assert np.isfinite(found.radius).all()
    assert_verified(model, rows, found, norm)
    if name in CERTIFIED:
        bound = model.certified_radius(rows, norm=norm, method="interval")
        assert (bound <= found.radius).all()
    if name in SHALLOW:
        # Of these the attack knows the prototypes, to walk towards.
        straight = attacks.towards(model, rows, X, norm)
        assert (found.radius <= straight * (1 + 1e-6)).all()


@every_view
def test_box_and_frozen_features(model):
    rows, scale = X[:4], np.array([1.0, 0.0, 2.0, 0.5])
    box = X.min(axis=0), X.max(axis=0)
    found = empirical_radius(
        model, rows, norm=np.inf, bounds=box, feature_scale=scale, **QUICK
    )
    assert_verified(model, rows, found, np.inf, scale=scale)
    assert np.isfinite(found.radius).any()
    assert (box[0] <= found.perturbed).all()
    assert (found.perturbed <= box[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("norm", [1.5, 3])
def test_other_norms_lie_between(norm):
    model = CBCClassifier(2, max_iter=40, random_state=0).fit(X, Y)
    rows = X[:2]
    found = empirical_radius(model, rows, norm=norm, random_state=0)
    assert_verified(model, rows, found, norm)
    # A perturbation of one norm is one of the other, of another size.
    for other in NORMS:
        moved = empirical_radius(model, rows, norm=other, random_state=0).perturbed
        size = attacks.norm_of(moved - rows, norm)
        assert (found.radius <= size * (1 + 1e-3)).all()


def test_box_makes_the_perturbation_longer():
    """The hyperplane along one feature, which the box closes."""
    w = [[-1.0, 0.0], [1.0, 0.5]]
    model = with_head(w, [[1.0, -1.0], [-1.0, 1.0]], [0, 0])
    normal, middle = np.array([2.0, 0.5]), np.array([0.0, 0.25])
    row = np.array([[-1.0, 0.0]])
    box = (np.array([-2.0, -20.0]), np.array([-0.5, 20.0]))
    need = (middle - row[0]) @ normal
    found = empirical_radius(model, row, bounds=box, **QUICK)
    rest = (need - 0.5 * normal[0]) / normal[1]
    assert found.radius[0] == pytest.approx(np.hypot(0.5, rest), rel=1e-6)


def test_same_seed_same_result_and_global_state_untouched():
    model = RBFClassifier(2, max_iter=40, random_state=0).fit(X, Y)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = (empirical_radius(model, X[:10], **QUICK) for _ in range(2))
    np.testing.assert_array_equal(one.perturbed, two.perturbed)
    np.testing.assert_array_equal(one.radius, two.radius)
    after = np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(before, after)


def test_rows_predicted_wrongly_get_zero():
    model = RBFClassifier(2, max_iter=40, random_state=0).fit(X, Y)
    wrong = model.predict(X) != Y
    assert wrong.any()
    found = empirical_radius(model, X, Y, n_restarts=1, max_iter=4, random_state=0)
    assert (found.radius[wrong] == 0).all()
    assert (found.radius[~wrong] > 0).all()
    np.testing.assert_array_equal(found.perturbed[wrong], X[wrong])


# ------------------------------------------------------------------- what is in front


@pytest.mark.slow
@every_norm
def test_pipeline_is_attacked_in_raw_units(norm):
    """Same as the classifier on scaled rows with a budget for each feature."""
    raw = X * [1.0, 10.0, 0.1, 3.0]
    pipe = make_pipeline(StandardScaler(), CBCClassifier(2, max_iter=40))
    pipe.set_params(cbcclassifier__random_state=0).fit(raw, Y)
    found = empirical_radius(pipe, raw[:5], norm=norm, random_state=0)
    assert_verified(pipe, raw[:5], found, norm)
    scaler, model = pipe[0], pipe[1]
    inner = empirical_radius(
        model,
        scaler.transform(raw[:5]),
        norm=norm,
        feature_scale=1 / scaler.scale_,
        random_state=0,
    )
    np.testing.assert_allclose(found.radius, inner.radius, rtol=1e-3)


def test_front_that_is_not_affine():
    pipe = make_pipeline(PolynomialFeatures(2), CBCClassifier(max_iter=40)).fit(X, Y)
    found = empirical_radius(pipe, X[:6], **QUICK)
    assert np.isfinite(found.radius).all()
    assert_verified(pipe, X[:6], found, 2)
    straight = attacks.towards(pipe, X[:6], X, 2)
    assert (found.radius < straight).all()


def test_frames_and_labels_of_text():
    import pandas as pd

    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    names = np.array(["one", "two", "three"])[Y]
    pipe = make_pipeline(StandardScaler(), RBFClassifier(max_iter=30, random_state=0))
    pipe.fit(frame, names)
    found = empirical_radius(pipe, frame[:6], names[:6], **QUICK)
    plain = make_pipeline(StandardScaler(), RBFClassifier(max_iter=30, random_state=0))
    expected = empirical_radius(plain.fit(X, names), X[:6], names[:6], **QUICK)
    # A frame stores columns, and its product is rounded otherwise.
    np.testing.assert_allclose(found.radius, expected.radius, rtol=1e-6)


# --------------------------------------------------------------- other classifiers

OTHERS = {
    "svc": SVC(),
    "svc-one-against-one": SVC(decision_function_shape="ovo"),
    "logistic": LogisticRegression(),
    "forest": RandomForestClassifier(5, max_depth=4, random_state=0),
}


@every_norm
@pytest.mark.parametrize("name", list(OTHERS))
def test_classifiers_of_scikit_learn(name, norm):
    model, rows = OTHERS[name].fit(X, Y), X[:6]
    found = empirical_radius(model, rows, norm=norm, **QUICK)
    assert np.isfinite(found.radius).all()
    assert_verified(model, rows, found, norm)
    straight = attacks.towards(model, rows, rows, norm)
    assert (found.radius <= straight * (1 + 1e-6)).all()
    assert found.radius.mean() < 0.95 * straight.mean()


@pytest.mark.slow
def test_labels_find_about_what_scores_find():
    """Pairwise scores are no scores of classes, so they are not used."""
    rows, near = X[:6], {}
    for shape in ("ovr", "ovo"):
        model = SVC(decision_function_shape=shape).fit(X, Y)
        near[shape] = empirical_radius(model, rows, random_state=0).radius
    assert (near["ovo"] <= near["ovr"] * 1.03).all()


class LabelsOnly(ClassifierMixin, BaseEstimator):
    """A half-space of which only the labels can be seen."""

    def fit(self, *_):
        self.normal_ = np.array([1.0, 0.5, -0.5, 0.25])
        return self

    def predict(self, X):
        return np.where(X @ self.normal_ > 0.2, "in", "out")


def test_labels_alone():
    model, rows = LabelsOnly().fit(X, Y), X[:10]
    found = empirical_radius(model, rows, random_state=0)
    assert_verified(model, rows, found, 2)
    exact = np.abs(rows @ model.normal_ - 0.2) / np.linalg.norm(model.normal_)
    assert (found.radius >= exact * (1 - 1e-9)).all()
    assert (found.radius <= 1.5 * exact).all()


def test_no_restarts_and_no_rounds():
    """What starts from rivals and from other rows is enough to flip."""
    model = RBFClassifier(2, max_iter=40, random_state=0).fit(X, Y)
    found = empirical_radius(model, X[:4], n_restarts=0, max_iter=0, random_state=0)
    assert np.isfinite(found.radius).all()
    assert_verified(model, X[:4], found, 2)


def test_nothing_to_find():
    model = with_head(BISECTOR, [[2.0, 1.0], [1.0, 1.0]], [1.0, 0.0])
    found = empirical_radius(model, X[:3, :3], **QUICK)
    assert (found.radius == np.inf).all()
    np.testing.assert_array_equal(found.perturbed, X[:3, :3])


@pytest.mark.parametrize("name", ["rbf", "cbc"])
def test_one_row(model):
    alone = empirical_radius(model, X[:1], **QUICK)
    assert_verified(model, X[:1], alone, 2)
    assert np.isfinite(alone.radius).all()


# ---------------------------------------------------------------------- the geometry


@every_norm
def test_shortest_vector_in_a_half_space_and_a_box(norm):
    """Against a linear program, or SLSQP; boxes need not hold the origin."""
    rng = np.random.default_rng(0)
    d = 4
    for _ in range(15):
        g, middle = rng.normal(size=d), rng.normal(scale=0.5, size=d)
        lo, hi = middle - rng.uniform(size=d), middle + rng.uniform(size=d)
        least = np.where(g > 0, lo, hi) @ g
        b = least + rng.uniform(0.05, 0.6) * (np.where(g > 0, hi, lo) @ g - least)
        v = shortest(g[None], np.array([b]), lo[None], hi[None], norm)[0]
        assert g @ v <= b + 1e-4
        assert (lo <= v).all()
        assert (v <= hi).all()
        expected = least_size_in_a_box(g[None], [b], lo, hi, norm)
        assert attacks.norm_of(v, norm) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def least_size_in_a_box(A, b, lo, hi, norm):
    A, d = np.asarray(A), len(lo)
    if norm == 2:
        limits = {"type": "ineq", "fun": lambda v: np.asarray(b) - A @ v}
        done = minimize(
            lambda v: v @ v,
            (lo + hi) / 2,
            method="SLSQP",
            bounds=list(zip(lo, hi, strict=True)),
            constraints=limits,
            options={"ftol": 1e-12, "maxiter": 300},
        )
        return np.linalg.norm(done.x)
    # |v_i| <= t_i for l1, |v_i| <= t for linf.
    t = np.eye(d) if norm == 1 else np.ones((d, 1))
    zeros = np.zeros((len(A), t.shape[1]))
    rows = np.vstack(
        [np.hstack([A, zeros]), np.hstack([np.eye(d), -t]), np.hstack([-np.eye(d), -t])]
    )
    cost = np.r_[np.zeros(d), np.ones(t.shape[1])]
    limits = [*zip(lo, hi, strict=True), *[(0, None)] * t.shape[1]]
    return linprog(cost, rows, np.r_[b, np.zeros(2 * d)], bounds=limits).fun


@every_norm
def test_shortest_vector_in_two_half_spaces(norm):
    rng = np.random.default_rng(2)
    d = 3
    lo, hi = np.full(d, -9.0), np.full(d, 9.0)
    for _ in range(10):
        g = rng.normal(size=(2, d))
        b = -rng.uniform(0.5, 1.5, size=2)
        planes = (Plane(g[i : i + 1], b[i : i + 1]) for i in range(2))
        _, v = worst_mixture(*planes, lo[None], hi[None], norm)
        expected = least_size_in_a_box(g, b, lo, hi, norm)
        assert attacks.norm_of(v[0], norm) == pytest.approx(expected, rel=5e-3)


@every_norm
def test_half_spaces_that_exclude_each_other(norm):
    """Their mixture may have no normal; numbers stay finite."""
    g, b, far = np.array([[1.0, 0.0]]), np.array([-1.0]), np.full((1, 2), np.inf)
    _, v = worst_mixture(Plane(g, b), Plane(-g, b), -far, far, norm)
    assert np.isfinite(v).all()


# --------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": 0.5}, ["norm=0.5", "p >= 1"]),
        ({"norm": "2"}, ["norm='2'", "p >= 1"]),
        ({"norm": True}, ["norm=True", "p >= 1"]),
        ({"n_restarts": -1}, ["'n_restarts'", "[0, inf)", "Got -1"]),
        ({"max_iter": 1.5}, ["'max_iter'", "[0, inf)", "Got 1.5"]),
        ({"bounds": (0.0, 1.0)}, ["outside bounds", "row"]),
        ({"bounds": (1.0,)}, ["bounds", "lower", "upper"]),
        ({"bounds": (np.nan, 9.0)}, ["bounds", "NaN"]),
        ({"feature_scale": np.ones(3)}, ["feature_scale", "(3,)", "(4,)"]),
        ({"feature_scale": [1, 1, -1, 1]}, ["feature_scale", "-1", "at least 0"]),
        ({"feature_scale": [1, 1, np.inf, 1]}, ["feature_scale", "inf", "finite"]),
        ({"feature_scale": "all"}, ["feature_scale='all'", "numbers"]),
        ({"feature_scale": np.zeros(4)}, ["feature_scale", "every feature"]),
        ({"y": Y[:3]}, ["y", "(3,)", "60 rows"]),
    ],
)
def test_bad_input(options, words):
    model = RBFClassifier(max_iter=5).fit(X, Y)
    with pytest.raises(ValueError) as caught:
        empirical_radius(model, X, **options)
    for word in words:
        assert word in str(caught.value)
