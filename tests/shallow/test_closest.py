"""The prototype that wins is the closest as float64 has it, however near the next."""

import functools

import numpy as np
import pytest
import torch

from sklearn_proto._functional import LocalMaps
from sklearn_proto._views import NearestPrototypeView
from tests.views import NEAREST_KINDS, random_nearest_view


def dissimilarities(view, rows):
    """D or its square (n, K), from its definition and in long double."""
    step = rows[:, None].astype(np.longdouble) - view.prototypes
    if view.metric == "manhattan":
        return np.abs(step).sum(axis=2)
    if view.tangents is not None:
        along = np.einsum("nkd,kdm->nkm", step, view.tangents)
        return np.square(step).sum(axis=2) - np.square(along).sum(axis=2)
    if view.omega is not None:
        shape = (len(view.prototypes), *view.omega.shape[-2:])
        step = np.einsum("nkd,krd->nkr", step, np.broadcast_to(view.omega, shape))
    return np.square(step).sum(axis=2)


def near_boundaries(view, rng, n_pairs):
    """Both ends of short steps across a boundary: pairs (2 n_pairs, d) of near ties."""
    ends = 2 * rng.normal(size=(2, n_pairs, view.prototypes.shape[1]))
    one, other = ends
    own = dissimilarities(view, one).argmin(axis=1)
    for _ in range(30):
        middle = (one + other) / 2
        same = (dissimilarities(view, middle).argmin(axis=1) == own)[:, None]
        one, other = np.where(same, middle, one), np.where(same, other, middle)
    return np.concatenate([one, other])


def winners(view, rows):
    return view.winners(view.tensor(rows)).numpy()


def local_view(rng, k=10, r=20, d=100):
    """Prototypes with maps of their own."""
    return view_of_maps(rng, rng.normal(size=(k, r, d)))


def view_of_maps(rng, omega):
    """Prototypes with given maps (k, r, d), two of each class."""
    k, _, d = omega.shape
    return NearestPrototypeView(
        rng.normal(size=(k, d)), np.repeat(np.arange(k // 2), 2), k // 2, omega=omega
    )


def falling(omega, power):
    """Maps whose rows become shorter, or longer for a negative power."""
    r = omega.shape[1]
    return omega * np.arange(1.0, r + 1)[:, None] ** -power


# Maps that are measured at once, and those whose first rows bound a length.
SIZES = {"few rows": (20, 100), "many rows": (40, 100), "more than columns": (40, 10)}
sizes = pytest.mark.parametrize(("r", "d"), SIZES.values(), ids=SIZES)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", NEAREST_KINDS)
def test_near_ties(kind, seed):
    rng = np.random.default_rng(seed)
    view = random_nearest_view(rng, kind)
    rows = near_boundaries(view, rng, 40)
    expected = view.owners[dissimilarities(view, rows).argmin(axis=1)]
    np.testing.assert_array_equal(winners(view, rows), expected)


@sizes
def test_float32_alone_does_not_settle_near_ties(r, d):
    rng = np.random.default_rng(0)
    view = local_view(rng, r=r, d=d)
    rows = near_boundaries(view, rng, 200)
    closest = dissimilarities(view, rows).argmin(axis=1)
    maps = LocalMaps.of(view.tensor(view.prototypes), view.tensor(view.omega)).float()
    alone = maps.lengths(view.tensor(rows).float()).argmin(1).numpy()
    assert (alone != closest).mean() > 0.2
    np.testing.assert_array_equal(winners(view, rows), view.owners[closest])


@pytest.mark.parametrize("kind", NEAREST_KINDS)
def test_equal_prototypes_go_to_the_first_class(kind):
    rng = np.random.default_rng(0)
    view = random_nearest_view(rng, kind, per_class=2)
    each = {
        name: np.concatenate(3 * [getattr(view, name)[:2]])
        for name in ("prototypes", "omega", "tangents")
        if np.ndim(getattr(view, name)) >= 2
    }
    if kind in ("shared", "rank one"):
        each["omega"] = view.omega
    twins = NearestPrototypeView(
        owners=view.owners, n_classes=3, metric=view.metric, **each
    )
    rows = rng.normal(size=(50, view.prototypes.shape[1]))
    assert winners(twins, rows).tolist() == [0] * 50


@functools.cache
def near_ties(r, d):
    """Prototypes with maps of their own, and rows near their boundaries."""
    rng = np.random.default_rng(0)
    view = local_view(rng, r=r, d=d)
    return view, near_boundaries(view, rng, 100)


@sizes
@pytest.mark.parametrize("power", [-500, -150, -76, -72, -68, 58, 60, 62, 64, 150, 500])
def test_local_maps_where_float32_overflows_or_underflows(power, r, d):
    """Powers of two are exact in float64: the winners are those at scale one."""
    view, rows = near_ties(r, d)
    scaled = NearestPrototypeView(
        np.ldexp(view.prototypes, power), view.owners, view.n_classes, omega=view.omega
    )
    found = winners(scaled, np.ldexp(rows, power))
    np.testing.assert_array_equal(found, winners(view, rows))


def test_local_maps_when_float32_products_are_less_precise():
    """Users may let torch round factors to 8 bits, which no bound here covers."""
    rng = np.random.default_rng(0)
    view, before = local_view(rng), torch.get_float32_matmul_precision()
    rows = near_boundaries(view, rng, 200)
    expected = winners(view, rows)
    torch.set_float32_matmul_precision("medium")
    try:
        found = winners(view, rows)
    finally:
        torch.set_float32_matmul_precision(before)
    np.testing.assert_array_equal(found, expected)


@sizes
def test_local_maps_where_one_of_two_lengths_overflows_in_float32(r, d):
    rng = np.random.default_rng(0)
    view = local_view(rng, k=2, r=r, d=d)
    view = NearestPrototypeView(view.prototypes, np.arange(2), 2, omega=view.omega)
    for row in near_boundaries(view, rng, 100):
        squares = dissimilarities(view, row[None])
        # The square of a length above this is infinite.
        scale = float(np.sqrt(np.finfo(np.float32).max / squares.min()))
        scaled = NearestPrototypeView(
            scale * view.prototypes, view.owners, 2, omega=view.omega
        )
        assert winners(scaled, scale * row[None])[0] == squares.argmin()


@pytest.mark.parametrize("power", [2, 1, 0, -2])
@pytest.mark.parametrize(("k", "r", "d"), [(10, 32, 64), (10, 90, 30), (60, 33, 33)])
def test_local_maps_whatever_their_first_rows_say(k, r, d, power):
    """Bounds of the first rows decide all, or nothing where these are shortest."""
    rng = np.random.default_rng(0)
    view = view_of_maps(rng, falling(rng.normal(size=(k, r, d)), power))
    rows = np.concatenate([near_boundaries(view, rng, 40), rng.normal(size=(600, d))])
    expected = view.owners[dissimilarities(view, rows).argmin(axis=1)]
    np.testing.assert_array_equal(winners(view, rows), expected)


def test_local_maps_whose_first_rows_are_zero():
    rng = np.random.default_rng(0)
    omega = rng.normal(size=(10, 40, 12))
    omega[:, :30] = 0.0
    view = view_of_maps(rng, omega)
    rows = rng.normal(size=(300, 12))
    expected = view.owners[dissimilarities(view, rows).argmin(axis=1)]
    np.testing.assert_array_equal(winners(view, rows), expected)


@sizes
def test_the_first_of_zero_maps_wins(r, d):
    rng = np.random.default_rng(0)
    omega = rng.normal(size=(10, r, d))
    omega[[4, 6]] = 0.0
    rows = rng.normal(size=(50, d))
    assert winners(view_of_maps(rng, omega), rows).tolist() == [2] * 50
    assert winners(view_of_maps(rng, 0.0 * omega), rows).tolist() == [0] * 50


@sizes
def test_the_first_of_equal_local_maps_wins(r, d):
    """However many rows each of the equals is measured for."""
    rng = np.random.default_rng(0)
    omega = np.tile(falling(rng.normal(size=(6, r, d)), 1), (2, 1, 1))
    twins = NearestPrototypeView(
        np.tile(rng.normal(size=(6, d)), (2, 1)), np.arange(12), 12, omega=omega
    )
    rows = rng.normal(size=(200, d))
    expected = dissimilarities(twins, rows)[:, :6].argmin(axis=1)
    np.testing.assert_array_equal(winners(twins, rows), expected)


def test_few_prototypes_are_measured_where_the_first_rows_hold_most(monkeypatch):
    rng = np.random.default_rng(0)
    view = view_of_maps(rng, falling(rng.normal(size=(30, 48, 48)), 2))
    rows, measured = rng.normal(size=(500, 48)), []
    lengths_from = LocalMaps.lengths_from

    def counted(self, which, x):
        measured.append(len(x))
        return lengths_from(self, which, x)

    monkeypatch.setattr(LocalMaps, "lengths_from", counted)
    winners(view, rows)
    assert 500 <= sum(measured) < 700


def test_rows_of_a_batch_of_predict():
    """Local maps leave only a row and its bounds to be kept."""
    rng = np.random.default_rng(0)
    view = local_view(rng, k=50, r=64, d=64)
    assert 8 * (50 + 64) * view.winners_at_once(64) <= 4 * 2**20
    many = rng.normal(size=(10_000, 64))
    (first, _), *_ = view.batches(many)
    assert view.winners_at_once(64) > first.stop
    shared = NearestPrototypeView(
        view.prototypes, view.owners, view.n_classes, omega=view.omega[0]
    )
    (first, _), *_ = shared.batches(many)
    assert shared.winners_at_once(64) == first.stop
