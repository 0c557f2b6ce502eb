"""Pieces of a ball, the quadratics below log-ratios on them, and their minima."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto.robustness import exact_radius
from sklearn_proto.robustness._problem import certification_problem
from sklearn_proto.robustness._similarity._branch_and_bound._multipliers import (
    dual_bound,
)
from sklearn_proto.robustness._similarity._branch_and_bound._quadratic import (
    Quadratic,
    quadratic_below,
)
from sklearn_proto.robustness._similarity._branch_and_bound._region import Region
from sklearn_proto.robustness._similarity._branch_and_bound._slope_subspace import (
    slope_subspace,
)
from tests import attacks
from tests.data import three_classes

X, Y = three_classes()


def pieces(count, axes, seed=0):
    """Boxes that meet the ball of radius 2, and points of each inside the ball."""
    rng = np.random.default_rng(seed)
    inside = rng.normal(size=(count, axes))
    inside *= 1.5 / np.linalg.norm(inside, axis=1, keepdims=True)
    lo, hi = (inside + sign * rng.uniform(0, 2, inside.shape) for sign in (-1, 1))
    region = Region(*map(torch.tensor, (lo, hi, np.full(count, 2.0))))
    points = lo[:, None] + rng.random((count, 4000, axes)) * (hi - lo)[:, None]
    points[:, 0] = inside
    far = np.linalg.norm(points, axis=2) > 2
    points[far] = np.broadcast_to(inside[:, None], points.shape)[far]
    return region, torch.tensor(points)


def test_a_piece_bounds_linear_functions():
    region, points = pieces(30, 3)
    rows = torch.tensor(np.random.default_rng(1).normal(size=(30, 5, 3)))
    x = points[:, 1]
    bound = region.largest(rows, x)
    seen = torch.einsum("mkd,mnd->mkn", rows, points - x[:, None]).amax(2)
    assert (seen <= bound + 1e-12).all()
    # It is better than the ball and the box by themselves, and near the maximum.
    alone = 2 * rows.norm(dim=2) - (rows @ x[:, :, None]).squeeze(2)
    assert (bound <= alone + 1e-12).all()
    assert (seen / bound).mean() > 0.85


def test_the_nearest_point_is_in_the_piece():
    region, points = pieces(30, 3)
    far = 5 * points[:, 0]
    near = region.nearest_to(far)
    assert (near >= region.lo).all()
    assert (near <= region.hi).all()
    assert (near.norm(dim=1) <= 2).all()
    torch.testing.assert_close(region.nearest_to(points[:, 0]), points[:, 0])


def random_quadratics(count, axes, seed=0):
    rng = np.random.default_rng(seed)
    root = torch.tensor(rng.normal(size=(count, axes, 2)))
    lift = torch.tensor(rng.normal(size=(count, axes, 1))) / 3
    return (
        torch.tensor(rng.normal(size=(count, axes))),
        torch.ones(count, dtype=torch.float64),
        lift @ lift.mT,
        root @ root.mT,
    )


def value_of(q, d):
    curved = torch.einsum("mnd,mde,mne->mn", d, q.lift, d)
    spread = torch.einsum("mnd,mde,mne->mn", d, q.scatter, d)
    linear = torch.einsum("mnd,md->mn", d, q.slope)
    return q.value[:, None] + linear + curved - torch.log1p(spread)


def test_multipliers_bound_a_quadratic_on_a_piece():
    region, points = pieces(40, 3)
    slope, value, lift, scatter = random_quadratics(40, 3)
    x = region.nearest_to(region.centre)
    q = Quadratic(x, slope, value, lift, scatter)
    seen = value_of(q, points - x[:, None]).amin(1)
    bound = dual_bound(q, region).bound
    assert bound.isfinite().all()
    assert (bound <= seen).all()


def test_multipliers_of_a_ball_find_the_minimum():
    """The S-lemma: a quadratic on a ball has no duality gap."""
    rng = np.random.default_rng(0)
    curvature = rng.normal(size=(3, 3))
    curvature = curvature @ curvature.T
    slope = rng.normal(size=3)

    def concave(t):
        return t @ slope - t @ curvature @ t

    def on_the_sphere(t):
        return concave(2 * t / np.linalg.norm(t))

    lowest = min(minimize(on_the_sphere, rng.normal(size=3)).fun for _ in range(20))
    ends = torch.full((1, 3), 2.0, dtype=torch.float64)
    zero = torch.zeros((1, 3, 3), dtype=torch.float64)
    # Without its logarithm the scatter is a lift of the other sign.
    q = Quadratic(
        torch.zeros_like(ends),
        torch.tensor(slope)[None],
        torch.zeros(1, dtype=torch.float64),
        -torch.tensor(curvature)[None],
        zero,
    )
    found = dual_bound(q, Region(-ends, ends, ends[:, 0])).bound.item()
    assert found <= lowest + 1e-9
    assert found == pytest.approx(lowest, rel=1e-3)


QUICK = {"max_iter": 40, "random_state": 0}
MODELS = {
    "rbf": RBFClassifier(2, **QUICK),
    "cbc": CBCClassifier(2, **QUICK),
    # Fewer prototypes than features: perturbations outside the span matter too.
    "few": RBFClassifier(**QUICK),
    "few-sigmas": RBFClassifier(sigma=[1.0, 2.0, 3.0], **QUICK),
    "many": RBFClassifier(4, **QUICK),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scaled", [False, True])
def test_the_quadratic_is_below_the_log_ratio(name, scaled):
    """Everywhere on the piece, also for perturbations outside the span."""
    raw = X * [1.0, 10.0, 0.1, 3.0] if scaled else X
    steps = (StandardScaler(),) if scaled else ()
    model = make_pipeline(*steps, MODELS[name]).fit(raw, Y)
    on_prototypes = model[-1].prototypes_[:2]
    if scaled:
        on_prototypes = model[0].inverse_transform(on_prototypes)
    tested = np.vstack([raw[::15], on_prototypes])
    rows = certification_problem(model, tested, norm=2, bounds=None, feature_scale=None)
    ((_, batch),) = rows.batches()
    gaps = batch.gaps(batch.gap_index())
    eps = 0.4 * gaps.far
    subspace = slope_subspace(gaps, batch.n_own, eps)
    rng = np.random.default_rng(0)
    m, axes = len(gaps), subspace.n_axes
    ends = eps[:, None].expand(m, axes)
    lo = ends * torch.tensor(rng.choice([-1.0, -0.3, 0.0], (m, axes)))
    region = Region(lo, ends, eps)
    x = region.nearest_to(region.centre)
    wide = region.with_free_axis() if scaled else region
    at = torch.nn.functional.pad(x, (0, 1)) if scaled else x
    q = quadratic_below(subspace, wide, at)
    bound = dual_bound(q, wide).bound
    again = torch.arange(m).repeat(300)
    gaps, eps = gaps.take(again), eps[again]
    delta = torch.tensor(rng.normal(size=(len(gaps), gaps.perturbations.n_features)))
    size = eps * torch.tensor(rng.random(len(gaps)) ** 0.2)
    delta = delta * (size / delta.norm(dim=1))[:, None]
    y = (subspace.axes[again] @ delta[:, :, None]).squeeze(2)
    inside = ((y >= lo[again]) & (y <= ends[again])).all(1)
    phi = gaps.view.exponents(gaps.z + gaps.perturbations.apply(delta)).exp()
    net = gaps.positive_weights - gaps.negative_weights
    gap = (net * phi).sum(1) + gaps.constant
    up = (gaps.positive_weights * phi).sum(1) + gaps.constant.clamp_min(0)
    ratio = (up / (up - gap)).log()
    assert (bound[again] <= ratio + 1e-9)[inside].all()
    assert inside.sum() > 100


def test_a_small_box_says_nothing_of_what_lies_across_the_span():
    """There all similarities fall, so a negative constant gains on all of them."""
    model = RBFClassifier(random_state=0).fit(X, Y)
    rows = certification_problem(
        model, X[::10], norm=2, bounds=None, feature_scale=None
    )
    ((_, batch),) = rows.batches()
    gaps = batch.gaps(batch.gap_index())
    gaps = gaps.take((gaps.constant < 0).nonzero().squeeze(1))
    eps = 0.5 * gaps.far
    subspace = slope_subspace(gaps, batch.n_own, eps)
    assert subspace.n_axes < X.shape[1]
    ends = torch.full((len(gaps), subspace.n_axes), 1e-6, dtype=torch.float64)
    region = Region(-ends, ends, eps)
    bound = dual_bound(quadratic_below(subspace, region, 0 * ends), region).bound
    across = torch.linalg.svd(subspace.axes)[2][:, -1] * eps[:, None]
    phi = gaps.view.exponents(gaps.z + across).exp()
    up = (gaps.positive_weights * phi).sum(1)
    down = (gaps.negative_weights * phi).sum(1) - gaps.constant
    assert (bound <= (up / down).log() + 1e-9).all()


@pytest.mark.slow
@pytest.mark.parametrize("cls", [CBCClassifier, RBFClassifier])
def test_exact_reaches_the_attack_on_real_rows(cls):
    """The rows at which the trust region falls short most."""
    data, y = load_breast_cancer(return_X_y=True)
    train, rows, y, _ = train_test_split(data, y, random_state=0, stratify=y)
    scaler = StandardScaler().fit(train)
    model = cls(3, random_state=0).fit(scaler.transform(train), y)
    rows = scaler.transform(rows)[:100]
    auto = model.certified_radius(rows)
    found = exact_radius(model, rows)
    assert (found.status == "exact").all()
    assert (found.lower >= 0.99 * found.upper * (1 - 1e-12)).all()
    short = auto < 0.95 * found.upper
    attacks.assert_no_flip(
        model, rows[short], found.lower[short], 2, np.random.default_rng(0)
    )


@pytest.mark.slow
def test_a_short_budget_still_raises_the_lower_end():
    data, y = load_breast_cancer(return_X_y=True)
    z = StandardScaler().fit_transform(data)
    model = RBFClassifier(8, max_iter=50, random_state=0).fit(z, y)
    few, none = (exact_radius(model, z[:40], max_nodes=n) for n in (40, 1))
    assert (few.lower >= none.lower * (1 - 1e-12)).all()
    assert few.lower.sum() > none.lower.sum()
    assert (few.status == "budget").sum() <= (none.status == "budget").sum()
