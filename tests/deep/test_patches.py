"""Patches, prototypes of patches and their heads against brute force."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from sklearn_proto._functional import (
    cosine_map,
    patches_at,
    product_map,
    squared_distance_map,
)
from sklearn_proto._modules import SIMILARITIES, ClassConnections, ScoreAggregation

OWNERS = np.array([0, 0, 1, 1, 1, 2])


def maps(n=3, d=4, height=4, width=5, seed=0):
    return torch.tensor(np.random.default_rng(seed).random((n, d, height, width)))


def prototypes(size, k=6, d=4, seed=1):
    return torch.tensor(np.random.default_rng(seed).random((k, d, *size)))


def by_loops(function, z, p):
    """A function of a flat patch and a flat prototype, at every position."""
    z, p = z.numpy(), p.numpy()
    h, w = p.shape[2:]
    out = np.empty((len(z), len(p), z.shape[2] - h + 1, z.shape[3] - w + 1))
    for i, k, r, c in np.ndindex(out.shape):
        patch = z[i, :, r : r + h, c : c + w].ravel()
        out[i, k, r, c] = function(patch, p[k].ravel())
    return out


def squared_distance(a, b):
    return math.fsum((a - b) ** 2)


def unit_product(a, b):
    return math.fsum(a * b) / math.hypot(*b)


def cosine(a, b):
    return unit_product(a, b) / math.hypot(*a)


FUNCTIONS = {
    squared_distance_map: squared_distance,
    product_map: unit_product,
    cosine_map: cosine,
}


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 3), (4, 5)], ids=str)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_maps_are_those_of_loops(function, size):
    z, p = maps() - 0.5, prototypes(size) - 0.5
    np.testing.assert_allclose(
        function(z, p), by_loops(FUNCTIONS[function], z, p), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("size", [(1, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradients_of_maps(function, size):
    z, p = maps(n=2, d=2, height=2, width=3), prototypes(size, k=3, d=2)
    assert gradcheck(function, (z.requires_grad_(), p.requires_grad_()))


def test_squared_distances_never_fall_below_zero():
    # Far from the origin the expanded square loses all its digits.
    z = 1e4 + maps()
    sq = squared_distance_map(z.float(), z[:, :, :1, :1].float())
    assert (sq >= 0).all()


@pytest.mark.parametrize("function", [product_map, cosine_map])
def test_no_direction_is_no_likeness(function):
    """Patches and prototypes of zeros: a likeness of 0, with finite gradients."""
    z, p = maps(), prototypes((1, 1))
    z[0, :, 0, 0], p[0] = 0.0, 0.0
    z.requires_grad_(), p.requires_grad_()
    found = function(z, p)
    assert (found[0, :, 0, 0] == 0).all()
    assert (found[:, 0] == 0).all()
    found.sum().backward()
    assert torch.isfinite(z.grad).all()
    assert torch.isfinite(p.grad).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1)], ids=str)
def test_patches_at_every_position(size):
    z = maps(n=1)
    h, w = size
    for r, c in itertools.product(range(4 - h + 1), range(5 - w + 1)):
        flat = torch.tensor([r * (5 - w + 1) + c])
        wanted = z[:, :, r : r + h, c : c + w]
        assert torch.equal(patches_at(z, flat, size), wanted)


def test_patches_at_a_position_for_each_row():
    z = maps()
    found = patches_at(z, torch.tensor([0, 7, 19]), (1, 1))
    wanted = torch.stack([z[0, :, 0, 0], z[1, :, 1, 2], z[2, :, 3, 4]])
    assert torch.equal(found[:, :, 0, 0], wanted)


def parts(kind, size=(1, 1)):
    return SIMILARITIES[kind](prototypes(size), torch.tensor(OWNERS))


CLOSED_FORMS = {
    "log": lambda a, b: (
        math.log((squared_distance(a, b) + 1) / (squared_distance(a, b) + 1e-4))
        / math.log(1e4)
    ),
    "exp": lambda a, b: math.exp(-squared_distance(a, b)),
    "cosine": lambda a, b: max(0.0, cosine(a, b)),
    "projection": lambda a, b: max(0.0, unit_product(a, b)) / math.sqrt(len(a)),
}


@pytest.mark.parametrize("size", [(1, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("kind", CLOSED_FORMS)
def test_similarities_are_closed_forms(kind, size):
    own, z = parts(kind, size), maps()
    z[0] -= 1.0  # Where cosines are negative.
    found = own.similarity(own.dissimilarity_map(z)).detach()
    wanted = by_loops(CLOSED_FORMS[kind], z, own.prototypes.detach())
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", CLOSED_FORMS)
def test_similarities_fall_and_stay_in_the_unit_interval(kind):
    own = parts(kind)
    found = own.similarity(torch.linspace(0.0, 50.0, 400, dtype=torch.float64))
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert (found.diff() <= 0).all()
    assert found[0] == 1


@pytest.mark.parametrize("kind", ["log", "exp", "cosine"])
@pytest.mark.parametrize("size", [(1, 1), (2, 2)], ids=str)
def test_a_patch_is_like_itself(kind, size):
    own, z = parts(kind, size), maps()
    with torch.no_grad():
        own.prototypes[0] = z[1, :, 1 : 1 + size[0], 2 : 2 + size[1]]
        likeness = own.similarity(own.dissimilarity_map(z))[:, 0]
    assert float(likeness[1, 1, 2]) == pytest.approx(1.0, abs=1e-9)
    assert int(likeness.argmax()) == int(
        np.ravel_multi_index((1, 1, 2), likeness.shape)
    )


@pytest.mark.parametrize("kind", ["cosine", "projection"])
def test_the_length_of_a_direction_does_not_matter(kind):
    own, z = parts(kind), maps()
    before = own.dissimilarity_map(z).detach()
    with torch.no_grad():
        own.prototypes.mul_(7.0)
    torch.testing.assert_close(own.dissimilarity_map(z).detach(), before)


def test_keeping_some_prototypes():
    own = parts("log")
    before = own.prototypes.detach().clone()
    own.keep(torch.tensor([0, 4]))
    assert torch.equal(own.prototypes.detach(), before[[0, 4]])
    assert own.prototypes.requires_grad
    assert own.owners.tolist() == [0, 1]


# Heads.

MEMBERSHIP = torch.tensor((np.arange(3)[:, None] == OWNERS)[:, None, :]).double()


def scores(head, g):
    affine = head.affine()
    assert not affine.offsets.any()
    return (g[:, None, None, :] * affine.coefficients).sum(-1)[..., 0]


def test_connections_start_as_the_paper_says():
    head = ClassConnections(MEMBERSHIP, unit=3.0)
    wanted = [[3.0 if o == c else -1.5 for o in OWNERS] for c in range(3)]
    np.testing.assert_array_equal(head.arrays()["coef_"], wanted)
    # 6 prototypes, two other classes each.
    assert float(head.wrong_class_norm().detach()) == pytest.approx(12 * 1.5)


def test_scores_of_connections():
    head = ClassConnections(MEMBERSHIP)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        head.raw.copy_(torch.tensor(rng.normal(size=(3, 6))))
    g = rng.random((4, 6))
    w = head.arrays()["coef_"]
    wanted = [[math.fsum(w[c] * row) for c in range(3)] for row in g]
    np.testing.assert_allclose(scores(head, torch.tensor(g)).detach(), wanted)
    wrong = sum(abs(w[c, k]) for c in range(3) for k in range(6) if OWNERS[k] != c)
    assert float(head.wrong_class_norm().detach()) == pytest.approx(wrong)


def aggregation(seed=0, unit=1.0):
    head = ScoreAggregation(MEMBERSHIP, unit)
    start = np.random.default_rng(seed).normal(size=6)
    with torch.no_grad():
        head.raw.copy_(torch.tensor(start))
    return head, start


def test_aggregation_against_its_formula():
    """``logit_c = sum_m M softmax_m(a_cm) g_cm`` over the class's own prototypes."""
    head, a = aggregation(unit=2.0)
    g = np.random.default_rng(1).random((4, 6))
    wanted = np.zeros((4, 3))
    for i, c in np.ndindex(4, 3):
        own = [k for k in range(6) if OWNERS[k] == c]
        total = sum(math.exp(a[k]) for k in own)
        wanted[i, c] = 2.0 * sum(
            len(own) * math.exp(a[k]) / total * g[i, k] for k in own
        )
    np.testing.assert_allclose(scores(head, torch.tensor(g)).detach(), wanted)


def test_aggregation_hears_of_own_prototypes_only():
    head, _ = aggregation()
    weights = head.arrays()["coef_"]
    own = MEMBERSHIP[:, 0].numpy() == 1
    assert (weights[own] > 0).all()
    assert (weights[~own] == 0).all()
    np.testing.assert_allclose(weights.sum(1), own.sum(1))
    assert float(head.wrong_class_norm().detach()) == 0


def test_aggregation_has_gradients_of_finite_differences():
    head, a = aggregation()
    g = torch.tensor(np.random.default_rng(1).random((4, 6)))
    mix = torch.tensor(np.random.default_rng(2).normal(size=(4, 3)))

    def value(raw):
        return torch.func.functional_call(_Scores(head, g), {"head.raw": raw}).mul(mix)

    assert gradcheck(value, (torch.tensor(a, requires_grad=True),))


class _Scores(torch.nn.Module):
    def __init__(self, head, g):
        super().__init__()
        self.head, self.g = head, g

    def forward(self):
        return scores(self.head, self.g)


def test_large_weights_of_an_aggregation_do_not_overflow():
    head, _ = aggregation()
    with torch.no_grad():
        head.raw.copy_(torch.tensor([1e4, -1e4, 0.0, 1e4, 0.0, -1e4]))
    weights = head.weights()
    weights.square().sum().backward()
    np.testing.assert_allclose(
        weights.detach(), [[2, 0, 0, 0, 0, 0], [0, 0, 0, 3, 0, 0], [0, 0, 0, 0, 0, 1]]
    )
    assert torch.isfinite(head.raw.grad).all()


KEPT = torch.tensor([1, 2, 4, 5])


def test_connections_keep_the_weights_of_what_is_kept():
    head = ClassConnections(MEMBERSHIP)
    before = head.arrays()["coef_"]
    head.keep(KEPT)
    np.testing.assert_array_equal(head.arrays()["coef_"], before[:, KEPT])
    assert float(head.wrong_class_norm().detach()) == pytest.approx(4 * 2 * 0.5)


def test_aggregation_counts_anew_what_is_kept():
    head, a = aggregation()
    head.keep(KEPT)
    weights = head.arrays()["coef_"]
    np.testing.assert_allclose(weights.sum(1), [1, 2, 1])
    ratio = weights[1, 1] / weights[1, 2]
    assert ratio == pytest.approx(math.exp(a[2] - a[4]))


@pytest.mark.parametrize("make", [ClassConnections, ScoreAggregation])
def test_heads_without_a_temperature(make):
    head = make(MEMBERSHIP)
    assert [p.shape for p in head.score_parameters()] == [head.raw.shape]
    assert float(head.log_temperature.detach()) == 0
    assert not head.log_temperature.requires_grad
