"""Cases drawn at random: every family, and what is hard for arithmetic."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_proto._views import NearestPrototypeView, SimilarityView
from tests.guard.cases import Case
from tests.guard.networks import draw_network

NORMS = (1, 1.25, 1.5, 2, 2.001, 2.5, 3, 10, np.inf)
_POOL = 40


def draw(seed):
    """Draw the case of a seed."""
    rng = np.random.default_rng([2026, seed])
    if rng.random() < 0.05:
        return with_ball(rng, draw_network(rng))
    d = int(rng.integers(1, 13))
    raw, steps = draw_data(rng, d), ()
    if rng.random() < 0.25 and d > 1:
        steps = _steps(rng, raw)
    pool = raw
    for step in steps:
        pool = step.transform(pool)
    chosen, w = draw_prototypes(rng, pool)
    family = _similarity if rng.random() < 0.6 else _nearest
    view = family(rng, w, spread_of(pool))
    case = Case(view, raw, steps=steps, norm=draw_norm(rng))
    case = Case(view, draw_rows(rng, case, raw, chosen), steps=steps, norm=case.norm)
    return with_ball(rng, case)


def draw_norm(rng):
    """Exponents near 1 and 2 have powers that are far from all others."""
    near = rng.choice([1.0, 2.0]) + 10.0 ** rng.uniform(-4, -1)
    norm = float(rng.choice([*NORMS, 2.001, near]))
    return int(norm) if norm in (1, 2, 3, 10) else norm


def draw_data(rng, d):
    """Rows: Gaussian or of whole numbers, of any scale, off the origin or not."""
    raw = rng.normal(size=(_POOL, d))
    if rng.random() < 0.2:
        raw = np.round(2 * raw)
    if rng.random() < 0.3:
        raw = raw * 10.0 ** rng.uniform(-3, 3, d)
    if rng.random() < 0.3:
        raw = raw + 10.0 ** rng.uniform(0, 7) * rng.normal(size=d)
    scale = 10.0 ** rng.uniform(-12, 12) if rng.random() < 0.4 else 1.0
    return raw * scale


def spread_of(pool):
    """Root of the mean squared distance from the mean, not 0."""
    found = np.sqrt(np.square(pool - pool.mean(0)).sum(1).mean())
    return found if found > 0 else 1.0


def _steps(rng, raw):
    """Fitted affine transformers."""
    d = raw.shape[1]
    half = d // 2
    kind = rng.integers(4)
    first = StandardScaler() if rng.random() < 0.6 else MinMaxScaler()
    if kind == 0:
        steps = [first]
    elif kind == 1:
        keep = int(rng.integers(1, d + 1))
        whiten = bool(rng.random() < 0.5)
        steps = [first, PCA(keep, whiten=whiten, svd_solver="full")]
    elif kind == 2:
        steps = [PCA(int(rng.integers(1, d + 1)), svd_solver="full")]
    else:
        parts = [("a", first, list(range(half))), ("b", "passthrough", [d - 1])]
        steps = [ColumnTransformer(parts)]
    out, data = [], raw
    for step in steps:
        data = step.fit(data).transform(data)
        out.append(step)
    return tuple(out)


def draw_prototypes(rng, pool, least=1):
    """Points of the pool, and indices of those that are rows exactly or -1."""
    k = int(rng.integers(least, 9))
    chosen = rng.choice(len(pool), k, replace=False)
    w = pool[chosen].copy()
    spread = spread_of(pool)
    kind = rng.random()
    if kind < 0.25:
        w = w + spread * rng.choice([1e-2, 1.0]) * rng.normal(size=w.shape)
        chosen = np.full(k, -1)
    elif kind < 0.4 and k > 1:
        # Equal or nearly.
        near = rng.choice([0.0, 1e-7, 1e-4]) * spread
        w[1] = w[0] + near * rng.normal(size=w.shape[1])
        chosen[1] = -1
    elif kind < 0.5:
        w[-1] = pool.mean(0) + 1e4 * spread * rng.normal(size=w.shape[1])
        chosen[-1] = -1
    return chosen, w


def _basis(rng, k, d):
    m = int(rng.integers(1, max(2, min(d, 4))))
    return np.linalg.qr(rng.normal(size=(k, d, m))).Q


def _similarity(rng, w, spread):
    k, d = w.shape
    metric = str(rng.choice(["sqeuclidean", "sqeuclidean", "euclidean", "tangent"]))
    coefficients, offsets = _reasoning(rng, k)
    omega = None
    if metric != "tangent" and rng.random() < 0.3:
        omega = draw_omega(rng, d)
        spread = spread * np.sqrt(np.square(omega).sum() / d)
    return SimilarityView(
        w,
        _widths(rng, k, spread, metric),
        coefficients,
        offsets,
        metric,
        _basis(rng, k, d) if metric == "tangent" else None,
        normalized=bool(rng.random() < 0.3),
        omega=omega,
    )


def draw_omega(rng, d):
    """Map (r, d) not 0: of any rank, along the features or not, nearly singular."""
    r = int(rng.integers(1, d + 1))
    kind = str(rng.choice(["any", "diagonal", "deficient", "nearly", "scaled"]))
    omega = rng.normal(size=(r, d))
    if kind == "diagonal":
        # A learned metric keeps its rows in falling order.
        sizes = np.sort(10.0 ** rng.uniform(-3, 0, d))[::-1]
        sizes[1:][rng.random(d - 1) < 0.3] = 0.0
        return sizes[:, None] * np.eye(d)[rng.permutation(d)]
    if kind == "deficient":
        return rng.normal(size=(d, 1)) * rng.normal(size=(1, d))
    if kind == "nearly":
        u, s, v = np.linalg.svd(rng.normal(size=(d, d)))
        return u * (s * 10.0 ** -rng.uniform(0, 12, d)) @ v
    return omega * 10.0 ** rng.uniform(-6, 6) if kind == "scaled" else omega


def _widths(rng, k, spread, metric):
    unit = spread**2 if metric == "sqeuclidean" else spread
    wide = 6 if rng.random() < 0.3 else 1
    if rng.random() < 0.3:
        return unit * np.full(k, 10.0 ** rng.uniform(-2, 0))
    same = np.full(k, 10.0 ** rng.uniform(-wide, wide))
    return unit * (same if rng.random() < 0.6 else 10.0 ** rng.uniform(-wide, wide, k))


def _reasoning(rng, k):
    """Coefficients (C, q, K) and offsets (C, q) of a linear layer or of CBC."""
    c, q = int(rng.integers(2, 5)), int(rng.choice([1, 1, 2, 3]))
    kind = str(rng.choice(["rbf", "positive", "cbc", "owners", "pair", "one"]))
    offsets = np.zeros((c, q))
    if kind == "cbc":
        sides = rng.dirichlet(np.full(2 * k, 0.3), (c, q))
        sides[rng.random(sides.shape) < 0.3] = 0.0
        plus, minus = np.split(sides, 2, axis=2)
        return plus - minus, minus.sum(2)
    if kind == "owners":
        own = np.zeros((c, 1, k))
        own[rng.integers(0, c, k), 0, np.arange(k)] = 1.0
        return own, np.zeros((c, 1))
    if kind == "pair":
        own = np.zeros((2, 1, k))
        own[0, 0, 0], own[1, 0, -1] = 10.0 ** rng.uniform(-2, 2, 2)
        return own, np.zeros((2, 1))
    if kind == "one":
        # One against all others: on it the slope of its side is 0.
        own = np.ones((2, 1, k))
        own[0, 0, 1:], own[1, 0, 0] = 0.0, 0.0
        return own, np.zeros((2, 1))
    weights = rng.normal(size=(c, q, k)) * 10.0 ** rng.choice([0, 0, -6, 6])
    weights[rng.random(weights.shape) < 0.3] = 0.0
    if kind == "positive":
        weights = np.abs(weights)
    if rng.random() < 0.5:
        offsets = rng.normal(size=(c, q)) * rng.choice([1e-6, 0.1, 1.0])
    return weights, offsets


def _nearest(rng, w, spread):
    k, d = w.shape
    c = int(rng.integers(2, 5))
    owners = np.sort(np.r_[np.arange(min(c, k)), rng.integers(0, c, max(0, k - c))])
    kind = str(rng.choice(["plain", "global", "local", "tangent", "manhattan"]))
    r = int(rng.integers(1, d + 1))
    more = {
        "global": lambda: {"omega": rng.normal(size=(r, d))},
        "local": lambda: {"omega": rng.normal(size=(k, r, d))},
        "tangent": lambda: {"tangents": _basis(rng, k, d)},
    }
    metric = str(rng.choice(["euclidean", "sqeuclidean"]))
    metric = "manhattan" if kind == "manhattan" else metric
    return NearestPrototypeView(w, owners, c, metric, **more.get(kind, dict)())


def draw_rows(rng, case, raw, chosen):
    """Rows on prototypes, nearly, between them, on the boundary, anywhere, far away."""
    n = int(rng.choice([1, 12, 25, 26, 60, 100]))
    if rng.random() < 0.03:
        n = 1000
    spread = raw.std(0) + 1e-3 * raw.std(0).max() + np.finfo(float).tiny
    on = raw[chosen[chosen >= 0]]
    on = on if len(on) else raw[:3]
    pick = lambda: on[rng.integers(0, len(on), n)]  # noqa: E731
    noise = spread * rng.normal(size=(n, raw.shape[1]))
    near = pick() + 10.0 ** rng.uniform(-14, -2, (n, 1)) * noise
    between = (pick() + pick()) / 2 + rng.choice([0.0, 1e-9, 1e-3], (n, 1)) * noise
    around = raw[rng.integers(0, len(raw), n)] + rng.choice([0.0, 0.1, 1.0]) * noise
    far = raw.mean(0) + 10.0 ** rng.uniform(0, 3, (n, 1)) * noise
    kinds = np.stack(
        [pick(), near, between, around, around, far, _edge(rng, case, around)]
    )
    return kinds[rng.integers(0, len(kinds), n), np.arange(n)]


def _edge(rng, case, rows):
    """Bisect between rows of different classes, up to some distance of the boundary."""
    label, other = case.predict(rows), rng.permutation(len(rows))
    apart = (label != label[other])[:, None]
    a, b = rows.copy(), np.where(apart, rows[other], rows)
    for _ in range(int(rng.integers(2, 50))):
        middle = (a + b) / 2
        same = (case.predict(middle) == label)[:, None]
        a, b = np.where(same, middle, a), np.where(same, b, middle)
    return a


def with_ball(rng, case):
    """Give a box and budgets to some."""
    d = case.rows.shape[1]
    bounds = scale = None
    if rng.random() < 0.3:
        spread = np.ptp(case.rows, axis=0) + np.finfo(float).tiny
        away = rng.choice([0.0, 0.01, 1.0, np.inf], (2, 1))
        away = np.where(np.isinf(away), np.inf, away * spread)
        bounds = case.rows.min(0) - away[0], case.rows.max(0) + away[1]
    if rng.random() < 0.3:
        wide = rng.choice([1, 1, 4])
        scale = 10.0 ** rng.uniform(-wide, wide, d)
        scale[rng.random(d) < 0.3] = 0.0
        if not scale.any():
            scale[0] = 1.0
    return Case(case.view, case.rows, case.norm, bounds, scale, case.steps)
