"""Tensor functions and estimators against the naive twins."""

import numpy as np
import pytest
import torch

from sklearn_proto import _functional as functional
from tests import references
from tests.data import three_classes
from tests.instances import every_rbf_or_cbc_instance

X, Y = three_classes()
METRICS = ["sqeuclidean", "euclidean", "tangent"]


def t(array):
    return torch.as_tensor(np.asarray(array), dtype=torch.float64)


def geometry(metric, seed=0, n=7, k=5, d=6, m=2):
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(n, d)), rng.normal(size=(k, d))
    tangents = None
    if metric == "tangent":
        tangents = np.linalg.qr(rng.normal(size=(k, d, m))).Q
    return x, w, tangents


def tensors(x, w, tangents):
    return t(x), t(w), None if tangents is None else t(tangents)


@pytest.mark.parametrize("metric", METRICS)
def test_distances(metric):
    x, w, tangents = geometry(metric)
    sq = functional.squared_distances(*tensors(x, w, tangents))
    np.testing.assert_allclose(
        functional.safe_sqrt(sq), references.distances(x, w, tangents), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("dtype", "offset", "tolerance"), [("float64", 1e6, 1e-9), ("float32", 1e3, 1e-3)]
)
@pytest.mark.parametrize("metric", METRICS)
def test_distances_far_from_the_origin(metric, dtype, offset, tolerance):
    x, w, tangents = geometry(metric)
    x, w = (x + offset).astype(dtype), (w + offset).astype(dtype)
    kind = getattr(torch, dtype)
    low = [
        None if a is None else torch.as_tensor(a, dtype=kind) for a in (x, w, tangents)
    ]
    found = functional.safe_sqrt(functional.squared_distances(*low)).double()
    assert found.dtype == torch.float64
    expected = references.distances(x, w, tangents)
    np.testing.assert_allclose(found, expected, rtol=tolerance)


def local_maps(n=7, k=4, d=5, r=3):
    rng = np.random.default_rng(0)
    shapes = ((n, d), (k, d), (k, r, d))
    return [torch.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes]


def test_mapped_squares_against_loops():
    x, w, omega = local_maps()
    found = functional.mapped_squares(x, w, omega).detach().numpy()
    for i, k in np.ndindex(found.shape):
        mapped = omega[k].detach().numpy() @ (x[i] - w[k]).detach().numpy()
        assert found[i, k] == pytest.approx(mapped @ mapped)


def test_lengths_of_some_pairs_under_local_maps():
    """Also of prototypes that occur once, often or never."""
    x, w, omega = (value.detach() for value in local_maps())
    maps = functional.LocalMaps.of(w, omega)
    which, rows = torch.tensor([0, 2, 2, 2]), torch.tensor([3, 0, 4, 0])
    found = maps.lengths_from(which, x[rows])
    torch.testing.assert_close(found, maps.lengths(x)[rows, which])
    none = which[:0]
    assert maps.lengths_from(none, x[none]).shape == (0,)


def test_lengths_under_local_maps_of_more_rows_than_are_made_at_once():
    rng = np.random.default_rng(0)
    x, w, omega = (t(rng.normal(size=s)) for s in ((700, 4), (30, 4), (30, 40, 4)))
    found = functional.LocalMaps.of(w, omega).lengths(x)
    mapped = torch.einsum("krd,nkd->nkr", omega, x[:, None] - w)
    torch.testing.assert_close(found, mapped.norm(dim=2))


def test_gradients_of_mapped_squares():
    maps = local_maps()
    assert torch.autograd.gradcheck(functional.mapped_squares, maps)

    def of_two_pairs(*maps):
        """Most pairs have no gradient, one prototype none at all."""
        found = functional.mapped_squares(*maps)
        return found[1, 2] ** 2 - 3.0 * found[4, 0]

    assert torch.autograd.gradcheck(of_two_pairs, maps)
    # Rows that need none get none.
    fixed = maps[0].detach()
    assert torch.autograd.gradcheck(
        lambda w, omega: functional.mapped_squares(fixed, w, omega).sin(), maps[1:]
    )


def test_a_prototype_far_from_the_others_keeps_the_rest_accurate():
    """Centring on the mean is no help if one prototype is an outlier."""
    x, w, _ = geometry("euclidean")
    w[0] += 1e6
    found = functional.safe_sqrt(functional.squared_distances(t(x), t(w)))
    expected = references.distances(x, w)
    # The expansion is off by a few eps * (scale)^2, as relative_rounding says.
    slack = 40 * np.finfo(float).eps * 4e12
    np.testing.assert_allclose(found**2, expected**2, atol=slack, rtol=1e-9)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_similarities(metric, normalized):
    x, w, tangents = geometry(metric)
    sigma = np.linspace(0.5, 3, len(w))
    sq = functional.squared_distances(*tensors(x, w, tangents))
    found = functional.similarities(sq, t(sigma), metric, normalized=normalized)
    expected = references.similarities(
        x, w, sigma, metric, tangents, normalized=normalized
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_normalised_similarities_do_not_underflow():
    sq = t([[1e6, 1e6 + 1.0]])
    found = functional.similarities(sq, t([1.0]), "sqeuclidean", normalized=True)
    np.testing.assert_allclose(found, [[1 / (1 + np.exp(-1)), 1 / (1 + np.e)]])


def test_signed_agreement():
    rng = np.random.default_rng(0)
    phi = rng.uniform(size=(4, 3))
    presence, absence = functional.signed_probabilities(t(rng.normal(size=(2, 2, 6))))
    found = functional.agreement(presence, absence).scores(t(phi))
    for i, c, j in np.ndindex(4, 2, 2):
        expected = references.signed_agreement(
            phi[i], presence[c, j].tolist(), absence[c, j].tolist()
        )
        assert float(found[i, c, j]) == pytest.approx(expected, rel=1e-12)


def test_indefinite_agreement():
    rng = np.random.default_rng(0)
    phi = rng.uniform(size=(4, 3))
    requiredness = rng.dirichlet(np.ones(3), size=(2, 2, 3))
    prior = rng.dirichlet(np.ones(3))
    affine, presence, absence = functional.indefinite_agreement(
        t(requiredness), t(prior)
    )
    found = affine.scores(t(phi))
    np.testing.assert_allclose((presence + absence).sum(-1), 1.0, rtol=1e-12)
    for i, c, j in np.ndindex(4, 2, 2):
        expected = references.indefinite_agreement(phi[i], requiredness[c, j], prior)
        assert float(found[i, c, j]) == pytest.approx(expected, rel=1e-12)


def test_competition():
    scores = t([[3.0, 1.0, 2.0], [0.0, 5.0, 5.0]])
    rival = functional.best_rival(scores, torch.tensor([0, 1]))
    assert rival.values.tolist() == [2.0, 5.0]
    assert rival.indices.tolist() == [2, 2]
    best = functional.best_of_class(t([[[1.0, 4.0], [3.0, 2.0]]]))
    assert best.tolist() == [[4.0, 3.0]]


def expected_similarities(model, rows):
    normalized = getattr(model, "normalize_kernel", False)
    return references.similarities(
        in_its_space(model, rows),
        in_its_space(model, model.prototypes_),
        model.sigma_,
        model.metric,
        model.tangents_,
        normalized=normalized,
    )


@every_rbf_or_cbc_instance
def test_transform_of_the_estimators(model):
    np.testing.assert_allclose(
        model.transform(X), expected_similarities(model, X), rtol=1e-8, atol=1e-14
    )


@every_rbf_or_cbc_instance
def test_scores_of_the_estimators(model):
    phi = expected_similarities(model, X)
    if hasattr(model, "coef_"):
        expected = references.rbf_scores(phi, model.coef_, model.intercept_)
    elif hasattr(model, "requiredness_"):
        expected = [
            references.class_scores(
                [
                    [
                        references.indefinite_agreement(p, r, model.component_prior_)
                        for r in concepts
                    ]
                    for concepts in model.requiredness_
                ]
            )
            for p in phi
        ]
    else:
        expected = [
            references.class_scores(
                [
                    [references.signed_agreement(p, r[:, 0], r[:, 1]) for r in concepts]
                    for concepts in model.reasoning_
                ]
            )
            for p in phi
        ]
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-10)


def test_last_positive_finds_roots():
    roots = t([1e-7, 0.5, 3.0, 99.0])
    upper = torch.full((4,), 100.0, dtype=torch.float64)

    def straight(x):
        return roots - x

    def steep(x):
        return torch.exp(-50 * (x - roots)) - 1

    def flat(x):
        return (roots - x) ** 3

    for h in (straight, steep, flat):
        found = functional.last_positive(h, upper)
        assert (h(found) > 0).all(), "a certificate must be where h is positive"
        np.testing.assert_allclose(found, roots, rtol=2e-6)


def test_last_positive_of_a_jump():
    upper = t([10.0])
    found = functional.last_positive(lambda x: torch.where(x < 2.5, 1.0, -1e9), upper)
    assert 2.5 * (1 - 2e-6) <= float(found) < 2.5


def test_last_positive_without_a_root():
    upper = torch.full((4,), 10.0, dtype=torch.float64)
    start = t([-1.0, 0.0, 100.0, 5.0])
    found = functional.last_positive(lambda x: start - x, upper)
    assert found[:3].tolist() == [0.0, 0.0, np.inf]
    assert float(found[3]) == pytest.approx(5.0, rel=2e-6)
    nan = functional.last_positive(lambda x: x * float("nan"), upper)
    assert nan.tolist() == [0.0] * 4, "what is not known is not certified"


def test_lipschitz_constant():
    rng = np.random.default_rng(0)
    for d in (1, 3, 10):
        for norm in (1, 2, np.inf):
            expected = references.norm_factor(norm, d)
            assert functional.lipschitz_constant(norm, d) == pytest.approx(expected)
        for norm in (1, 1.5, 2, 3, 10, np.inf):
            v = rng.normal(size=(200, d))
            v = np.vstack([v, np.ones(d), np.eye(d)])
            v /= np.linalg.norm(v, ord=norm, axis=1, keepdims=True)
            longest = np.linalg.norm(v, axis=1).max()
            assert longest == pytest.approx(
                functional.lipschitz_constant(norm, d), rel=1e-9
            )


def in_its_space(model, points):
    """Points where the model takes Euclidean distances."""
    return points @ getattr(model, "omega_", np.eye(points.shape[1])).T


def affine_of(model):
    view = model.certifiable_view()
    return view.coefficients, view.offsets


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("method", ["interval", "closed_form"])
@every_rbf_or_cbc_instance
def test_radius_of_the_estimators(model, method, norm):
    """Equal to the twins, up to the slack for rounding and the root's tolerance."""
    if getattr(model, "normalize_kernel", False):
        pytest.skip("the twins have no normalised kernel; the attacks cover it")
    if method == "closed_form" and np.ptp(model.sigma_) > 0:
        pytest.skip("the twin is for one shared width; the attacks cover it")
    rows = X[:12]
    found = model.certified_radius(rows, norm=norm, method=method)
    r = references.distances(
        in_its_space(model, rows),
        in_its_space(model, model.prototypes_),
        model.tangents_,
    )
    winners = np.searchsorted(model.classes_, model.predict(rows))
    interval = method == "interval"
    bound = references.interval_radius if interval else references.closed_form_radius
    sigma = model.sigma_ if interval else model.sigma_[0]
    expected = [
        references.row_radius(bound, r[i], sigma, model.metric, affine_of(model), c)
        for i, c in enumerate(winners)
    ]
    factor = references.norm_factor(norm, X.shape[1])
    if hasattr(model, "omega_"):
        factor = references.map_factor(norm, model.omega_)
    expected = np.array(expected) / factor
    assert (found <= expected * (1 + 1e-9)).all()
    # Square roots make more of a rounding error: so does the slack for it.
    small = 1e-9 if model.metric == "sqeuclidean" else 1e-5
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=small)
