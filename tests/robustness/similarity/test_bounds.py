"""The parts of the fast certificates: growth, cumulants, screen, rounding, searches.

Each is compared with what it must bound, computed another way.
"""

import functools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto._functional import bisected, log_psi
from sklearn_proto.robustness import empirical_radius
from sklearn_proto.robustness._problem import certification_problem
from sklearn_proto.robustness._similarity import _auto
from sklearn_proto.robustness._similarity._auto import auto_radius
from sklearn_proto.robustness._similarity._fast_pass import fast_pass
from sklearn_proto.robustness._similarity._quadratic_bound import (
    Cumulant,
    expand,
    log_ratio,
)
from sklearn_proto.robustness._similarity._second_order import SecondOrder
from sklearn_proto.robustness._similarity._tilted import Tilted
from sklearn_proto.robustness._similarity._trace_bound import trace_bounds
from sklearn_proto.robustness._similarity._vertices import Vertices
from sklearn_proto.robustness._similarity._weighted import Weighted
from sklearn_proto.robustness._threat_model._perturbations import Perturbations
from tests.breadth import quick_are
from tests.data import three_classes
from tests.views import ViewClassifier, random_view

X, Y = three_classes()
MODELS = {
    "rbf": RBFClassifier(3, max_iter=40, random_state=0),
    "rbf-normalized": RBFClassifier(
        3, normalize_kernel=True, max_iter=10, random_state=0
    ),
    "rbf-many": RBFClassifier(12, max_iter=20, random_state=0),
    "cbc": CBCClassifier(3, max_iter=40, random_state=0),
    "concepts": CBCClassifier(2, n_concepts_per_class=2, max_iter=30, random_state=0),
}
# Those whose slopes differ by more than where their prototypes are have no screen.
OTHERS = {
    "rbf-widths": RBFClassifier(sigma=[1.0, 2.0, 3.0], max_iter=30, random_state=0),
    "rbf-many-widths": RBFClassifier(
        12, sigma=list(np.linspace(0.5, 4.0, 36)), max_iter=20, random_state=0
    ),
    "rbf-euclidean": RBFClassifier(3, metric="euclidean", max_iter=30, random_state=0),
    "rbf-many-euclidean": RBFClassifier(
        12, metric="euclidean", max_iter=20, random_state=0
    ),
}
EVERY = {**MODELS, **OTHERS}
NORMS = (1, 2, np.inf)


@functools.cache
def fitted(name):
    return EVERY[name].fit(X, Y)


@pytest.fixture(scope="module")
def batches():
    """The rows of each model, in one batch for each norm."""
    made = {}

    def batch(name, norm=2, **ball):
        key = name, norm, bool(ball)
        if key not in made:
            options = {"norm": norm, "bounds": None, "feature_scale": None, **ball}
            problem = certification_problem(fitted(name), X, **options)
            ((_, made[key]),) = problem.batches()
        return made[key]

    return batch


def exact_growth(t):
    """``(e^t - 1 - t) / t^2`` by its series in rational numbers."""
    t, term, total = Fraction(t), Fraction(1, 2), Fraction(0)
    for k in range(3, 400):
        total += term
        term *= t / k
    return total


@pytest.mark.parametrize("t", [1e-9, 1e-4, 0.0099, 0.011, 0.051, 0.1, 1.0, 7.0, 60.0])
@pytest.mark.parametrize(
    ("dtype", "rtol"), [(torch.float64, 4e-3), (torch.float32, 0.02)]
)
def test_growth_is_never_too_small(t, dtype, rtol):
    t = torch.tensor([t], dtype=dtype)
    found, exact = float(log_psi(t).exp()), float(exact_growth(float(t)))
    assert exact <= found <= exact * (1 + rtol)


def test_growth_does_not_overflow():
    t = torch.tensor([700.0, 1e5], dtype=torch.float64)
    # Where exp(-t) vanishes the logarithm is that of e^t / t^2.
    expected = t - 2 * t.log()
    torch.testing.assert_close(log_psi(t), expected, rtol=1e-10, atol=0)


def deviations(at):
    """The r_j (m, K + 1, d) from the slopes themselves; the last is the constant."""
    slopes = at.deviations.slopes
    b = slopes.scale[..., None] * (slopes.geometry.points - slopes.anchor[:, None])
    return torch.nn.functional.pad(b, (0, 0, 0, 1)) - at.mean[:, None]


def cumulant(at, eta):
    """``log sum_j p_j exp(r_j . eta)`` from the shares and the slopes themselves."""
    exponents = (deviations(at) * eta[:, None]).sum(2)
    return torch.logsumexp(at.negative_terms.log_p + exponents, 1)


def screened(bounds, size):
    """Which pairs (m,) the screens find harmless at one size for all rows."""
    sizes = [torch.full_like(some.rounding, size) for some in bounds]
    holds = [some.holds(eps) for some, eps in zip(bounds, sizes, strict=True)]
    return torch.cat(holds).flatten()


def unit_directions(gaps, generator):
    noise = torch.randn(gaps.no_change.shape, generator=generator, dtype=torch.float64)
    return noise / noise.norm(dim=1, keepdim=True)


def bounds_on(cumulant, d):
    """What it may be at most at perturbations d (m, d): the two bounds, (m,) each."""
    square = d.square().sum(1)
    bennett = torch.nn.functional.softplus(cumulant.log_f + square.log(), threshold=40)
    return bennett, cumulant.hoeffding * square / 2


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("size", [0.01, 0.5, 2.0])
@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_both_bounds_exceed_the_cumulants(name, size, share, batches):
    batch = batches(name)
    gaps = batch.gaps(batch.gap_index())
    generator = torch.Generator().manual_seed(0)
    eps = torch.full((len(gaps),), size, dtype=torch.float64)
    at = expand(gaps, eps, share * size * unit_directions(gaps, generator))
    full, trace_only = at.cumulant, at.trace_only.cumulant
    assert (full.log_f <= trace_only.log_f + 1e-9).all()
    along = at.mean / at.mean.norm(dim=1, keepdim=True)
    for length in (0.2, 0.8, 1.0):
        # Random points of the ball, and those where slopes and delta0 point.
        for direction in (unit_directions(gaps, generator), along, -along, -at.delta):
            unit = direction / direction.norm(dim=1, keepdim=True).clamp_min(1e-300)
            d = length * size * unit - at.delta
            found = cumulant(at, d)
            for bound in bounds_on(full, d):
                assert (found <= bound + 1e-9).all()


def test_cumulants_of_a_sharp_kernel_do_not_overflow(batches):
    """Far beyond exp(709) the logarithm of the sum still counts: it is linear."""
    batch = batches("rbf-normalized")
    gaps = batch.gaps(batch.gap_index())
    eps = torch.full((len(gaps),), 500.0, dtype=torch.float64)
    at = expand(gaps, eps, gaps.no_change)
    negative = gaps.signs.negative
    longest = (at.squares * negative).amax(1).sqrt()
    sharp = longest * eps > 5000
    assert sharp.double().mean() > 0.5
    # Along the longest of the r_j the cumulant grows as fast as it can.
    one = (at.squares * negative).argmax(1)
    r = deviations(at)[torch.arange(len(gaps)), one]
    d = 500.0 * r / r.norm(dim=1, keepdim=True)
    bennett, hoeffding = bounds_on(at.cumulant, d)
    assert bennett.isfinite().all()
    assert (cumulant(at, d) <= bennett).all()
    assert (bennett[sharp] < hoeffding[sharp] / 2).all()
    assert (bennett < hoeffding / 10)[sharp].double().mean() > 0.9


def test_growth_in_logarithms_is_that_in_numbers(batches):
    """One pair that would overflow changes nothing for the others."""
    batch = batches("rbf-normalized")
    gaps = batch.gaps(batch.gap_index())
    eps = torch.full((len(gaps),), 0.1, dtype=torch.float64)
    alone = expand(gaps, eps, gaps.no_change).cumulant
    assert (2 * alone.hoeffding.sqrt() * eps).max() < 300
    eps[-1] = 100.0
    beside = expand(gaps, eps, gaps.no_change).cumulant
    assert beside.log_f[-1] > 700
    torch.testing.assert_close(
        beside.log_f[:-1], alone.log_f[:-1], rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("name", quick_are(["rbf", "cbc", "rbf-euclidean"], EVERY))
def test_no_attack_is_nearer_than_a_radius(name, batches):
    attacked = empirical_radius(fitted(name), X[::3], random_state=0).radius
    radius = auto_radius(batches(name)).numpy()[::3]
    assert (radius <= attacked).all()
    assert np.mean(radius[attacked < np.inf]) > 0.5 * np.mean(
        attacked[attacked < np.inf]
    )


@pytest.mark.parametrize("name", EVERY)
def test_scatter_is_close_to_the_variance_of_the_slopes(name, batches):
    """For tiny perturbations it is half the Schatten or Frobenius norm of theirs."""
    batch = batches(name)
    gaps = batch.gaps(batch.gap_index())
    tiny = torch.full((len(gaps),), 1e-7, dtype=torch.float64)
    at = expand(gaps, tiny, gaps.no_change)
    r = deviations(at)
    p = at.negative_terms.log_p.exp()
    covariance = r.mT @ (p[..., None] * r)
    eigenvalues = torch.linalg.eigvalsh(covariance).clamp_min(0.0)
    few = len(batch.geometry.points) <= 32
    order = 8 if few else 2
    expected = torch.linalg.vector_norm(eigenvalues, order, dim=1) / 2
    found = at.cumulant.log_f.exp()
    # Growth is rounded up, and what rounding may have taken from differences is added.
    size = r.square().sum(2).amax(1) + at.mean.square().sum(1)
    assert (found >= expected * (1 - 1e-6) - 1e-12 * size).all()
    assert (found <= expected * 1.004 + 1e-6 * size).all()
    there = at.negative_terms.log_p > -torch.inf
    largest = torch.where(there, r.square().sum(2), 0.0).amax(1)
    torch.testing.assert_close(at.cumulant.hoeffding, largest, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("hoeffding", [np.inf, 3.0])
def test_excess_over_a_quadratic_is_the_largest_of_all(hoeffding):
    """Compared with a fine grid of sizes."""
    f = torch.tensor([1e-3, 0.4, 1.0, 30.0, 1e8], dtype=torch.float64)
    found = Cumulant(f.log(), torch.full_like(f, hoeffding))
    y = torch.linspace(0, 1, 100_001, dtype=torch.float64)[:, None]
    for reach in (0.1, 1.0, 5.0):
        square = y * reach**2
        for k in (0.0, 0.01, 1.0, 2.5, 100.0):
            bennett = (torch.log1p(f * square) - k * square / 2).amax(0)
            expected = bennett.fmin(((hoeffding - k) * square / 2).amax(0))
            excess = found.remainder_bound(
                torch.full_like(f, k), torch.full_like(f, reach)
            )
            torch.testing.assert_close(excess, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("single", [False, True])
def test_no_perturbation_is_below_the_bound(name, norm, single, batches):
    """In either precision, against log-ratios in float64."""
    batch = batches(name, norm)
    index = batch.gap_index()
    gaps, computed, unit = batch.gaps(index), batch, 1.0
    if single:
        computed, unit = batch.in_float32()
    generator = torch.Generator().manual_seed(3)
    below = 0
    for size in (0.02, 0.3, 1.5):
        eps = torch.full((len(gaps),), size, dtype=torch.float64)
        _, slope = log_ratio(gaps, gaps.no_change)
        worst = gaps.perturbations.steepest(slope)
        for share in (0.0, 0.8, 1.0):
            some = computed.gaps(index)
            delta = (share * size / unit * worst).to(some.anchor)
            at = expand(some, (eps / unit).to(some.anchor), delta)
            bound = (at.lower_bound() - at.rounding_error).double()
            assert (bound > -torch.inf).double().mean() > 0.5
            noise = unit_directions(gaps, generator)
            noise = noise / gaps.perturbations.size(noise)[:, None]
            _, there = log_ratio(gaps, unit * delta.double())
            for direction in (worst, gaps.perturbations.steepest(there), noise):
                for length in (0.5, 1.0):
                    value, _ = log_ratio(gaps, length * size * direction)
                    assert (bound <= value).all()
            below += int((bound > 0).sum())
    assert below > 0


@pytest.mark.parametrize("name", MODELS)
def test_rounding_is_at_most_what_is_taken_off(name, batches):
    batch = batches(name)
    index = batch.gap_index()
    gaps, (single, unit) = batch.gaps(index), batch.in_float32()
    rounded = single.gaps(index)
    assert rounded.exponents.dtype == torch.float32
    generator = torch.Generator().manual_seed(4)
    for size in (0.0, 0.1, 1.0):
        delta = size * unit_directions(gaps, generator)
        eps = torch.full((len(gaps),), size, dtype=torch.float64)
        exact = expand(gaps, eps, delta)
        found = expand(rounded, (eps / unit).float(), (delta / unit).float())
        error = (found.value.double() - exact.value).abs()
        assert (error <= found.rounding_error).all()
        # A bound that is far too large would pass, too.
        assert float((found.rounding_error / (1 + exact.value.abs())).median()) < 1e-3


@pytest.mark.parametrize("name", MODELS)
def test_float32_loses_next_to_nothing(name, batches, monkeypatch):
    batch = batches(name)
    found = auto_radius(batch)
    monkeypatch.setattr(_auto, "float32_is_kept", lambda: False)
    exact = auto_radius(batch)
    assert (found >= 0.98 * exact).all()
    assert (found <= 1.02 * exact).all()
    assert found.mean() > 0.995 * exact.mean()


@pytest.mark.slow
def test_float32_leaves_rows_that_it_cannot_tell_apart(batches):
    """Rows next to the boundary, whose log-ratios are as small as its rounding."""
    batch = batches("rbf")
    radius = auto_radius(batch)
    gaps = batch.gaps(batch.gap_index())
    _, slope = log_ratio(gaps, gaps.no_change)
    first = fast_pass(batch.take(batch.predicted.argsort())).radius
    assert len(first) == len(radius)
    model, rows = MODELS["rbf"], X.copy()
    steps = gaps.perturbations.steepest(slope).view(len(X), -1, X.shape[1]).numpy()
    near = []
    for row, step in zip(rows, steps, strict=True):
        for direction in step:
            label = model.predict(row[None])[0]
            lo, hi = 0.0, 3.0
            if model.predict((row + hi * direction)[None])[0] == label:
                continue
            for _ in range(40):
                mid = (lo + hi) / 2
                same = model.predict((row + mid * direction)[None])[0] == label
                lo, hi = (mid, hi) if same else (lo, mid)
            near.append(row + (lo - 1e-7) * direction)
    near = np.array(near[:60])
    assert len(near) > 20
    options = {"norm": 2, "bounds": None, "feature_scale": None}
    ((_, batch),) = certification_problem(model, near, **options).batches()
    single, _ = batch.take(batch.predicted.argsort()).in_float32()
    assert not fast_pass(single).float32_suffices.any()
    found = auto_radius(batch)
    assert (found <= 1e-7).all()
    assert (found > 1e-9).double().mean() > 0.9


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e6])
def test_radii_have_the_units_of_the_rows(unit):
    model = RBFClassifier(3, max_iter=20, random_state=0).fit(X, Y)
    radius = model.certified_radius(X)
    model.prototypes_ = unit * model.prototypes_
    model.sigma_ = unit**2 * model.sigma_
    np.testing.assert_allclose(
        model.certified_radius(unit * X), unit * radius, rtol=2e-3
    )


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("norm", NORMS)
def test_screen_is_no_better_than_the_expansion_at_the_row(name, norm, batches):
    """And it finds the same values and slopes, by products for every class."""
    batch = batches(name, norm)
    batch = batch.take(batch.order)
    index = batch.gap_index()
    gaps = batch.gaps(index)
    bounds = list(trace_bounds(batch))
    at = expand(gaps, torch.zeros_like(gaps.constant), gaps.no_change)
    value = torch.cat([some.value.flatten() for some in bounds])
    known = value.isfinite()
    assert known.double().mean() > 0.5
    torch.testing.assert_close(value[known], at.value[known], rtol=1e-9, atol=1e-9)
    slope = torch.cat([some.slope.flatten(0, 1) for some in bounds])
    torch.testing.assert_close(slope[known], at.slope[known], rtol=1e-7, atol=1e-9)
    held = 0
    for size in (0.01, 0.1, 0.5):
        eps = torch.full((len(batch),), size, dtype=torch.float64)
        holds = screened(bounds, size)
        # The trace of the scatter is never less than its norm.
        every = expand(gaps, eps[index.row], gaps.no_change)
        assert not (holds & ~(every.trace_only.lower_bound() > 0)).any()
        held += int(holds.sum())
    assert held > 0.3 * len(gaps)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("bounded", [False, True])
def test_screened_rivals_do_not_win(name, norm, bounded, batches):
    """Random perturbations and steps along the slope, of the size that was screened."""
    lo, hi = X.min(0) - 0.1, X.max(0) + 0.1
    ball = {"bounds": (lo, hi)} if bounded else {}
    batch = batches(name, norm, **ball)
    batch = batch.take(batch.order)
    index = batch.gap_index()
    gaps, bounds = batch.gaps(index), list(trace_bounds(batch))
    generator = torch.Generator().manual_seed(1)
    slope = torch.cat([some.slope.flatten(0, 1) for some in bounds])
    for size in (0.05, 0.3, 1.0):
        chosen = screened(bounds, size).nonzero().squeeze(1)
        some = gaps.take(chosen)
        directions = [some.perturbations.steepest(slope[chosen])]
        for _ in range(20):
            noise = torch.randn(some.no_change.shape, generator=generator).double()
            directions.append(noise / some.perturbations.size(noise)[:, None])
        every = some.take(torch.arange(len(some)).repeat(len(directions)))
        delta = every.perturbations.inside(size * torch.cat(directions))
        value, _ = log_ratio(every, delta)
        assert (value > 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_rows_that_are_alike_share_their_pairs(name, batches):
    batch = batches(name)
    batch = batch.take(batch.order)
    gaps = batch.gaps(batch.gap_index())
    k = len(batch.geometry.points)
    weights = gaps.weights.view(len(batch), -1, k)
    constants = gaps.constant.view(len(batch), -1)
    seen = []
    for rows, shared, constant in batch.rows_by_gaps():
        seen.append(rows)
        torch.testing.assert_close(
            weights[rows], shared.expand(len(rows), -1, -1), atol=1e-9, rtol=1e-9
        )
        # What rounding may take is that of the worst row of the class.
        assert (constant <= constants[rows] + 1e-15).all()
        torch.testing.assert_close(
            constants[rows], constant.expand(len(rows), -1), atol=1e-9, rtol=1e-9
        )
    torch.testing.assert_close(torch.cat(seen), torch.arange(len(batch)))


def random_gaps(seed, bound, norms):
    """Pairs of a random model that has this bound, and sizes near their radii."""
    rng = np.random.default_rng(seed)
    while True:
        view = random_view(rng)
        k, d = view.prototypes.shape
        rows = view.prototypes[rng.integers(0, k, 15)] + rng.normal(size=(15, d))
        ball = {"norm": float(rng.choice(norms)), "bounds": None, "feature_scale": None}
        if rng.random() < 0.5:
            ball["feature_scale"] = rng.uniform(0.2, 2, d)
        if rng.random() < 0.5:
            ball["bounds"] = rows.min(0) - 0.1, rows.max(0) + 0.1
        ((_, batch),) = certification_problem(
            ViewClassifier(view), rows, **ball
        ).batches()
        if bound.why_not_applicable(view, batch.perturbations) is None:
            break
    gaps = batch.gaps(batch.gap_index())
    size = bound.radius(gaps).clamp_max(2.0)
    scale = torch.tensor(rng.uniform(0.3, 1.5, len(gaps)))
    return gaps, torch.where(size > 0, size, 0.5) * scale


def changes_within(norm, m, d, rng):
    """Changes (m, d) of size 1 at most: few features or many, and most of size 1."""
    size = rng.uniform(0.7, 1, (m, 1)) ** rng.integers(0, 2)
    sign = rng.choice([-1.0, 1.0], size=(m, d))
    if norm == 1:
        return size * sign * rng.dirichlet(np.full(d, rng.choice([0.1, 1.0])), m)
    found = sign * rng.uniform(size=(m, d)) ** rng.choice([0.0, 0.2, 1.0])
    return size * found / np.linalg.norm(found, norm, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("bound", "norms"), [(Vertices(), [1]), (Weighted(), [2.5, 4, np.inf])]
)
@pytest.mark.parametrize("seed", quick_are(range(8), range(30)))
def test_no_change_within_the_ball_is_below_the_bound(bound, norms, seed):
    gaps, eps = random_gaps(seed, bound, norms)
    found = bound.smallest_gap(gaps)(eps)
    rng = np.random.default_rng(seed)
    least = torch.full_like(found, torch.inf)
    # Of twelve kinds of changes 25 each, side by side.
    every = gaps.take(torch.arange(len(gaps)).repeat(25))
    for _ in range(12):
        delta = changes_within(every.perturbations.norm, *every.anchor.shape, rng)
        delta = eps.repeat(25)[:, None] * torch.tensor(delta)
        value, _ = log_ratio(every, every.perturbations.inside(delta))
        value = value.nan_to_num(torch.inf, torch.inf, -torch.inf)
        least = torch.minimum(least, value.view(25, -1).amin(0))
    # Where nothing harms a bound may be undefined.
    known = ~found.isnan()
    assert known.double().mean() > 0.5
    assert (found <= least)[known].all()


@pytest.mark.parametrize("name", ["rbf", "rbf-euclidean"])
@pytest.mark.parametrize("norm", [2, 4, np.inf])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_least_value_of_the_bound_is_below_all_of_its_values(
    name, norm, weighted, batches
):
    batch, rng = batches(name, norm), np.random.default_rng(0)
    gaps = batch.gaps(batch.gap_index())
    m, d = gaps.anchor.shape
    eps = torch.full((m,), 0.7, dtype=torch.float64)
    at = expand(gaps, eps, eps[:, None] * torch.tensor(changes_within(norm, m, d, rng)))
    # Much curvature beside little of a cumulant: neither must hide the other.
    at = replace(at, curvature=torch.tensor(rng.uniform(0, 5, m)))
    weights = torch.tensor(rng.uniform(0.1, 2, (m, d))) if weighted else None
    unknown = torch.full_like(eps, torch.inf)
    for log_f in (-9.0, 0.0):
        cumulant = Cumulant(torch.full_like(eps, log_f), unknown)
        least = at.minimum_bound(cumulant, weights)
        ray = torch.linalg.vector_norm(at.delta, norm, dim=1, keepdim=True)
        far = at.delta * (eps[:, None] / ray)
        changes = [far, -far]
        changes += [
            eps[:, None] * torch.tensor(changes_within(norm, m, d, rng))
            for _ in range(100)
        ]
        for change in changes:
            step = change - at.delta
            square = step.square().sum(1)
            counted = square if weights is None else (weights * step.square()).sum(1)
            value = at.value + (at.slope * step).sum(1) - at.curvature * square / 2
            value -= torch.log1p(np.exp(log_f) * counted)
            assert (least <= value + 1e-9).all()


@pytest.mark.parametrize("norm", [1, 1.5, 2, 2.5, 4, np.inf])
def test_weighted_extents_are_the_largest(norm):
    rng = np.random.default_rng(0)
    weights = torch.tensor(rng.uniform(0, 3, (50, 4)))
    eps = torch.tensor(rng.uniform(0.1, 2, 50))
    free = Perturbations(norm, 4)
    slack = torch.tensor(rng.uniform(0, 1, (2, 50, 4)))
    boxed = free.within(*slack)
    for ball in (free, boxed):
        most = ball.weighted_lp_to_l2(weights, eps)
        every = ball.take(torch.arange(50).repeat(25))
        for _ in range(20):
            delta = torch.tensor(changes_within(norm, 25 * 50, 4, rng))
            delta = every.inside(eps.repeat(25)[:, None] * delta).view(25, 50, 4)
            length = (weights * delta.square()).sum(2).sqrt()
            assert (length <= most * (1 + 1e-9)).all()
    if norm > 2:
        # Attained where the gradients of both sides are parallel.
        best = weights.pow(0.0 if norm == np.inf else 1 / (norm - 2))
        best *= (eps / torch.linalg.vector_norm(best, norm, dim=1))[:, None]
        length = (weights * best.square()).sum(1).sqrt()
        torch.testing.assert_close(free.weighted_lp_to_l2(weights, eps), length)
    if norm == np.inf:
        largest = torch.minimum(torch.maximum(*slack), eps[:, None])
        length = (weights * largest.square()).sum(1).sqrt()
        torch.testing.assert_close(boxed.weighted_lp_to_l2(weights, eps), length)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norm", "method", "gain"), [(1, "vertices", 0.25), (np.inf, "weighted", 0.02)]
)
def test_other_norms_reach_most_of_the_radius(norm, method, gain):
    """More than one curvature for all perturbations does, by at least this share."""
    rows, y = load_breast_cancer(return_X_y=True)
    rows = StandardScaler().fit_transform(rows)
    model = CBCClassifier(3, random_state=0).fit(rows, y)
    some = rows[:60]
    attacked = empirical_radius(model, some, norm=norm, random_state=0).radius
    right = attacked > 0
    share = {}
    for each in ("trust_region", method, "auto"):
        found = model.certified_radius(some, norm=norm, method=each)
        assert (found <= attacked).all()
        share[each] = np.mean(found[right] / attacked[right])
    assert share[method] > share["trust_region"] + gain
    assert share[method] > 0.93
    assert share["auto"] > 0.93


@pytest.mark.parametrize("seed", quick_are(range(5), range(20)))
def test_vertices_are_never_worse_than_single_terms(seed):
    gaps, _ = random_gaps(seed, Vertices(), [1])
    together, alone = Vertices().radius(gaps), Tilted().radius(gaps)
    assert (together >= alone * (1 - 2e-4)).all()


@pytest.mark.parametrize(
    ("bound", "norm"),
    [(SecondOrder(), 2), (Tilted(), 2), (Vertices(), 1), (Weighted(), np.inf)],
)
def test_a_look_before_the_search_loses_at_most_what_it_may(bound, norm, batches):
    batch = batches("rbf", norm)
    gaps = batch.gaps(batch.gap_index())
    own = bound.radius(gaps)
    for share in (0.0, 0.5, 0.98, 0.999, 1.0, 1.3):
        proven, most = share * own, 10 * own
        found = bound.improved(gaps, proven, most, 0.01)
        assert (found >= proven).all()
        assert (found <= torch.maximum(proven, own) * (1 + 2e-3)).all()
        assert (found >= 0.99 * own).all()
    capped = bound.improved(gaps, 0.1 * own, 0.5 * own, 0.01)
    assert (capped <= 0.5 * own).all()


class Always(SecondOrder):
    """A bound that holds at any size, and searches as far as 2."""

    def smallest_gap(self, gaps):
        return torch.ones_like

    def farthest(self, gaps):
        return torch.full_like(gaps.level, 2.0)


def test_what_is_proven_farther_than_a_bound_searches_is_kept(batches):
    batch = batches("rbf")
    gaps = batch.gaps(batch.gap_index().take(torch.arange(4)))
    proven = torch.tensor([1.0, 1.99, 5.0, 0.0], dtype=torch.float64)
    most = torch.tensor([1.5, 9.0, 9.0, torch.inf], dtype=torch.float64)
    found = Always().improved(gaps, proven, most, 0.01)
    expected = torch.tensor([1.5, 1.99 * 1.01, 5.05, 2.0], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_order_of_the_rows_does_not_matter(batches):
    batch = batches("concepts")
    mixed = torch.randperm(len(batch), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        auto_radius(batch.take(mixed)), auto_radius(batch)[mixed], rtol=0.011, atol=0
    )


def test_bisection_ends_at_the_last_argument_that_holds():
    root = torch.tensor([1.0, 5.0, 9.0, 0.3], dtype=torch.float64)
    lower = torch.tensor([0.5, 0.0, 8.999, 0.0], dtype=torch.float64)
    upper = torch.tensor([2.0, 40.0, 9.001, 0.29], dtype=torch.float64)
    found = bisected(lambda x: x < root, lower, upper, rtol=1e-5)
    # The last one holds up to the end of its bracket, which is not tried.
    torch.testing.assert_close(found, torch.minimum(root, upper), rtol=1e-4, atol=0)
    assert (found < root).all()
    alone = [
        bisected(lambda x, i=i: x < root[i], lower[[i]], upper[[i]], rtol=1e-5)
        for i in range(len(root))
    ]
    assert torch.equal(found, torch.cat(alone))
    once = bisected(lambda x: x < root, lower, upper, max_iter=0)
    torch.testing.assert_close(once, lower)
