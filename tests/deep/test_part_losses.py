"""Losses of part prototypes against naive twins and finite differences."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.func import functional_call

from sklearn_proto import _losses
from sklearn_proto._losses import PartObjective
from sklearn_proto._losses._structure import on_grid_of
from sklearn_proto._modules import (
    SIMILARITIES,
    Branch,
    ClassConnections,
    NetworkOutputs,
)

OWNERS = np.array([0, 0, 1, 1, 1, 2])
Y = np.array([0, 1, 2, 1, 0])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 3.0])
SLACK = 0.05
ALIGNMENT = partial(_losses.alignment, slack=SLACK)


class Scene(nn.Module):
    """A branch whose latent maps are given, and a loss of it.

    Parameters of the maps and of the prototypes may be exchanged for others, so that
    finite differences of both can be taken.
    """

    def __init__(self, kind="log", size=(1, 1), owners=OWNERS, y=Y, weight=WEIGHT):
        super().__init__()
        rng = np.random.default_rng(0)
        given = torch.tensor(rng.random((len(owners), 3, *size)))
        parts = SIMILARITIES[kind](given, torch.tensor(owners))
        classes = np.arange(owners.max() + 1)[:, None]
        membership = torch.tensor((classes == owners)[:, None, :]).double()
        self.branch = Branch(nn.Identity(), parts, ClassConnections(membership))
        self.z = nn.Parameter(torch.tensor(rng.random((len(y), 3, 3, 4))))
        self.shallow = torch.tensor(rng.random((len(y), 2, 6, 8)))
        self.y, self.weight = torch.tensor(y), torch.tensor(weight)

    def outputs(self):
        return self.branch(self.shallow, self.z)

    def forward(self, term):
        return term(self.outputs(), self.y, self.weight)

    def value(self, term):
        return float(self(term).detach())

    @property
    def unit(self):
        """Flat unit prototypes as numpy."""
        flat = self.branch.parts.prototypes.detach().flatten(1).numpy()
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    @property
    def owners(self):
        return self.branch.parts.owners.numpy()


def weighted(values, weight=WEIGHT):
    return math.fsum(v * w for v, w in zip(values, weight, strict=True)) / sum(weight)


# Twins from the formulas, each a function of a scene.


def closest(scene, i, chosen):
    d = scene.outputs().dissimilarity_map[i].detach().numpy()
    return min(d[k].min() for k in range(len(d)) if chosen(scene.owners[k], Y[i]))


def cluster(scene):
    return weighted([closest(scene, i, lambda o, y: o == y) for i in range(len(Y))])


def separation(scene):
    return -weighted([closest(scene, i, lambda o, y: o != y) for i in range(len(Y))])


def orthogonality(scene):
    total = 0.0
    for c in np.unique(scene.owners):
        own = scene.unit[scene.owners == c]
        for a, b in np.ndindex(len(own), len(own)):
            total += abs(own[a] @ own[b] - (a == b))
    return total


def over_pairs(scene, extreme):
    """Mean over ordered pairs of different classes of an extreme cosine."""
    found = []
    for a, b in itertools.permutations(np.unique(scene.owners), 2):
        one, other = (scene.unit[scene.owners == c] for c in (a, b))
        found.append(extreme(p @ q for p in one for q in other))
    return sum(found) / len(found)


def closeness(scene):
    return -over_pairs(scene, min)


def discrimination(scene):
    return over_pairs(scene, max)


def wrong_class_norm(scene):
    w = scene.branch.head.arrays()["coef_"]
    return sum(abs(w[c, k]) for c, k in np.ndindex(w.shape) if scene.owners[k] != c)


def cosine(a, b):
    return a @ b / math.sqrt((a @ a) * (b @ b))


def alignment(scene):
    """Position by position; a deep one stacks its two by two shallow ones."""
    d = scene.outputs().dissimilarity_map.detach().numpy()
    z, s = scene.z.detach().numpy(), scene.shallow.numpy()
    height, width = z.shape[2:]
    h, w = scene.branch.parts.size
    rows = []
    for i, label in enumerate(Y):
        cells = list(np.ndindex(height, width))
        deep = [z[i, :, r, c] for r, c in cells]
        early = [
            s[i, :, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].ravel() for r, c in cells
        ]
        excess = []
        for k in np.flatnonzero(scene.owners == label):
            r, c = np.unravel_index(d[i, k].argmin(), d[i, k].shape)
            peak = cells.index((r + (h - 1) // 2, c + (w - 1) // 2))
            gaps = [
                abs(cosine(deep[peak], deep[j]) - cosine(early[peak], early[j]))
                for j in range(len(cells))
            ]
            excess.append(np.mean([max(0.0, gap - SLACK) for gap in gaps]))
        rows.append(np.mean(excess))
    return weighted(rows)


TWINS = {
    _losses.cluster: cluster,
    _losses.separation: separation,
    _losses.orthogonality: orthogonality,
    _losses.closeness: closeness,
    _losses.discrimination: discrimination,
    _losses.wrong_class_norm: wrong_class_norm,
    ALIGNMENT: alignment,
}
every_term = pytest.mark.parametrize(
    "term", TWINS, ids=lambda term: getattr(term, "__name__", "alignment")
)
every_size = pytest.mark.parametrize("size", [(1, 1), (2, 2), (2, 3)], ids=str)


@pytest.mark.parametrize("kind", SIMILARITIES)
@every_size
@every_term
def test_values(term, size, kind):
    scene = Scene(kind, size)
    assert scene.value(term) == pytest.approx(TWINS[term](scene), rel=1e-9)


@pytest.mark.parametrize("kind", ["log", "cosine"])
@pytest.mark.parametrize("size", [(1, 1), (2, 2)], ids=str)
@pytest.mark.parametrize("name", ["z", "branch.parts.prototypes"])
@every_term
def test_gradients_are_finite_differences(term, name, size, kind):
    scene = Scene(kind, size)
    start = scene.get_parameter(name).detach().clone().requires_grad_()

    def value(given):
        # Some terms do not depend on the maps.
        return functional_call(scene, {name: given}, (term,)) + 0.0 * given.sum()

    assert gradcheck(value, (start,))


def test_the_norm_of_wrong_connections_spares_the_right_ones():
    scene = Scene()
    scene(_losses.wrong_class_norm).backward()
    wrong = scene.owners != np.arange(3)[:, None]
    raw = scene.branch.head.raw
    np.testing.assert_array_equal(raw.grad, wrong * np.sign(raw.detach().numpy()))


@every_term
def test_a_weight_of_two_is_a_row_twice(term):
    scene = Scene(weight=np.array([1.0, 2.0, 1.0, 1.0, 1.0]))
    twice = Scene()
    index = [0, 1, 1, 2, 3, 4]
    twice.z = nn.Parameter(twice.z.detach()[index])
    twice.shallow = twice.shallow[index]
    twice.y, twice.weight = twice.y[index], torch.ones(6, dtype=torch.float64)
    assert scene.value(term) == pytest.approx(twice.value(term), rel=1e-12)


@every_term
def test_a_batch_of_one(term):
    scene = Scene()
    scene.z = nn.Parameter(scene.z.detach()[:1])
    scene.shallow, scene.y = scene.shallow[:1], scene.y[:1]
    scene.weight = scene.weight[:1]
    assert np.isfinite(scene.value(term))
    assert scene(term).shape == ()


@every_term
def test_ties_do_not_change_how_strong_a_gradient_is(term):
    """Equal prototypes and equal positions: finite, and shared or given to one.

    All prototypes are moved by the same: the slope is that of finite differences, which
    counting each of several equals in full would multiply.
    """
    scene = Scene("cosine")
    with torch.no_grad():
        parts = scene.branch.parts.prototypes
        parts[1], parts[3] = parts[0], parts[2]
        scene.z[:] = scene.z[:, :, :1, :1]
    direction = torch.randn(
        1, 3, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    step = 1e-6

    def moved(by):
        given = {"branch.parts.prototypes": (parts + by * direction).detach()}
        return float(functional_call(scene, given, (term,)).detach())

    value = scene(term) + 0.0 * parts.sum()
    slope = (torch.autograd.grad(value, parts)[0] * direction).sum()
    assert float(slope) == pytest.approx(
        (moved(step) - moved(-step)) / (2 * step), abs=1e-6
    )


@pytest.mark.parametrize("size", [(1, 1), (2, 2)], ids=str)
def test_one_pair_of_classes(size):
    """With one prototype each, the closest and the farthest pair are the same."""
    scene = Scene(size=size, owners=np.array([0, 1]), y=np.array([0, 1, 1]))
    wanted = float(scene.unit[0] @ scene.unit[1])
    assert scene.value(_losses.discrimination) == pytest.approx(wanted)
    assert scene.value(_losses.closeness) == pytest.approx(-wanted)


def test_terms_of_orthogonal_prototypes():
    scene = Scene(owners=np.array([0, 0, 0]))
    with torch.no_grad():
        scene.branch.parts.prototypes.copy_(3.0 * torch.eye(3)[:, :, None, None])
    assert scene.value(_losses.orthogonality) == pytest.approx(0.0, abs=1e-12)


# Alignment.


def test_maps_of_the_same_structure_are_aligned():
    scene = Scene()
    # Every deep position four times.
    scene.shallow = scene.z.detach().repeat_interleave(2, 2).repeat_interleave(2, 3)
    term = partial(_losses.alignment, slack=0.0)
    assert scene.value(term) == pytest.approx(0.0, abs=1e-12)


def test_alignment_does_not_move_the_shallow_map():
    scene = Scene()
    scene.shallow.requires_grad_()
    scene(ALIGNMENT).backward()
    assert scene.shallow.grad is None
    assert scene.z.grad.abs().sum() > 0


def test_slack_is_free():
    assert Scene().value(partial(_losses.alignment, slack=2.0)) == 0.0
    values = [Scene().value(partial(_losses.alignment, slack=s)) for s in (0, 0.1, 0.2)]
    assert values == sorted(values, reverse=True)


def test_sub_positions_are_stacked():
    shallow = torch.arange(2 * 4 * 6.0).view(1, 2, 4, 6)
    found = on_grid_of(torch.zeros(1, 5, 2, 2), shallow)
    assert found.shape == (1, 2 * 2 * 3, 4)
    for position, (r, c) in enumerate(np.ndindex(2, 2)):
        block = shallow[0, :, 2 * r : 2 * r + 2, 3 * c : 3 * c + 3]
        assert torch.equal(found[0, :, position], block.flatten())


@pytest.mark.parametrize("side", [1, 3, 6, 7, 8, 13])
def test_maps_that_do_not_fit_keep_their_places(side):
    """A ramp stays one, and a constant stays the same, on whatever grid."""
    ramp = torch.linspace(0, 1, side).expand(1, 1, side, side)
    found = on_grid_of(torch.zeros(1, 5, 4, 3), ramp).mean(1).view(4, 3)
    assert (found.diff(dim=1) >= 0).all()
    torch.testing.assert_close(found, found[:1].expand(4, 3))
    ones = on_grid_of(torch.zeros(1, 5, 4, 3), torch.ones(1, 1, side, side))
    torch.testing.assert_close(ones, torch.ones_like(ones))


def test_positions_without_features_are_harmless():
    scene = Scene()
    with torch.no_grad():
        scene.z[0, :, 0, 0] = 0.0
    scene.shallow[1, :, :2, :2] = 0.0
    scene(ALIGNMENT).backward()
    assert torch.isfinite(scene.z.grad).all()


# The objective.


def test_objective_adds_up():
    scene = Scene()
    own = scene.outputs()
    outputs = NetworkOutputs((own, own._replace(scores=-own.scores)))
    scores = -own.scores.detach().numpy()
    rows = [math.log(sum(np.exp(s - s[y]))) for s, y in zip(scores, Y, strict=True)]
    terms = {
        _losses.cluster: 0.8,
        _losses.separation: 0.08,
        _losses.orthogonality: 0.0,
        ALIGNMENT: 2.0,
    }
    found = PartObjective(terms, branch=1)(outputs, scene.y, scene.weight)
    wanted = (
        weighted(rows)
        + 0.8 * cluster(scene)
        + 0.08 * separation(scene)
        + 2.0 * alignment(scene)
    )
    assert float(found.detach()) == pytest.approx(wanted, rel=1e-9)


def test_objective_takes_another_loss_of_rows():
    scene = Scene()
    objective = PartObjective({}, row_loss=lambda scores, y: scores[:, 0] + y)
    found = objective(NetworkOutputs((scene.outputs(),)), scene.y, scene.weight)
    wanted = weighted(scene.outputs().scores[:, 0].detach().numpy() + Y)
    assert float(found.detach()) == pytest.approx(wanted)


def test_objective_leaves_out_what_weighs_nothing():
    def fails(*_):
        raise AssertionError

    scene = Scene()
    outputs = NetworkOutputs((scene.outputs(),))
    PartObjective({fails: 0.0})(outputs, scene.y, scene.weight)
