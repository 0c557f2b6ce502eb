"""Part-prototype networks: small ones at random, a twin, and their digits.

The weights and steps of a layer are what float64 makes of its parameters; everything
after them is in real arithmetic.
"""

from itertools import product

import numpy as np
import torch
from mpmath import mp, mpf
from torch import nn

from sklearn_proto._functional import Affine
from sklearn_proto._modules import ImageLayout, OrthogonalConv, PartNetwork
from sklearn_proto._modules._lipschitz import MaxMin, PotentialConv, squared_norm_bound
from sklearn_proto._modules._part_network import Branch, Standardise
from sklearn_proto._modules._patch_prototypes import ExpDistance, LogDistance
from sklearn_proto._views import PartPrototypeView
from tests.guard.cases import Case
from tests.guard.digits import exactly, lead
from tests.guard.twins import twin

_CHANNELS = 4


class FixedHead(nn.Module):
    """A head that is its affine map."""

    def __init__(self, coefficients, offsets):
        super().__init__()
        self.register_buffer("coefficients", coefficients)
        self.register_buffer("offsets", offsets)

    def affine(self):
        return Affine(self.coefficients, self.offsets)


def draw_network(rng):
    """Draw a case whose model is a 1-Lipschitz network of few pixels."""
    height, width = (int(side) for side in rng.integers(1, 4, 2))
    scale = 10.0 ** rng.uniform(-4, 4)
    rows = scale * rng.normal(size=(12, height * width)) + scale * rng.choice([0, 100])
    with torch.no_grad():
        network = _network(rng, height, width, rows)
    view = PartPrototypeView(network, torch.device("cpu"), 64)
    rows = rows[rng.integers(0, len(rows), 8)]
    rows = rows + scale * rng.choice([0.0, 0.1, 1.0], (8, 1)) * rng.normal(size=(8, 1))
    return Case(view, rows, float(rng.choice([1, 1.5, 2, 3, np.inf])))


def _network(rng, height, width, rows):
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    layers = [OrthogonalConv(1, _CHANNELS), MaxMin(), PotentialConv(_CHANNELS)]
    backbone = nn.Sequential(*layers, OrthogonalConv(_CHANNELS, _CHANNELS), MaxMin())
    mean = torch.tensor([rows.mean()])
    standardise = Standardise(mean, torch.tensor([rows.std()]))
    backbone.double().requires_grad_(requires_grad=False)
    for parameter in backbone.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.copy_(noise)
    layout = ImageLayout(height, width)
    maps = backbone(standardise(layout.maps(torch.tensor(rows))))
    size = int(rng.integers(1, min(height, width, 2) + 1))
    k, c = int(rng.integers(2, 7)), int(rng.integers(2, 4))
    chosen = torch.tensor(rng.integers(0, len(rows), k))
    patches = maps[chosen, :, :size, :size]
    patches = patches + torch.tensor(
        rng.choice([0, 0.5]) * rng.normal(size=patches.shape)
    )
    owners = torch.tensor(np.sort(np.r_[np.arange(c), rng.integers(0, c, k)])[:k])
    kind = ExpDistance if rng.random() < 0.5 else LogDistance
    weights = torch.tensor(rng.normal(size=(c, int(rng.integers(1, 3)), k)))
    offsets = torch.tensor(rng.normal(size=weights.shape[:2]) * rng.choice([0, 0.1]))
    branch = Branch(nn.Identity(), kind(patches, owners), FixedHead(weights, offsets))
    branch.add_on.lipschitz = 1.0
    found = PartNetwork(layout, standardise, backbone, [branch])
    return found.double().requires_grad_(requires_grad=False).eval()


class PartTwin:
    """Differences of class scores, which automatic differentiation takes apart."""

    points = None

    def __init__(self, view):
        self.view = view
        self.owners = np.arange(len(view.affine.coefficients))

    def gap(self, z, step, own, rival):
        """Difference (m,), negative where the rival wins, and its gradient (m, dz)."""
        with torch.enable_grad():
            x = torch.tensor(z + step, requires_grad=True)
            scores = self.view.class_scores(x)
            rows = torch.arange(len(z))
            gap = scores[rows, torch.tensor(own)] - scores[rows, torch.tensor(rival)]
            (slope,) = torch.autograd.grad(gap.sum(), x)
        return gap.detach().numpy(), slope.numpy()


@twin.register
def _(view: PartPrototypeView):
    return PartTwin(view)


@lead.register
def _(view: PartPrototypeView, z, own):
    network = view.network
    layout, standardise = network.layout, network.standardise
    image = z.reshape(1, layout.height, layout.width)
    image = (image - _real(standardise.mean)) / _real(standardise.scale)
    for layer in network.backbone:
        image = _LAYERS[type(layer)](layer, image)
    (branch,) = network.branches
    phi = np.array(
        [_similarity(branch.parts, p, image) for p in branch.parts.prototypes]
    )
    affine = branch.head.affine()
    scores = [
        max(row) for row in _real(affine.coefficients) @ phi + _real(affine.offsets)
    ]
    return scores[own] - max(s for c, s in enumerate(scores) if c != own)


def _real(tensor):
    return exactly(tensor.numpy())


def _orthogonal(layer, image):
    weight, (_, height, width) = _real(layer.weight())[:, :, 0, 0], image.shape
    flat = weight @ image.reshape(len(image), -1) + _real(layer.bias)[:, None]
    return flat.reshape(-1, height, width)


def _max_min(layer, image):
    a, b = np.split(image, 2)
    return np.concatenate([np.maximum(a, b), np.minimum(a, b)])


def _potential(layer, image):
    """``x - (2 / T) W^T relu(W x + b)``, with zeros around the map."""
    kernels, zero = _real(layer.kernels), mpf(0)
    step = mpf(2.0 / float(squared_norm_bound(layer.kernels)))
    _, height, width = image.shape
    active = np.full(image.shape, zero) + _real(layer.bias)[:, None, None]
    out = np.full(image.shape, zero)
    places = list(product(range(height), range(width)))
    near = [
        (a, b, (b[0] - a[0] + 1, b[1] - a[1] + 1))
        for a, b in product(places, places)
        if max(abs(b[0] - a[0]), abs(b[1] - a[1])) <= 1
    ]
    for a, b, o in near:
        active[:, *a] = active[:, *a] + kernels[:, :, *o] @ image[:, *b]
    active = np.maximum(active, zero)
    for a, b, o in near:
        out[:, *b] = out[:, *b] + active[:, *a] @ kernels[:, :, *o]
    return image - step * out


_LAYERS = {OrthogonalConv: _orthogonal, MaxMin: _max_min, PotentialConv: _potential}


def _similarity(parts, prototype, image):
    own, (height, width) = _real(prototype), parts.size
    _, rows, columns = image.shape
    closest = min(
        sum(np.square(image[:, i : i + height, j : j + width] - own).ravel())
        for i in range(rows - height + 1)
        for j in range(columns - width + 1)
    )
    if isinstance(parts, ExpDistance):
        return mp.exp(-closest)
    return mp.log((closest + 1) / (closest + mpf(1e-4))) / mpf(parts.unit)
