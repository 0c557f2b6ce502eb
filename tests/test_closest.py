"""The prototype that wins is the closest as float64 has it, however near the next."""

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
    omega = rng.normal(size=(k, r, d))
    return NearestPrototypeView(
        rng.normal(size=(k, d)), np.repeat(np.arange(k // 2), 2), k // 2, omega=omega
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", NEAREST_KINDS)
def test_near_ties(kind, seed):
    rng = np.random.default_rng(seed)
    view = random_nearest_view(rng, kind)
    rows = near_boundaries(view, rng, 40)
    expected = view.owners[dissimilarities(view, rows).argmin(axis=1)]
    np.testing.assert_array_equal(winners(view, rows), expected)


def test_float32_alone_does_not_settle_near_ties():
    rng = np.random.default_rng(0)
    view = local_view(rng)
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


@pytest.mark.parametrize("power", [-500, -150, -76, -72, -68, 60, 150, 500])
def test_local_maps_where_float32_overflows_or_underflows(power):
    """Powers of two are exact in float64: the winners are those at scale one."""
    rng = np.random.default_rng(0)
    view = local_view(rng)
    rows = near_boundaries(view, rng, 100)
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


def test_local_maps_where_one_of_two_lengths_overflows_in_float32():
    rng = np.random.default_rng(0)
    view = local_view(rng, k=2)
    view = NearestPrototypeView(view.prototypes, np.arange(2), 2, omega=view.omega)
    for row in near_boundaries(view, rng, 100):
        squares = dissimilarities(view, row[None])
        # The square of a length above this is infinite.
        scale = float(np.sqrt(np.finfo(np.float32).max / squares.min()))
        scaled = NearestPrototypeView(
            scale * view.prototypes, view.owners, 2, omega=view.omega
        )
        assert winners(scaled, scale * row[None])[0] == squares.argmin()
