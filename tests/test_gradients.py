"""Gradients against finite differences, in float64."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck
from torch.func import functional_call

from sklearn_proto import _functional as functional
from sklearn_proto._losses import LOSSES, squared_norm
from sklearn_proto._modules import (
    FreeWeights,
    IndefiniteReasoning,
    NormalizedWeights,
    PrototypeNetwork,
    RadialKernel,
    Relevances,
    SharedMatrix,
    SignedReasoning,
)

HEADS = [FreeWeights, NormalizedWeights, SignedReasoning, IndefiniteReasoning]
METRICS = ["sqeuclidean", "euclidean", "tangent"]
K, D, C = 6, 4, 3


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def make_network(
    Head, metric, *, normalized=False, shared=False, concepts=1, learned=None
):
    """A network whose head is away from ties, where a maximum has a kink."""
    tangents = random(K, D, 2, seed=3) if metric == "tangent" else None
    sigma = torch.linspace(2.0, 4.0, 1 if shared else K, dtype=torch.float64)
    kernel = RadialKernel(
        random(K, D), sigma, metric, tangents, normalized=normalized, learned=learned
    )
    owners = torch.zeros(C, concepts, K, dtype=torch.float64)
    for k in range(K):
        owners[k % C, (k // C) % concepts, k] = 1
    network = PrototypeNetwork(kernel, Head(owners))
    with torch.no_grad():
        for i, p in enumerate(network.head.parameters()):
            p.add_(0.3 * random(*p.shape, seed=10 + i))
    return network


def check(network, function):
    """Gradcheck of `function(network)` in all its parameters together."""
    names = [n for n, p in network.named_parameters() if p.requires_grad]
    values = tuple(
        p.detach().clone().requires_grad_()
        for p in network.parameters()
        if p.requires_grad
    )

    class Wrapper(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self):
            return function(self.inner)

    wrapper = Wrapper()

    def call(*tensors):
        state = {f"inner.{n}": v for n, v in zip(names, tensors, strict=True)}
        return functional_call(wrapper, state, ())

    assert gradcheck(call, values, atol=1e-6, rtol=1e-5, fast_mode=True)


@pytest.mark.parametrize("with_tangents", [False, True])
def test_squared_distances(with_tangents):
    x, w = random(5, D, seed=1).requires_grad_(), random(K, D).requires_grad_()
    raw = random(K, D, 2, seed=3).requires_grad_()

    def function(x, w, raw):
        tangents = torch.linalg.qr(raw).Q if with_tangents else None
        return functional.squared_distances(x, w, tangents)

    assert gradcheck(function, (x, w, raw), fast_mode=True)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_kernel(metric, normalized):
    network = make_network(FreeWeights, metric, normalized=normalized)
    x = random(5, D, seed=1)
    check(network, lambda net: net.kernel(x)[1])


@pytest.mark.parametrize("concepts", [1, 2])
@pytest.mark.parametrize("Head", HEADS)
def test_head(Head, concepts):
    if concepts > 1 and Head in (FreeWeights, NormalizedWeights):
        pytest.skip("one concept per class")
    network = make_network(Head, "sqeuclidean", concepts=concepts)
    x = random(5, D, seed=1)
    check(network, lambda net: net(x).scores)


@pytest.fixture
def _exact_roots(monkeypatch):
    """Differences of the robust loss would show the tolerance of its root."""
    exact = {"rtol": 1e-14, "max_iter": 300}
    monkeypatch.setattr("sklearn_proto._losses._robust._ROOT", exact)


@pytest.mark.usefixtures("_exact_roots")
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("Head", HEADS)
def test_loss(Head, loss, metric, normalized, shared):
    if normalized and (Head is not FreeWeights):
        pytest.skip("only RBF networks normalise the kernel")
    network = make_network(Head, metric, normalized=normalized, shared=shared)
    # Rows amid the prototypes: where all similarities vanish a root is ill-conditioned.
    x, y = 0.6 * random(8, D, seed=1), torch.arange(8) % C
    row_loss = LOSSES[loss](5.0)
    with torch.no_grad():
        assert (row_loss(network(x), y) > 0).all(), "the hinge must be active"
    check(network, lambda net: row_loss(net(x), y))


LEARNED = {
    "full": lambda: SharedMatrix(random(D, D, seed=4)),
    "components": lambda: SharedMatrix(random(2, D, seed=4)),
    "diagonal": lambda: Relevances(random(D, seed=4)),
}


@pytest.mark.usefixtures("_exact_roots")
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean"])
@pytest.mark.parametrize("learned", LEARNED)
def test_loss_in_a_learned_metric(learned, metric, loss):
    network = make_network(
        SignedReasoning,
        metric,
        shared=metric == "sqeuclidean",
        learned=LEARNED[learned](),
    )
    x, y = 0.6 * random(8, D, seed=1), torch.arange(8) % C
    row_loss = LOSSES[loss](5.0)
    with torch.no_grad():
        assert (row_loss(network(x), y) > 0).all(), "the hinge must be active"
    check(network, lambda net: row_loss(net(x), y))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("learned", LEARNED)
def test_the_penalty_is_that_of_mapped_prototypes(learned, shared):
    metric = LEARNED[learned]()
    network = make_network(FreeWeights, "sqeuclidean", shared=shared, learned=metric)
    check(network, squared_norm)
    with torch.no_grad():
        plain = make_network(FreeWeights, "sqeuclidean", shared=shared)
        kernel = plain.kernel
        kernel.prototypes = torch.nn.Parameter(kernel.prototypes @ metric.omega.T)
        torch.testing.assert_close(squared_norm(network), squared_norm(plain))


@pytest.mark.parametrize("shared", [False, True])
def test_robust_loss_is_margin_minus_the_certificate(shared):
    """On its value, by an independent route: the naive twins of both bounds."""
    from tests import references

    network = make_network(SignedReasoning, "sqeuclidean", shared=shared)
    x = random(8, D, seed=1)
    with torch.no_grad():
        out = network(x)
        winners = out.scores.argmax(1)
        lost = LOSSES["robust"](100.0)(out, winners)
        (a, b), kernel = out.affine, network.kernel
    w, sigma = kernel.prototypes.detach().numpy(), kernel.sigma.detach().numpy()
    r = references.distances(x.numpy(), w)
    for i, c in enumerate(winners.tolist()):
        runner_up = int(out.scores[i].argsort()[-2])
        weights = (a[c, 0] - a[runner_up, 0]).numpy()
        offset = float(b[c, 0] - b[runner_up, 0])
        if shared:
            radius = references.second_order_radius(
                x[i].numpy(), w, float(sigma[0]), weights, offset
            )
        else:
            radius = references.interval_radius(
                r[i], sigma, "sqeuclidean", weights, offset
            )
        assert float(lost[i]) == pytest.approx(100.0 - radius, abs=1e-4)


def test_robust_loss_is_negative_where_wrong():
    network = make_network(FreeWeights, "sqeuclidean")
    x = random(8, D, seed=1)
    with torch.no_grad():
        out = network(x)
        order = out.scores.argsort(1)
        right = LOSSES["robust"](50.0)(out, order[:, -1])
        wrong = LOSSES["robust"](50.0)(out, order[:, -2])
    # Label and runner-up exchanged: the same radius with the other sign.
    np.testing.assert_allclose(wrong - 50.0, 50.0 - right, rtol=1e-6)
    assert (wrong > 50.0).all()


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("Head", HEADS)
def test_squared_norm(Head, metric, shared):
    check(make_network(Head, metric, shared=shared), squared_norm)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("loss", list(LOSSES))
def test_gradient_is_finite_on_a_prototype(loss, metric):
    network = make_network(SignedReasoning, metric)
    x = network.kernel.prototypes.detach().clone()
    LOSSES[loss](5.0)(network(x), torch.arange(K) % C).sum().backward()
    for name, p in network.named_parameters():
        if p.grad is not None:
            assert torch.isfinite(p.grad).all(), name
    assert network.kernel.prototypes.grad.abs().sum() > 0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shared", [False, True])
def test_gram_is_positive_semi_definite(metric, shared):
    gram = make_network(FreeWeights, metric, shared=shared).kernel.gram().detach()
    torch.testing.assert_close(gram, gram.T)
    torch.testing.assert_close(gram.diagonal(), torch.ones(K, dtype=torch.float64))
    assert torch.linalg.eigvalsh(gram).min() > -1e-12


def test_gram_of_equal_widths_is_the_kernel():
    """Per-prototype widths that happen to be equal give the shared formula."""
    network = make_network(FreeWeights, "sqeuclidean")
    with torch.no_grad():
        network.kernel.log_sigma.fill_(np.log(3.0))
    w = network.kernel.prototypes
    expected = torch.exp(-torch.cdist(w, w).square() / 3.0)
    torch.testing.assert_close(network.kernel.gram(), expected)


def test_gram_of_different_widths_is_an_inner_product():
    """In one dimension, by quadrature of the normalised square roots."""
    w, sigma = torch.tensor([[0.0], [0.7]]), torch.tensor([0.5, 2.0])
    kernel = RadialKernel(w.double(), sigma.double(), "sqeuclidean")
    grid = np.linspace(-15, 15, 200001)

    def integral(values):
        return np.sum(values) * (grid[1] - grid[0])

    # The function whose autocorrelation is the Gaussian of width s has width s / 2.
    roots = [
        np.exp(-((grid - float(c)) ** 2) * 2 / float(s))
        for c, s in zip(w[:, 0], sigma, strict=True)
    ]
    roots = [f / np.sqrt(integral(f * f)) for f in roots]
    expected = integral(roots[0] * roots[1])
    assert float(kernel.gram()[0, 1].detach()) == pytest.approx(expected, rel=1e-6)
