"""Certificates of part-prototype networks that are 1-Lipschitz by construction."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_proto import ProtoPNetClassifier
from sklearn_proto._modules import ImageLayout, OrthogonalConv, lipschitz_backbone
from sklearn_proto._modules._lipschitz import (
    MaxMin,
    PotentialConv,
    lipschitz_bound,
    squared_norm_bound,
)
from sklearn_proto._modules._part_network import Standardise
from sklearn_proto.robustness import (
    SmoothedClassifier,
    certified_radius,
    empirical_radius,
)
from sklearn_proto.robustness._enclosure import Effort
from sklearn_proto.robustness._parts._interval import smallest_gap
from sklearn_proto.robustness._parts._methods import PART_CERTIFICATES
from sklearn_proto.robustness._problem import certification_problem

DIGITS, Y = load_digits(n_class=3, return_X_y=True)
# Of half the height and width, so that all is quick.
X = DIGITS.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(-1, 16)[:180]
DIGITS, Y = DIGITS[:180], Y[:180]
ROWS = X[::15]
QUICK = {
    "n_prototypes_per_class": 2,
    "image_shape": (4, 4),
    "n_channels": 12,
    "warmup_epochs": 2,
    "max_epochs": 3,
    "learning_rate": 3e-3,
    "device": "cpu",
    "random_state": 0,
    "lipschitz": True,
}
KINDS = {
    "exp": {"similarity": "exp"},
    "log": {"similarity": "log", "aggregation": "score"},
    "patches": {"similarity": "exp", "patch_size": 2},
}


@pytest.fixture(scope="module")
def models():
    return {n: ProtoPNetClassifier(**QUICK, **k).fit(X, Y) for n, k in KINDS.items()}


@pytest.fixture(params=KINDS)
def model(request, models):
    return models[request.param]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def in_float64(module, seed, size=2.0):
    """Give a module parameters of any size."""
    generator = torch.Generator().manual_seed(seed)
    module.double().requires_grad_(requires_grad=False)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.copy_(size * noise)
    return module


def jacobian_norm(function, x):
    """Spectral norm of the full Jacobian at one row."""
    j = torch.autograd.functional.jacobian(function, x, vectorize=True)
    return float(torch.linalg.matrix_norm(j.reshape(-1, x.numel()), 2))


# The layers.

LAYERS = {
    "wide": (lambda: OrthogonalConv(3, 20, (2, 2)), 3),
    "narrow": (lambda: OrthogonalConv(6, 4, (2, 3)), 6),
    "pointwise": (lambda: OrthogonalConv(6, 6), 6),
    "sorting": (MaxMin, 6),
    "potential": (lambda: PotentialConv(6), 6),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_layers_do_not_expand(name, size):
    make, channels = LAYERS[name]
    layer = in_float64(make(), seed=0, size=size)
    x = torch.randn(5, channels, 5, 7, generator=torch.Generator().manual_seed(1))
    for one in x.double():
        # Odd sides: pixels are dropped, and the potential meets its zeros.
        assert jacobian_norm(layer, one[None]) <= 1 + 1e-12
    assert lipschitz_bound(layer) == 1.0


def test_orthogonal_kernels_are_orthonormal_in_the_precision_they_are_made_in():
    for taken, given in [(3, 20), (20, 3), (5, 5)]:
        w = in_float64(OrthogonalConv(taken, given), 0).weight().flatten(1)
        gram = w @ w.T if given <= taken else w.T @ w
        one = torch.eye(len(gram), dtype=torch.float64)
        torch.testing.assert_close(gram, one, rtol=0, atol=1e-14)


def test_orthogonal_kernels_depend_smoothly_on_their_parameter():
    # A sign that LAPACK is free to choose may not turn a kernel around.
    layer = in_float64(OrthogonalConv(3, 3), 0)
    layer.raw[:, 0] = torch.tensor([1e-9, 1.0, 1.0], dtype=torch.float64)
    before = layer.weight().clone()
    layer.raw[0, 0] = -1e-9
    torch.testing.assert_close(layer.weight(), before, rtol=0, atol=1e-8)


def dense_norm(kernels, side):
    """Spectral norm of the zero-padded convolution as a matrix."""
    images = torch.eye(kernels.shape[1] * side**2, dtype=torch.float64)
    images = images.view(-1, kernels.shape[1], side, side)
    columns = torch.nn.functional.conv2d(images, kernels, padding=1).flatten(1)
    return float(torch.linalg.matrix_norm(columns, 2))


@pytest.mark.parametrize("seed", range(4))
def test_norm_bound_of_a_convolution_holds_and_is_close(seed):
    generator = torch.Generator().manual_seed(seed)
    kernels = torch.randn(3, 4, 3, 3, generator=generator, dtype=torch.float64)
    bound = float(squared_norm_bound(kernels)) ** 0.5
    assert dense_norm(kernels, 12) <= bound <= 1.35 * dense_norm(kernels, 12)


def test_norm_bound_holds_between_the_frequencies_it_looks_at():
    # One channel: the norm is the largest modulus of the symbol, at a fine grid.
    for seed in range(200):
        kernel = np.random.default_rng(seed).normal(size=(3, 3))
        fine = np.abs(np.fft.fft2(kernel, s=(96, 96))).max()
        tensor = torch.tensor(kernel)[None, None]
        assert fine <= float(squared_norm_bound(tensor)) ** 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [0.0, 1e-15, 1e12])
def test_norm_bound_and_its_gradient_stay_finite(dtype, size):
    kernels = (size * torch.ones(2, 2, 3, 3, dtype=dtype)).requires_grad_()
    bound = squared_norm_bound(kernels)
    bound.backward()
    assert bound > 0 or size == 0
    assert torch.isfinite(kernels.grad).all()


def test_a_potential_without_kernels_does_nothing():
    layer = in_float64(PotentialConv(2), 0, size=0.0)
    x = torch.ones(1, 2, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x), x)


# The networks.


@pytest.mark.parametrize(
    "layout",
    [ImageLayout(8, 8), ImageLayout(9, 17, 3), ImageLayout(1, 30), ImageLayout(2, 2)],
)
def test_backbone_halves_to_at_most_seven_and_does_not_expand(layout):
    backbone = in_float64(lipschitz_backbone(layout), 0)
    x = torch.randn(
        1, layout.channels, layout.height, layout.width, dtype=torch.float64
    )
    assert max(backbone(x).shape[2:]) <= 7
    assert lipschitz_bound(backbone) == 1.0
    assert jacobian_norm(lambda v: backbone(v)[0], x) <= 1 + 1e-12


def test_scale_of_the_channels_enters_the_constant():
    mean, scale = torch.zeros(3), torch.tensor([5.0, 0.25, 2.0])
    layer = Standardise(mean, scale).double()
    x = torch.randn(1, 3, 2, 2, dtype=torch.float64)
    assert jacobian_norm(layer, x) == pytest.approx(layer.lipschitz)
    assert layer.lipschitz == 4.0


def test_unknown_layers_have_no_constant():
    convolution = torch.nn.Conv2d(1, 1, 1)
    assert lipschitz_bound(convolution) is None
    assert lipschitz_bound(torch.nn.Sequential(MaxMin(), convolution)) is None


def latent(view):
    branch = view.network.branches[0]
    return lambda x: branch.add_on(view.network.features(x)[1])


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [0, 3])
def test_latent_maps_move_no_more_than_images(epochs):
    model = ProtoPNetClassifier(**QUICK | {"max_epochs": epochs, "warmup_epochs": 0})
    view = model.fit(X, Y).certifiable_view()
    rng = np.random.default_rng(0)
    for size in (1e-3, 1.0, 30.0):
        a = view.tensor(ROWS)
        b = a + size * view.tensor(rng.normal(size=ROWS.shape))
        moved = (latent(view)(a) - latent(view)(b)).flatten(1).norm(dim=1)
        assert (moved <= view.lipschitz * (a - b).norm(dim=1) * (1 + 1e-12)).all()
    steepest = [jacobian_norm(latent(view), view.tensor(x[None])) for x in ROWS[:5]]
    # The bound is not far off either.
    assert 0.3 * view.lipschitz <= max(steepest) <= view.lipschitz * (1 + 1e-12)


@pytest.mark.slow
def test_distances_to_prototypes_move_no_more(model):
    view = model.certifiable_view()
    delta = np.random.default_rng(0).normal(size=ROWS.shape)

    def distances(rows):
        return view.outputs(view.tensor(rows)).branches[0].closest.sqrt()

    moved = (distances(ROWS) - distances(ROWS + delta)).abs().amax(1).numpy()
    assert (moved <= view.lipschitz * np.linalg.norm(delta, axis=1)).all()


def test_constant_and_predictions_survive_a_round_trip(model):
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(
        again.decision_function(X), model.decision_function(X)
    )
    view = again.certifiable_view()
    assert view.lipschitz == model.certifiable_view().lipschitz
    for module in view.network.modules():
        if isinstance(module, OrthogonalConv):
            largest = torch.linalg.matrix_norm(module.weight().flatten(1), 2)
            assert float(largest) == pytest.approx(1.0, abs=1e-14)


@pytest.mark.slow
def test_it_learns_nonetheless():
    model = ProtoPNetClassifier(**QUICK | {"image_shape": (8, 8)}).fit(DIGITS, Y)
    assert model.score(DIGITS, Y) > 0.95


def test_weights_are_derived_once_and_follow_their_parameter():
    layer = in_float64(PotentialConv(4), 0).eval().requires_grad_(requires_grad=False)
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64)
    calls = []

    def derive(kernels):
        calls.append(kernels)
        return squared_norm_bound(kernels)

    expected = squared_norm_bound(layer.kernels)
    for _ in range(3):
        torch.testing.assert_close(layer._derived(layer.kernels, derive), expected)
    assert len(calls) == 1
    before = layer(x)
    with torch.no_grad():
        layer.kernels.mul_(3)
    fresh = PotentialConv(4).double()
    fresh.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), fresh(x), rtol=0, atol=0)
    assert not torch.equal(layer(x), before)


def test_weights_that_learn_are_derived_anew():
    layer = in_float64(PotentialConv(4), 0).eval().requires_grad_()
    layer(torch.ones(1, 4, 5, 5, dtype=torch.float64)).sum().backward()
    first = layer.kernels.grad.clone()
    layer.zero_grad()
    layer(torch.ones(1, 4, 5, 5, dtype=torch.float64)).sum().backward()
    torch.testing.assert_close(layer.kernels.grad, first, rtol=0, atol=0)


# The certificates.


def attacked(view, rows, radius, norm, starts=2, steps=12):
    """Whether projected gradient ascent within the radii changes a prediction."""
    x, size = view.tensor(rows), view.tensor(radius)[:, None]
    own = view.class_scores(x).argmax(1)
    flipped = torch.zeros(len(x), dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    for _ in range(starts):
        delta = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        delta = onto_ball(delta * size, size, norm)
        for _ in range(steps):
            delta.requires_grad_()
            scores = view.class_scores(x + delta)
            rivals = scores.scatter(1, own[:, None], -torch.inf).amax(1)
            gap = scores.gather(1, own[:, None]).squeeze(1) - rivals
            (slope,) = torch.autograd.grad(gap.sum(), delta)
            step = -slope.sign() if norm == np.inf else -unit(slope)
            delta = onto_ball(delta.detach() + size * step / 4, size, norm)
        flipped |= view.class_scores(x + delta).argmax(1) != own
    return flipped.numpy()


def unit(rows):
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-300)


def onto_ball(delta, size, norm):
    if norm == np.inf:
        return torch.minimum(torch.maximum(delta, -size), size)
    length = delta.norm(dim=1, keepdim=True)
    return delta * (size / length.clamp_min(1e-300)).clamp_max(1.0)


@pytest.mark.slow
@pytest.mark.parametrize("norm", [2, np.inf])
def test_no_attack_succeeds_within_the_radius(model, norm):
    radius = certified_radius(model, ROWS, norm=norm)
    assert (radius > 0).mean() > 0.8
    view = model.certifiable_view()
    assert not attacked(view, ROWS, radius, norm).any()
    # The attack is one: beyond the radius it does find something.
    assert attacked(view, ROWS, 30 * radius, norm).mean() > 0.3


def batch_of(model, rows):
    found = certification_problem(model, rows, norm=2, bounds=None, feature_scale=None)
    ((_, batch),) = found.batches()
    return batch


@pytest.mark.slow
@pytest.mark.parametrize("rival_offset", [0, 1])
def test_interval_is_the_worst_case_of_every_similarity_alone(models, rival_offset):
    model = models["exp"]
    view = model.certifiable_view()
    closest = view.outputs(view.tensor(ROWS)).branches[0].closest.numpy()
    u, w = np.sqrt(closest), model.coef_
    own = view.class_scores(view.tensor(ROWS)).argmax(1).numpy()
    for i, c in enumerate(own):
        sizes = np.linspace(0, 3, 30001)
        smallest = np.inf
        for rival in set(range(len(w))) - {int(c)}:
            lead = w[c] - w[rival]
            move = np.where(lead > 0, sizes[:, None], -sizes[:, None])
            worst = np.exp(-(np.maximum(u[i] + move, 0) ** 2)) @ lead
            lost = np.flatnonzero(worst <= 0)
            smallest = min(smallest, sizes[lost[0]] if len(lost) else np.inf)
        radius = certified_radius(model, ROWS[[i]], method="interval")[0]
        step = sizes[1] / view.lipschitz
        assert radius == pytest.approx(smallest / view.lipschitz, abs=1.01 * step)


def random_moves(rng, shape, length):
    """Moves of patches whose squares add up to that of the length, some in few."""
    share = rng.exponential(size=shape) ** rng.choice([0.3, 1, 4], size=(shape[0], 1))
    share /= share.sum(axis=1, keepdims=True)
    return length[:, None] * np.sqrt(share)


@pytest.mark.parametrize("n_patches", [1, 3, 9])
def test_patchwise_moves_cannot_close_the_gap(models, n_patches):
    # Patches that can be moved at will are more than any image can do.
    batch, rng = batch_of(models["exp"], ROWS), np.random.default_rng(0)
    n, k = len(ROWS), batch.squared.shape[1]
    squared = rng.uniform(0.0, 4.0, size=(n, k, n_patches))
    batch = replace(batch, squared=torch.tensor(squared), predicted=None)
    own = batch.similarities @ batch.geometry.coefficients.T
    batch = replace(batch, predicted=own.argmax(1))
    bound = batch_moves("patchwise", batch).numpy()
    assert (bound > 0).all()
    w, predicted = models["exp"].coef_, batch.predicted.numpy()
    lead = w[predicted]
    for _ in range(300):
        moves = random_moves(rng, (n, n_patches), bound)[:, None]
        distance = np.sqrt(squared)
        far = np.exp(-((distance + moves).min(axis=2) ** 2))
        near = np.exp(-(np.maximum(distance - moves, 0).min(axis=2) ** 2))
        for rival in range(len(w)):
            a = lead - w[rival]
            worst = (np.where(a > 0, far, near) * a).sum(axis=1)
            assert (worst > 0)[predicted != rival].all()


def batch_moves(method, batch):
    with torch.no_grad():
        return batch.worst(PART_CERTIFICATES[method].moves(batch))


def test_patches_that_move_together_prove_more(model):
    interval, auto = (
        certified_radius(model, ROWS, method=m) for m in ("interval", "auto")
    )
    assert (auto >= interval).all()
    if model.patch_size == 1:
        assert np.median(auto[interval > 0] / interval[interval > 0]) > 1.2


def test_lone_patch_of_a_lone_prototype_has_no_one_to_share_with(models):
    # One position: the interval is the truth, and the grid loses a little.
    batch = batch_of(models["exp"], ROWS)
    batch = replace(batch, squared=batch.squared.min(2, keepdim=True).values)
    patchwise, interval = (
        batch_moves("patchwise", batch),
        batch_moves("interval", batch),
    )
    inside = interval > 0
    assert (patchwise[inside] <= interval[inside] * (1 + 1e-5)).all()
    assert (patchwise[inside] >= 0.8 * interval[inside]).all()


def test_smallest_gap_falls_with_the_move(model):
    batch = batch_of(model, ROWS)
    moves = torch.linspace(0, 2, 40, dtype=torch.float64)
    with torch.no_grad():
        gaps = [
            smallest_gap(batch, m.expand(batch.margin_coef.shape[:2])) for m in moves
        ]
    assert (torch.stack(gaps).diff(dim=0) <= 1e-12).all()


def test_rows_on_a_tie_have_no_radius(models):
    model = pickle.loads(pickle.dumps(models["exp"]))
    head = next(name for name in model._state if name.endswith("head.raw"))
    model._state[head] = np.ones_like(model._state[head])
    assert (model.certified_radius(ROWS) == 0).all()


# Norms, boxes, scales and pipelines.


def test_norms_are_embedded(model):
    two = certified_radius(model, ROWS, norm=2)
    np.testing.assert_allclose(certified_radius(model, ROWS, norm=1), two)
    sup = certified_radius(model, ROWS, norm=np.inf)
    np.testing.assert_allclose(sup, two / 4)
    np.testing.assert_allclose(certified_radius(model, ROWS, norm=4), two / 16**0.25)


def test_feature_scale_divides_and_freezes(models):
    model = models["exp"]
    plain = certified_radius(model, ROWS)
    doubled = certified_radius(model, ROWS, feature_scale=np.full(16, 2.0))
    np.testing.assert_allclose(doubled, plain / 2)
    frozen = certified_radius(
        model, ROWS, norm=np.inf, feature_scale=np.repeat([1.0, 0.0], [4, 12])
    )
    np.testing.assert_allclose(frozen, plain / 2)


def test_wrong_rows_get_zero(models):
    model = models["exp"]
    others = (model.predict(ROWS) + 1) % 3
    assert (model.certified_radius(ROWS, others) == 0).all()
    with pytest.raises(ValueError, match="y holds none of the classes"):
        model.certified_radius(ROWS, np.full(len(ROWS), 9))


def test_a_box_that_holds_no_harm_is_infinite(models):
    model = models["exp"]
    plain = certified_radius(model, ROWS, bounds=(0, 16))
    np.testing.assert_allclose(plain, certified_radius(model, ROWS))
    inside = certified_radius(model, ROWS[:1], bounds=(ROWS[0], ROWS[0] + 1e-6))
    assert (inside == np.inf).all()
    with pytest.raises(ValueError, match="outside bounds"):
        certified_radius(model, ROWS, bounds=(0, 1))


@pytest.mark.slow
def test_pipelines_are_seen_through():
    scaler = MinMaxScaler((0, 3)).fit(X)
    pipeline = make_pipeline(scaler, ProtoPNetClassifier(**QUICK)).fit(X, Y)
    raw = certified_radius(pipeline, ROWS)
    seen = certified_radius(pipeline[-1], scaler.transform(ROWS))
    np.testing.assert_allclose(raw, seen / np.abs(scaler.scale_).max())


def test_images_and_rows_have_the_same_radii(models):
    images = ROWS.reshape(-1, 4, 4)
    np.testing.assert_array_equal(
        models["log"].certified_radius(images), models["log"].certified_radius(ROWS)
    )


def test_default_device_does_not_matter(models):
    expected = models["exp"].certified_radius(ROWS)
    with torch.device("meta"):
        found = models["exp"].certified_radius(ROWS)
    np.testing.assert_array_equal(found, expected)


# What there is no proof for.


@pytest.mark.parametrize(
    "given",
    [{"similarity": "cosine"}, {"backbone": torch.nn.Identity()}],
)
def test_what_has_no_constant_is_refused(given):
    with pytest.raises(ValueError, match="lipschitz=True with backbone="):
        ProtoPNetClassifier(**QUICK | given).fit(X, Y)


@pytest.fixture(scope="module")
def unbounded():
    return ProtoPNetClassifier(**QUICK | {"lipschitz": False}).fit(X, Y)


def test_networks_without_a_constant_point_to_smoothing(unbounded):
    assert unbounded.certifiable_view().lipschitz is None
    with pytest.raises(TypeError, match="SmoothedClassifier"):
        unbounded.certified_radius(ROWS)


def test_there_is_no_exact_method(models):
    with pytest.raises(ValueError, match=r"'exact' has no proof.*part-prototype"):
        models["exp"].certified_radius(ROWS, method="exact")
    # As `exact_radius` does, after an attack that takes its time.
    rows = certification_problem(
        models["exp"], ROWS, norm=2, bounds=None, feature_scale=None
    )
    ((_, batch),) = rows.batches()
    proven = rows.family.bound("auto")(batch)
    found = rows.family.enclose(batch, 2 * proven + 1, Effort(0.01, 1))
    np.testing.assert_array_equal(found.lower, proven)
    np.testing.assert_array_equal(found.upper, 2 * proven + 1)
    assert set(found.status) == {"bounded"}
    with pytest.raises(ValueError, match="'tilted' is not a certificate"):
        models["exp"].certified_radius(ROWS, method="tilted")


@pytest.mark.slow
@pytest.mark.parametrize("norm", [2, np.inf])
def test_an_attack_finds_no_less_than_is_proven(models, norm):
    model, row = models["exp"], ROWS[:1]
    found = empirical_radius(
        model, row, norm=norm, n_restarts=0, max_iter=0, random_state=0
    )
    assert np.isfinite(found.radius).all()
    assert found.radius >= certified_radius(model, row, norm=norm)


@pytest.mark.slow
def test_smoothing_works_on_any_network(unbounded):
    smoothed = SmoothedClassifier(
        FrozenEstimator(unbounded), noise_std=2.0, n_samples=200, random_state=0
    ).fit(X, Y)
    found = smoothed.certify(ROWS)
    assert (found.prediction == unbounded.predict(ROWS)).mean() > 0.8
    assert (found.radius > 0).mean() > 0.5
    np.testing.assert_array_equal(certified_radius(smoothed, ROWS), found.radius)


def test_smoothing_fits_a_network_itself():
    model = ProtoPNetClassifier(**QUICK | {"lipschitz": False, "max_epochs": 1})
    smoothed = SmoothedClassifier(model, n_samples=20, random_state=0).fit(X, Y)
    assert smoothed.predict(ROWS).shape == (len(ROWS),)
    assert smoothed.estimator_.image_shape_ == (4, 4)
