"""Models whose radius is known: every gap is affine, so it ends at a hyperplane."""

from dataclasses import replace
from functools import singledispatch

import numpy as np
from mpmath import mp, mpf
from sklearn.preprocessing import StandardScaler

from sklearn_proto._views import NearestPrototypeView, SimilarityView
from tests.guard import draws
from tests.guard.cases import Case
from tests.guard.digits import DIGITS, dissimilarities, exactly, exponents, point, size


def draw_affine(seed):
    """Draw one prototype a class, or one similarity for each of two classes."""
    rng = np.random.default_rng([11, seed])
    d = int(rng.integers(1, 9))
    raw = draws.draw_data(rng, d)
    steps = (StandardScaler().fit(raw),) if rng.random() < 0.3 else ()
    pool = steps[0].transform(raw) if steps else raw
    chosen, w = draws.draw_prototypes(rng, pool, least=2)
    if rng.random() < 0.5:
        chosen, w = chosen[:2], w[:2]
        weights = np.diag(10.0 ** rng.uniform(-2, 2, 2))[:, None]
        width = np.full(2, draws.spread_of(pool) ** 2 * 10.0 ** rng.uniform(-2, 2))
        view = SimilarityView(w, width, weights, np.zeros((2, 1)), "sqeuclidean")
    else:
        omega = rng.normal(size=(int(rng.integers(1, d + 1)), d))
        omega = omega if rng.random() < 0.5 else None
        k = len(w)
        view = NearestPrototypeView(w, np.arange(k), k, omega=omega)
    case = Case(view, raw, draws.draw_norm(rng), steps=steps)
    case = replace(case, rows=draws.draw_rows(rng, case, raw, chosen)[:40])
    return replace(draws.with_ball(rng, case), bounds=None)


def true_radius(case, row, own):
    """Distance to the nearest hyperplane in 60 digits, 0 where a gap is closed."""
    with mp.workdps(DIGITS):
        nothing = exactly(np.zeros(case.rows.shape[1]))
        here = gaps(case.view, point(case, row, nothing), own)
        slopes = []
        for step in exactly(np.eye(len(nothing))):
            there = gaps(case.view, point(case, row, step), own)
            slopes.append([b - a for a, b in zip(here, there, strict=True)])
        dual = _dual(case.norm)
        found = [
            _distance(gap, size(slope, dual))
            for gap, slope in zip(here, np.transpose(slopes), strict=True)
        ]
        return min(found)


def _dual(p):
    if p in (1, np.inf):
        return np.inf if p == 1 else 1
    return mpf(p) / (mpf(p) - 1)


def _distance(gap, slope):
    if gap <= 0:
        return mpf(0)
    # What is left of differences of the same numbers is rounding.
    return gap / slope if slope > gap * mpf(10) ** (15 - DIGITS) else mp.inf


@singledispatch
def gaps(view, z, own):
    """Affine functions that are positive while `own` wins, one for each rival."""
    raise NotImplementedError(type(view))


@gaps.register
def _(view: SimilarityView, z, own):
    e = list(exponents(view, z))
    logs = [mp.log(mpf(float(view.coefficients[c, 0, c]))) + e[c] for c in (0, 1)]
    return [logs[own] - logs[1 - own]]


@gaps.register
def _(view: NearestPrototypeView, z, own):
    d = list(dissimilarities(view, z))
    return [v - d[own] for c, v in enumerate(d) if c != own]
