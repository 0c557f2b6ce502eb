"""The arithmetic of receptive fields against what gradients say."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from sklearn_proto import ProtoPNetClassifier
from sklearn_proto._modules import (
    ImageLayout,
    ReceptiveField,
    Window,
    receptive_field,
    small_backbone,
)

SIZE = (19, 23)


class Twice(nn.Sequential):
    """Calls its children, twice."""

    def forward(self, x):
        return super().forward(super().forward(x))


class Wider(nn.Conv2d):
    """Shows a convolution something else."""

    def forward(self, x):
        return super().forward(x.roll(1, 2))


class Named(nn.Sequential):
    """A Sequential by another name."""


class Halves(nn.Module):
    """Says itself what it looks at."""

    window = Window((2, 2), (2, 2))

    def forward(self, x):
        return nn.functional.avg_pool2d(x, 2)


KNOWN = {
    "convolution": [nn.Conv2d(2, 3, 3)],
    "padding": [nn.Conv2d(2, 3, 5, padding=2), nn.Conv2d(3, 2, 3, padding=1)],
    "rectangles": [nn.Conv2d(2, 3, (3, 5), stride=(2, 1), padding=(0, 2))],
    "stride": [nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.Conv2d(3, 2, 3, stride=2)],
    "dilation": [nn.Conv2d(2, 3, 3, dilation=2, padding=2), nn.Conv2d(3, 2, 3)],
    "same": [nn.Conv2d(2, 3, (4, 3), padding="same", dilation=(1, 2))],
    "valid": [nn.Conv2d(2, 3, 4, padding="valid")],
    "groups": [nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 2, 1)],
    "max-pooling": [nn.Conv2d(2, 3, 3, padding=1), nn.MaxPool2d(3, 2, padding=1)],
    "dilated-pooling": [nn.MaxPool2d((2, 3), (1, 2), dilation=(3, 1))],
    "ceiling": [nn.MaxPool2d(4, ceil_mode=True), nn.Conv2d(2, 2, 2)],
    "mean-pooling": [
        nn.Conv2d(2, 2, 2),
        nn.AvgPool2d(2),
        nn.Conv2d(2, 3, 3),
        nn.AvgPool2d(3, 1, 1),
    ],
    "pointwise": [
        nn.Identity(),
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(),
        nn.Dropout(0.5),
        nn.GELU(),
        nn.Softmax(dim=1),
    ],
    "nested": [Named(nn.Conv2d(2, 3, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(3, 2, 3)))],
    "window": [nn.Conv2d(2, 2, 2), Halves()],
    "small": list(small_backbone(ImageLayout(*SIZE, 2))),
}

UNKNOWN = {
    "adaptive": nn.AdaptiveAvgPool2d(4),
    "circular": nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"),
    "reflect": nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"),
    "transposed": nn.ConvTranspose2d(2, 3, 3),
    "group-norm": nn.GroupNorm(1, 2),
    "instance-norm": nn.InstanceNorm2d(2),
    "no-statistics": nn.BatchNorm2d(2, track_running_stats=False),
    "softmax": nn.Softmax(dim=2),
    "indices": nn.MaxPool2d(2, return_indices=True),
    "upsample": nn.Upsample(scale_factor=2),
    "sequential": Twice(nn.Conv2d(2, 2, 3)),
    "subclass": Wider(2, 3, 3),
}


def generic(modules):
    """The modules in a row, in evaluation, with parameters in general position."""
    network = nn.Sequential(*modules).double().eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.normal_(generator=generator)
    return network


def touched(network, position, patch_size):
    """Pixels (H, W) with a gradient of a patch in any of many images."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(200, 2, *SIZE, generator=generator, dtype=torch.float64)
    z = network(x.requires_grad_())
    i, j = np.unravel_index(
        position, [s - p + 1 for s, p in zip(z.shape[2:], patch_size, strict=True)]
    )
    patch = z[:, :, i : i + patch_size[0], j : j + patch_size[1]]
    weight = torch.randn(patch.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((patch * weight).sum(), x)
    return (gradient != 0).any(0).any(0).numpy(), z.shape[2:]


# An even kernel needs one zero more behind than in front.
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize("patch_size", [(1, 1), (2, 1)])
@pytest.mark.parametrize("name", list(KNOWN))
def test_boxes_are_the_reach_of_gradients(name, patch_size):
    network = generic(KNOWN[name])
    field = receptive_field(*network.children())
    _, (height, width) = touched(network, 0, patch_size)
    shape = height - patch_size[0] + 1, width - patch_size[1] + 1
    n = shape[0] * shape[1]
    for position in {0, shape[1] - 1, n // 2, n - 1}:
        marked, _ = touched(network, position, patch_size)
        top, left, bottom, right = field.box(position, shape, patch_size, SIZE)
        rows, columns = (np.flatnonzero(marked.any(axis)) for axis in (1, 0))
        assert (rows[0], rows[-1] + 1) == (top, bottom)
        assert (columns[0], columns[-1] + 1) == (left, right)
        inside = np.zeros(SIZE, dtype=bool)
        inside[top:bottom, left:right] = True
        assert not (marked & ~inside).any()
        if "dilat" not in name and "same" not in name:
            assert_array_equal(marked, inside)


@pytest.mark.parametrize("name", list(UNKNOWN))
def test_what_is_not_known_has_no_field(name):
    assert receptive_field(UNKNOWN[name]) is None
    assert receptive_field(nn.Conv2d(2, 2, 3), nn.Sequential(UNKNOWN[name])) is None


def test_closed_form_of_a_tower():
    # r = 1 + sum (k - 1) j, j = prod s, o = - sum p j.
    tower = [nn.Conv2d(1, 1, 3, stride=2, padding=1) for _ in range(4)]
    field = receptive_field(nn.Sequential(*tower))
    assert field == ((31, 31), (16, 16), (-15, -15))


def test_no_layers_see_one_pixel():
    assert receptive_field() == ((1, 1), (1, 1), (0, 0))
    box = receptive_field(nn.Sequential()).box(7, (4, 5), (1, 1), (4, 5))
    assert box.tolist() == [1, 2, 2, 3]


def test_boxes_of_many_positions():
    field = ReceptiveField((5, 3), (2, 1), (-1, -2))
    positions = np.arange(24).reshape(2, 3, 4)
    boxes = field.box(positions, (4, 6), (1, 1), (9, 7))
    assert boxes.shape == (2, 3, 4, 4)
    for p in range(24):
        one = field.box(p, (4, 6), (1, 1), (9, 7))
        assert_array_equal(boxes.reshape(24, 4)[p], one)
    assert boxes.min() == 0
    assert (boxes[..., 2] <= 9).all()
    assert (boxes[..., 3] <= 7).all()


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 16, 18)), np.repeat([0, 1], 20)
    X[y == 1, 3:6, 4:8] += 3.0
    return X, y


def fitted(images, backbone):
    options = {"n_channels": 4, "warmup_epochs": 1, "max_epochs": 1}
    model = ProtoPNetClassifier(2, backbone=backbone, random_state=0, **options)
    return model.fit(*images)


def test_nothing_outside_its_box_matters_to_a_patch(images):
    # Generators are torch's global one, which the test must not move.
    with torch.random.fork_rng():
        backbone = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3)
        )
    model = fitted(images, backbone)
    assert model.receptive_field_ == ((7, 7), (2, 2), (-1, -1))
    assert type(model.receptive_field_) is tuple
    X = images[0][:4]
    explanation = model.explain(X)
    boxes = explanation.receptive_boxes
    assert boxes.shape == (4, 4, 4)
    best = explanation.similarity_maps.reshape(4, 4, -1).argmax(-1)
    noise = np.random.default_rng(1).normal(size=X.shape[1:])
    for i, k in np.ndindex(4, 4):
        top, left, bottom, right = boxes[i, k]
        changed, inside = noise.copy(), X[i].copy()
        changed[top:bottom, left:right] = X[i, top:bottom, left:right]
        inside[top:bottom, left:right] += noise[top:bottom, left:right]
        maps = model.explain(np.stack([changed, inside])).similarity_maps
        there = maps[:, k].reshape(2, -1)[:, best[i, k]]
        assert_allclose(there[0], explanation.similarities[i, k], rtol=1e-12)
        assert there[1] != there[0]


def test_an_unknown_backbone_has_no_boxes(images):
    with torch.random.fork_rng():
        backbone = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(5))
    model = fitted(images, backbone)
    assert model.receptive_field_ is None
    explanation = model.explain(images[0][:2])
    assert explanation.receptive_boxes is None
    assert explanation[0].bounding_boxes.shape == (1, 4, 4)
    assert "<img" in explanation._repr_html_()
