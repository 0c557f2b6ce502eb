"""The attack on models in which the nearest prototype wins."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness import empirical_radius
from sklearn_proto.robustness._attack._exact_gaps import exact_gaps
from tests import attacks
from tests.robustness.test_attack import (
    QUICK,
    X,
    assert_verified,
    distance_to_nearest_win,
    every_norm,
)


class Nearest(ClassifierMixin, BaseEstimator):
    """A fitted classifier that is its view of prototypes."""

    def __init__(self, view=None):
        self.view = view
        self.classes_ = np.arange(view.n_classes)
        self.n_features_in_ = view.prototypes.shape[1]

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, *_):
        return self

    def certifiable_view(self):
        return self.view

    def predict(self, X):
        x = self.view.tensor(np.asarray(X, dtype=float))
        return self.view.class_scores(x).argmax(1).numpy()


OWNERS = np.array([0, 0, 0, 0, 1, 2, 2])


def random_nearest(kind, *, d=3, seed=0):
    """Prototypes of three classes, as many as it comes."""
    rng = np.random.default_rng(seed)
    k, w = len(OWNERS), rng.normal(size=(len(OWNERS), d))
    more = {
        "plain": {},
        "euclidean": {"metric": "euclidean"},
        "manhattan": {"metric": "manhattan"},
        "omega": {"omega": rng.normal(size=(d, d))},
        "omegas": {"omega": rng.normal(size=(k, d, d))},
        "tangents": {"tangents": np.linalg.qr(rng.normal(size=(k, d, 1))).Q},
    }
    return Nearest(NearestPrototypeView(w, OWNERS, 3, **more[kind]))


KINDS = ["plain", "euclidean", "manhattan", "omega", "omegas", "tangents"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def gram_of(view):
    return None if view.omega is None else view.omega.T @ view.omega


@every_norm
@pytest.mark.parametrize("kind", ["plain", "omega"])
def test_exact_distance_where_distances_bend_alike(kind, norm):
    """Quadratic or linear programs; also of classes with one prototype."""
    model = random_nearest(kind, d=4, seed=1)
    rows = np.random.default_rng(2).normal(size=(8, 4))
    assert set(model.predict(rows)) == {0, 1, 2}
    found = empirical_radius(model, rows, norm=norm, random_state=0)
    w, gram = model.view.prototypes, gram_of(model.view)
    exact = [distance_to_nearest_win(w, OWNERS, x, norm, gram) for x in rows]
    ratio = found.radius / exact
    assert (ratio >= 1 - 1e-6).all()
    assert np.mean(ratio <= 1.01) > 0.8
    assert (ratio <= 1.1).all()
    assert_verified(model, rows, found, norm)


@pytest.mark.slow
@every_norm
def test_nearest_prototypes_behind_a_scaler_of_large_units(norm):
    """Exact in raw units, where squared distances are near 1e10."""
    rng = np.random.default_rng(3)
    raw = 1e5 * rng.normal(size=(40, 3)) * [1.0, 0.2, 3.0]
    pipe = make_pipeline(StandardScaler(), random_nearest("plain")).fit(raw)
    scaler, view, rows = pipe[0], pipe[1].view, raw[1:6]
    found = empirical_radius(pipe, rows, norm=norm, random_state=0)
    # SLSQP is at home where numbers are near 1.
    w, gram = (
        scaler.inverse_transform(view.prototypes) / 1e5,
        np.diag(1 / (scaler.scale_ / 1e5) ** 2),
    )
    exact = [
        1e5 * distance_to_nearest_win(w, OWNERS, x / 1e5, norm, gram) for x in rows
    ]
    np.testing.assert_allclose(found.radius, exact, rtol=1e-2)
    assert_verified(pipe, rows, found, norm)


def test_nearest_prototypes_of_large_units():
    """No gap is too large to be linearised."""
    small, rows = random_nearest("plain"), X[:3, :3]
    large = Nearest(NearestPrototypeView(1e6 * small.view.prototypes, OWNERS, 3))
    near = empirical_radius(small, rows, **QUICK).radius
    far = empirical_radius(large, 1e6 * rows, **QUICK).radius
    np.testing.assert_allclose(far, 1e6 * near, rtol=1e-3)


@every_norm
@every_kind
def test_nearest_prototypes_are_attacked_as_near_as_a_grid(kind, norm):
    """However the distances bend."""
    model, side = random_nearest(kind, d=2, seed=4), np.linspace(-4, 4, 81)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    rows = np.random.default_rng(5).normal(size=(3, 2))
    away = attacks.norm_of(rows[:, None] - grid, norm)
    away[model.predict(rows)[:, None] == model.predict(grid)] = np.inf
    nearest = away.min(axis=1)
    found = empirical_radius(
        model, rows, norm=norm, n_restarts=2, max_iter=8, random_state=0
    )
    assert_verified(model, rows, found, norm)
    cell = attacks.norm_of(np.full(2, side[1] - side[0]), norm)
    assert (found.radius <= nearest).all()
    assert (found.radius >= nearest - cell).all()


def length(view, x, k):
    """Squared distance to one prototype, or the distance for "manhattan"."""
    u = x - view.prototypes[k]
    if view.metric == "manhattan":
        return np.abs(u).sum()
    if view.tangents is not None:
        u = u - view.tangents[k] @ (view.tangents[k].T @ u)
    if view.omega is not None:
        u = (view.omega if view.omega.ndim == 2 else view.omega[k]) @ u
    return u @ u


@pytest.mark.parametrize("rank", [0, 1, 3])
@every_kind
def test_linearised_gaps_of_nearest_prototypes(kind, rank):
    """Against differences of lengths at raw rows, relative to the sum of both."""
    raw = X[:9, :3] * [1.0, 10.0, 0.1] + 2
    pipe = make_pipeline(StandardScaler(), random_nearest(kind)).fit(raw)
    scaler, view, own = pipe[0], pipe[1].view, np.arange(9) % 3
    rival = np.where(own == 0, 5, 1)
    found, gradient = exact_gaps(pipe, raw).linearised(raw, own, rival, rank)
    for i, x in enumerate(raw):

        def of(k, x=x):
            return length(view, scaler.transform(x[None])[0], k)

        mine = sorted(np.flatnonzero(own[i] == OWNERS), key=of)
        near, far = mine[min(rank, len(mine) - 1)], rival[i]
        unit = of(far) + of(near)
        assert found[i] == pytest.approx((of(far) - of(near)) / unit)
        for f, step in enumerate(1e-5 * np.diag(scaler.scale_)):
            rise = of(far, x + step) - of(far, x - step)
            rise -= of(near, x + step) - of(near, x - step)
            slope = rise / (2 * step.sum() * unit)
            assert gradient[i, f] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@every_kind
def test_scores_of_nearest_prototypes_agree_with_predict(kind):
    model, rows = random_nearest(kind), 2 * X[:, :3]
    gaps = exact_gaps(model, rows)
    best = gaps.owner[gaps.scores(rows).argmax(1)]
    np.testing.assert_array_equal(best, model.predict(rows))
    assert gaps.own_scores == 4


def test_classes_without_prototypes_are_no_rivals():
    """Of four classes two have prototypes; then one alone, which nothing beats."""
    w = np.array([[-1.0, 0.0], [1.0, 0.0]])
    rows = np.array([[-0.5, 3.0], [0.2, 0.0]])
    some = Nearest(NearestPrototypeView(w, np.array([1, 3]), 4))
    found = empirical_radius(some, rows, **QUICK)
    np.testing.assert_allclose(found.radius, [0.5, 0.2], rtol=1e-6)
    alone = Nearest(NearestPrototypeView(w, np.array([1, 1]), 3))
    found = empirical_radius(alone, rows, **QUICK)
    assert (found.radius == np.inf).all()
    np.testing.assert_array_equal(found.perturbed, rows)


class OtherView(Nearest):
    """Its view is of a kind that the attack does not know."""

    def certifiable_view(self):
        return object()

    def decision_function(self, X):
        return self.view.class_scores(self.view.tensor(X)).numpy()


def test_unknown_views_are_attacked_by_their_scores():
    known, rows = random_nearest("plain"), X[:4, :3]
    other = OtherView(known.view)
    assert exact_gaps(other, rows) is None
    found = empirical_radius(other, rows, random_state=0)
    expected = empirical_radius(known, rows, random_state=0).radius
    np.testing.assert_allclose(found.radius, expected, rtol=1e-2)
