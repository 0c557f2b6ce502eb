"""The parts of the fast certificates: growth, curvature, screen, looks before a search.

Each is compared with what it must bound, computed another way.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto._functional import last_positive, log_growth
from sklearn_proto.robustness._auto import auto_radius
from sklearn_proto.robustness._expansion import expand
from sklearn_proto.robustness._rows import rows_of
from sklearn_proto.robustness._screen import screen
from sklearn_proto.robustness._second_order import SecondOrder
from sklearn_proto.robustness._tilted import Tilted
from tests.data import three_classes

X, Y = three_classes()
MODELS = {
    "rbf": RBFClassifier(3, max_iter=40, random_state=0),
    "rbf-normalized": RBFClassifier(
        3, normalize_kernel=True, max_iter=40, random_state=0
    ),
    "rbf-many": RBFClassifier(12, max_iter=20, random_state=0),
    "cbc": CBCClassifier(3, max_iter=40, random_state=0),
    "concepts": CBCClassifier(2, n_concepts_per_class=2, max_iter=30, random_state=0),
}
NORMS = (1, 2, np.inf)


@pytest.fixture(scope="module")
def batches():
    """The rows of each model, in one batch for each norm."""
    made = {}

    def batch(name, norm=2, **ball):
        key = name, norm, bool(ball)
        if key not in made:
            model = MODELS[name].fit(X, Y)
            options = {"norm": norm, "bounds": None, "feature_scale": None, **ball}
            ((_, made[key]),) = rows_of(model, X, **options).batches()
        return made[key]

    return batch


def exact_growth(t):
    """``(e^t - 1 - t) / t^2`` by its series in rational numbers."""
    t, term, total = Fraction(t), Fraction(1, 2), Fraction(0)
    for k in range(3, 400):
        total += term
        term *= t / k
    return total


@pytest.mark.parametrize("t", [1e-9, 1e-4, 0.0099, 0.011, 0.1, 1.0, 7.0, 60.0])
def test_growth_is_never_too_small(t):
    found = float(log_growth(torch.tensor([t], dtype=torch.float64)).exp())
    exact = float(exact_growth(t))
    assert exact <= found <= exact * 1.004


def test_growth_does_not_overflow():
    t = torch.tensor([700.0, 1e5], dtype=torch.float64)
    # Where exp(-t) vanishes the logarithm is that of e^t / t^2.
    expected = t - 2 * t.log()
    torch.testing.assert_close(log_growth(t), expected, rtol=1e-10, atol=0)


def deviations(at):
    """The r_j (m, K + 1, d) from the slopes themselves; the last is the constant."""
    slopes = at.deviations.slopes
    b = slopes.scale[..., None] * (slopes.geometry.points - slopes.anchor[:, None])
    return torch.nn.functional.pad(b, (0, 0, 0, 1)) - at.mean[:, None]


def cumulant(at, eta):
    """``log sum_j p_j exp(r_j . eta)`` from the shares and the slopes themselves."""
    exponents = (deviations(at) * eta[:, None]).sum(2)
    return torch.logsumexp(at.fall.log_p + exponents, 1)


def screened(screens, size):
    """Which pairs (m,) the screens find harmless at one size for all rows."""
    sizes = [torch.full_like(some.rounding, size) for some in screens]
    holds = [some.holds(eps) for some, eps in zip(screens, sizes, strict=True)]
    return torch.cat(holds).flatten()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [0.01, 0.5, 2.0])
def test_curvature_bounds_the_cumulants(name, size, batches):
    batch = batches(name)
    pairs = batch.pairs(batch.duels())
    generator = torch.Generator().manual_seed(0)
    m, d = len(pairs), X.shape[1]

    def directions():
        found = torch.randn(m, d, generator=generator, dtype=torch.float64)
        return found / found.norm(dim=1, keepdim=True)

    reach = torch.full((m,), size, dtype=torch.float64)
    at = expand(pairs, reach, 0.3 * size * directions())
    norm, trace = at.curvature(reach), at.rough.curvature(reach)
    assert (norm <= trace * (1 + 1e-9)).all()
    for share in (0.05, 0.3, 0.7, 1.0):
        # Random directions, and those of the slopes, in which it grows the most.
        for eta in (directions(), at.mean / at.mean.norm(dim=1, keepdim=True)):
            length = share * size
            found = cumulant(at, length * eta)
            assert (found <= norm * length**2 / 2 + 1e-9).all()


def test_curvature_of_a_sharp_kernel_does_not_overflow(batches):
    """Far beyond exp(709) the logarithm of the sum still counts: it is linear."""
    batch = batches("rbf-normalized")
    pairs = batch.pairs(batch.duels())
    reach = torch.full((len(pairs),), 20.0, dtype=torch.float64)
    at = expand(pairs, reach, pairs.no_change)
    longest = at.squares.amax(1).sqrt()
    sharp = longest * reach > 5000
    assert sharp.double().mean() > 0.5
    found = at.curvature(reach)[sharp]
    hoeffding = at.squares.amax(1)[sharp]
    assert (found < hoeffding / 2).all()
    assert (found < hoeffding / 10).double().mean() > 0.9
    # No bound can be less than what the cumulant is along the longest of the r_j.
    one = at.squares.argmax(1)
    r = deviations(at)[torch.arange(len(pairs)), one]
    eta = 20.0 * r / r.norm(dim=1, keepdim=True)
    assert (cumulant(at, eta)[sharp] <= found * 200.0).all()


@pytest.mark.parametrize("name", MODELS)
def test_curvature_is_close_to_the_variance_of_the_slopes(name, batches):
    """For tiny perturbations it is the Schatten or Frobenius norm of the covariance."""
    batch = batches(name)
    pairs = batch.pairs(batch.duels())
    tiny = torch.full((len(pairs),), 1e-7, dtype=torch.float64)
    at = expand(pairs, tiny, pairs.no_change)
    r = deviations(at)
    p = at.fall.log_p.exp()
    covariance = r.mT @ (p[..., None] * r)
    eigenvalues = torch.linalg.eigvalsh(covariance).clamp_min(0.0)
    few = len(batch.geometry.points) <= 32
    order = 8 if few else 2
    expected = torch.linalg.vector_norm(eigenvalues, order, dim=1)
    active = p > 0
    largest = torch.where(active, r.square().sum(2), 0.0).amax(1)
    found, expected = at.curvature(tiny), torch.minimum(expected, largest)
    # The least growth that is told apart is a third of a percent above 1/2, and what
    # rounding may have taken from differences is added.
    size = largest + at.mean.square().sum(1)
    assert (found >= expected * (1 - 1e-6) - 1e-12 * size).all()
    assert (found <= expected * 1.004 + 1e-6 * size).all()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("norm", NORMS)
def test_screen_is_no_better_than_the_expansion_at_the_row(name, norm, batches):
    """And it finds the same values and slopes, by products for every class."""
    batch = batches(name, norm)
    batch = batch.take(batch.predicted.argsort(stable=True))
    duels = batch.duels()
    pairs = batch.pairs(duels)
    screens = list(screen(batch))
    at = expand(pairs, torch.zeros_like(pairs.constant), pairs.no_change)
    value = torch.cat([some.value.flatten() for some in screens])
    known = value.isfinite()
    assert known.double().mean() > 0.5
    torch.testing.assert_close(value[known], at.value[known], rtol=1e-9, atol=1e-9)
    slope = torch.cat([some.slope.flatten(0, 1) for some in screens])
    torch.testing.assert_close(slope[known], at.slope[known], rtol=1e-7, atol=1e-9)
    held = 0
    for size in (0.01, 0.1, 0.5):
        eps = torch.full((len(batch),), size, dtype=torch.float64)
        holds = screened(screens, size)
        # With the logarithm of the scatter instead of its quadratic, and without it.
        every = expand(pairs, eps[duels.row], pairs.no_change)
        fall = every.pairs.perturbations.support(-every.slope, eps[duels.row])
        bare = every.value - fall > 0
        assert not (holds & ~bare).any()
        held += int(holds.sum())
    assert held > 0.3 * len(pairs)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("bounded", [False, True])
def test_screened_rivals_do_not_win(name, norm, bounded, batches):
    """Random perturbations and steps along the slope, of the size that was screened."""
    lo, hi = X.min(0) - 0.1, X.max(0) + 0.1
    ball = {"bounds": (lo, hi)} if bounded else {}
    batch = batches(name, norm, **ball)
    batch = batch.take(batch.predicted.argsort(stable=True))
    duels = batch.duels()
    pairs, screens = batch.pairs(duels), list(screen(batch))
    generator = torch.Generator().manual_seed(1)
    slope = torch.cat([some.slope.flatten(0, 1) for some in screens])
    for size in (0.05, 0.3, 1.0):
        chosen = screened(screens, size).nonzero().squeeze(1)
        some = pairs.take(chosen)
        directions = [some.perturbations.steepest(slope[chosen])]
        for _ in range(20):
            noise = torch.randn(some.no_change.shape, generator=generator).double()
            directions.append(noise / some.perturbations.size(noise)[:, None])
        for direction in directions:
            delta = some.perturbations.inside(size * direction)
            moved = replace(some, z=some.z + delta)
            gap = (some.weights * moved.similarities()).sum(1) + some.constant
            assert (gap > 0).all()


@pytest.mark.parametrize("name", MODELS)
def test_rows_of_a_class_share_their_pairs(name, batches):
    batch = batches(name)
    batch = batch.take(batch.predicted.argsort(stable=True))
    pairs = batch.pairs(batch.duels())
    k = len(batch.geometry.points)
    weights = pairs.weights.view(len(batch), -1, k)
    constants = pairs.constant.view(len(batch), -1)
    seen = []
    for rows, shared, constant in batch.by_class():
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


@pytest.mark.parametrize("bound", [SecondOrder(), Tilted()])
def test_a_look_before_the_search_loses_at_most_what_it_may(bound, batches):
    batch = batches("rbf")
    pairs = batch.pairs(batch.duels())
    own = bound.radius(pairs)
    for share in (0.0, 0.5, 0.98, 0.999, 1.0, 1.3):
        proven, most = share * own, 10 * own
        found = bound.improved(pairs, proven, most, 0.01)
        assert (found >= proven).all()
        assert (found <= torch.maximum(proven, own) * (1 + 2e-3)).all()
        assert (found >= 0.99 * own).all()
    capped = bound.improved(pairs, 0.1 * own, 0.5 * own, 0.01)
    assert (capped <= 0.5 * own).all()


def test_order_of_the_rows_does_not_matter(batches):
    batch = batches("concepts")
    mixed = torch.randperm(len(batch), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        auto_radius(batch.take(mixed)), auto_radius(batch)[mixed], rtol=0.011, atol=0
    )


def test_last_positive_starts_where_it_is_told():
    root = torch.tensor([1.0, 5.0, 9.0], dtype=torch.float64)
    asked = []

    def h(x):
        asked.append(x)
        return root - x

    lower = torch.tensor([0.5, 4.0, 9.5], dtype=torch.float64)
    found = last_positive(h, torch.full_like(root, 20.0), lower=lower)
    torch.testing.assert_close(found[:2], root[:2], rtol=1e-5, atol=0)
    # Not positive at its start.
    assert found[2] == 0
    assert all((x[:2] >= lower[:2]).all() for x in asked)
