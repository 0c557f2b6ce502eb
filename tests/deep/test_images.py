"""Images in every layout, backbones of users, and clear errors for both."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_proto import ProtoPNetClassifier

HEIGHT, WIDTH = 8, 6
QUICK = {
    "n_channels": 8,
    "warmup_epochs": 2,
    "max_epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.01,
    "last_layer_iter": 5,
    "random_state": 0,
    "device": "cpu",
}


def coloured(n=60):
    """Dark photographs with a spot: its colour is the class, its place is not."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    images = rng.integers(0, 60, (n, HEIGHT, WIDTH, 3))
    for image, c in zip(images, y, strict=True):
        top, left = rng.integers(0, HEIGHT - 3), rng.integers(0, WIDTH - 3)
        image[top : top + 3, left : left + 3, c] = 255
    return images.astype(np.uint8), y


PHOTOS, Y = coloured()
FIRST = np.ascontiguousarray(PHOTOS.transpose(0, 3, 1, 2))
GREY = PHOTOS[..., 0]
Y_GREY = (Y == 0).astype(int)


def quick(**options):
    return ProtoPNetClassifier(**{"n_prototypes_per_class": 2} | QUICK | options)


@pytest.fixture(scope="module")
def colour():
    return quick().fit(PHOTOS, Y)


@pytest.fixture(scope="module")
def grey():
    return quick().fit(GREY, Y_GREY)


def assert_same(one, other, rows, other_rows):
    """The same network, and the same output for the same pixels, bit for bit."""
    for name in ("prototypes_", "coef_", "prototype_images_", "prototype_indices_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.temperature_ == other.temperature_
    for method in ("predict", "predict_proba", "transform", "decision_function"):
        np.testing.assert_array_equal(
            getattr(one, method)(rows), getattr(other, method)(other_rows)
        )


# Layouts.


def test_it_learns_colours(colour):
    assert colour.score(PHOTOS, Y) > 0.9
    assert colour.image_shape_ == (HEIGHT, WIDTH, 3)
    assert colour.n_features_in_ == HEIGHT * WIDTH * 3
    assert colour.prototype_images_.shape == (6, HEIGHT, WIDTH, 3)
    found = PHOTOS[colour.prototype_indices_]
    np.testing.assert_array_equal(colour.prototype_images_, found)


@pytest.mark.parametrize("flat", [False, True])
def test_channels_first_gives_the_same_fit(colour, flat):
    rows = FIRST.reshape(60, -1) if flat else FIRST
    shape = (3, HEIGHT, WIDTH) if flat else None
    other = quick(channels_first=True, image_shape=shape).fit(rows, Y)
    assert_same(colour, other, PHOTOS, rows)
    assert other.image_shape_ == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(
        colour.explain(PHOTOS[:3]).bounding_boxes,
        other.explain(rows[:3]).bounding_boxes,
    )


@pytest.mark.parametrize("photos", [PHOTOS, FIRST], ids=["last", "first"])
def test_photographs_and_flat_rows_are_the_same(photos):
    first = photos is FIRST
    shape = photos.shape[1:]
    one = quick(channels_first=first, image_shape=shape, max_epochs=1).fit(photos, Y)
    rows = photos.reshape(60, -1)
    other = quick(channels_first=first, image_shape=shape, max_epochs=1).fit(rows, Y)
    assert_same(one, other, photos, rows)
    # Either takes both.
    np.testing.assert_array_equal(one.predict_proba(rows), other.predict_proba(photos))
    np.testing.assert_array_equal(
        one.explain(rows[:2]).contributions, one.explain(photos[:2]).contributions
    )


@pytest.mark.parametrize(
    ("channels_first", "shape", "views"),
    [
        (False, (HEIGHT, WIDTH), [GREY, GREY[..., None]]),
        (False, (HEIGHT, WIDTH, 1), [GREY, GREY[..., None]]),
        (True, (1, HEIGHT, WIDTH), [GREY[:, None], GREY]),
    ],
)
def test_grey_images_with_and_without_a_channel(grey, channels_first, shape, views):
    other = quick(image_shape=shape, channels_first=channels_first)
    other.fit(views[0], Y_GREY)
    assert other.image_shape_ == (HEIGHT, WIDTH)
    assert other.prototype_images_.shape == (4, HEIGHT, WIDTH)
    for view in views:
        assert_same(grey, other, GREY, view)


def as_memory_map(images, folder):
    found = np.memmap(
        folder / "images", dtype=images.dtype, shape=images.shape, mode="w+"
    )
    found[:] = images
    return found


@pytest.mark.parametrize(
    "make",
    [
        as_memory_map,
        lambda images, _: np.asfortranarray(images),
        lambda images, _: np.repeat(images, 2, axis=2)[:, :, ::2],
        lambda images, _: np.flip(np.flip(images, 1).copy(), 1),
    ],
    ids=["memory map", "Fortran", "strides", "flipped"],
)
def test_however_they_lie_in_memory(colour, make, tmp_path):
    images = make(PHOTOS, tmp_path)
    assert_same(colour, quick().fit(images, Y), PHOTOS, images)


def test_lists():
    model = quick(max_epochs=1).fit(GREY.tolist(), Y_GREY.tolist())
    # Whole numbers of no small type are float64, as everywhere.
    assert model.predict_proba(GREY.tolist()).dtype == np.float64
    other = quick(max_epochs=1).fit(GREY.astype(np.float64), Y_GREY)
    assert_same(model, other, GREY.tolist(), GREY.astype(float))


def test_frames_of_flat_rows(grey):
    names = [f"p{i}" for i in range(HEIGHT * WIDTH)]
    frame = pd.DataFrame(GREY.reshape(60, -1), columns=names)
    model = quick(image_shape=(HEIGHT, WIDTH)).fit(frame, Y_GREY)
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(model.predict(frame), grey.predict(GREY))
    np.testing.assert_array_equal(model.prototypes_, grey.prototypes_)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"p0": "q"}))


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "f2", "f4", "f8"])
def test_every_type_of_number_gives_the_same_network(colour, kind):
    model = quick().fit(PHOTOS.astype(kind), Y)
    for name in ("prototypes_", "coef_", "temperature_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(colour, name))
    np.testing.assert_array_equal(
        model.predict(PHOTOS.astype(kind)), colour.predict(PHOTOS)
    )
    wide = kind == "f8"
    found = model.predict_proba(PHOTOS.astype(kind))
    assert found.dtype == (np.float64 if wide else np.float32)
    np.testing.assert_allclose(found, colour.predict_proba(PHOTOS), rtol=1e-6)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, bool])
def test_small_numbers_are_kept_small(kind):
    """float32 holds them exactly, at half the memory of float64."""
    model = quick(max_epochs=1).fit((GREY > 128).astype(kind), Y_GREY)
    assert model.prototype_images_.dtype == np.float32
    large = quick(max_epochs=1).fit((GREY > 128).astype(np.int64), Y_GREY)
    assert large.prototype_images_.dtype == np.float64
    np.testing.assert_array_equal(model.prototypes_, large.prototypes_)


def test_rows_without_a_shape_are_signals():
    model = quick(max_epochs=1).fit(GREY.reshape(60, -1), Y_GREY)
    assert model.image_shape_ == (1, HEIGHT * WIDTH)
    assert model.prototype_images_.shape == (4, 1, HEIGHT * WIDTH)


def test_every_method_takes_images(colour, monkeypatch):
    rows = PHOTOS.reshape(60, -1)
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "transform",
        "decision_function",
    ):
        np.testing.assert_array_equal(
            getattr(colour, method)(PHOTOS), getattr(colour, method)(rows)
        )
    assert colour.score(PHOTOS, Y) == colour.score(rows, Y)
    seen = []

    def spy(estimator, X, y, **options):
        seen.append((X, y, options["norm"]))
        return np.ones(len(X))

    monkeypatch.setattr("sklearn_proto._base.certified_radius", spy)
    assert colour.certified_radius(PHOTOS, Y, norm=1).shape == (60,)
    np.testing.assert_array_equal(seen[0][0], PHOTOS)
    assert seen[0][1:] == (Y, 1)


def test_projecting_again_takes_images(colour):
    one, other = (copy.deepcopy(colour) for _ in range(2))
    one.project(PHOTOS[:30], Y[:30])
    other.project(PHOTOS[:30].reshape(30, -1), Y[:30])
    np.testing.assert_array_equal(one.prototypes_, other.prototypes_)
    assert (one.prototype_indices_ < 30).all()


@pytest.mark.slow
def test_in_a_pipeline_under_grid_search():
    rows = PHOTOS.reshape(60, -1).astype(float)
    model = quick(image_shape=(HEIGHT, WIDTH, 3), max_epochs=8, batch_size=8)
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {"protopnetclassifier__n_prototypes_per_class": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(rows, Y)
    assert search.score(rows, Y) > 0.6
    images = search.best_estimator_[-1].prototype_images_
    assert images.shape[1:] == (HEIGHT, WIDTH, 3)
    assert images.min() < 0, "they are what the network was given"


@pytest.mark.slow
def test_grid_search_over_images():
    grid = {"n_prototypes_per_class": [1, 2]}
    search = GridSearchCV(quick(), grid, cv=2, error_score="raise").fit(PHOTOS, Y)
    assert search.score(PHOTOS, Y) > 0.6


# Backbones of users.


class Noisy(nn.Module):
    """Has statistics and draws, as those of libraries do."""

    def __init__(self, channels=3):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.MaxPool2d(2),
        )

    def forward(self, x):
        return self.layers(x)


class Pyramid(Noisy):
    """Gives an early and a late map."""

    def forward(self, x):
        early = self.layers[:1](x)
        return [early, self.layers[1:](early)]


class Named(Pyramid):
    def forward(self, x):
        return dict(zip(("early", "late"), super().forward(x), strict=True))


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def test_another_backbone_waits_for_the_next_fit():
    model = quick(backbone=seeded(Noisy)).fit(PHOTOS, Y)
    before = model.predict_proba(PHOTOS)
    model.set_params(backbone="auto", n_channels=5, patch_size=2)
    np.testing.assert_array_equal(model.predict_proba(PHOTOS), before)
    assert model.fit(PHOTOS, Y).prototypes_.shape[1:] == (5, 2, 2)


def test_layers_that_the_user_froze_stay_as_they_are():
    backbone = seeded(Noisy)
    backbone.layers[0].bias.requires_grad = False
    model = quick(backbone=backbone, max_epochs=2).fit(PHOTOS, Y)
    trained = model.certifiable_view().network.backbone
    kept, learned = trained.layers[0].bias, trained.layers[0].weight
    np.testing.assert_array_equal(kept, backbone.layers[0].bias)
    assert not np.allclose(learned, backbone.layers[0].weight.detach())


def state_of(module):
    return {n: t.clone() for n, t in module.state_dict().items()}


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name].numpy(), other[name].numpy())


@pytest.mark.parametrize("make", [Noisy, Pyramid, Named])
def test_a_module_is_not_changed(make):
    module = seeded(make)
    before, mode = state_of(module), module.training
    model = quick(backbone=module, max_epochs=4, batch_size=8).fit(PHOTOS, Y)
    assert model.backbone is module
    assert_same_state(before, state_of(module))
    assert module.training is mode
    assert all(p.requires_grad and p.grad is None for p in module.parameters())
    assert model.score(PHOTOS, Y) > 0.6
    # What predicts is another one, and was trained.
    trained = model.certifiable_view().network.backbone.state_dict()
    assert not np.array_equal(
        trained["layers.0.weight"].numpy(), before["layers.0.weight"].numpy()
    )
    assert int(trained["layers.1.num_batches_tracked"]) > 0
    one = model.predict_proba(PHOTOS[:1])
    np.testing.assert_allclose(one, model.predict_proba(PHOTOS)[:1], rtol=1e-6)


@pytest.mark.parametrize("share", [False, True], ids=["new ones", "always the same"])
def test_a_callable_makes_the_backbone(share):
    kept = seeded(Noisy)
    before = state_of(kept)
    by_module = quick(backbone=kept).fit(PHOTOS, Y)
    made = quick(backbone=lambda: kept if share else seeded(Noisy)).fit(PHOTOS, Y)
    assert_same(by_module, made, PHOTOS, PHOTOS)
    assert_same_state(before, state_of(kept))


def test_a_class_is_a_callable():
    one, other = (quick(backbone=Noisy).fit(PHOTOS, Y) for _ in range(2))
    assert_same(one, other, PHOTOS, PHOTOS)


def test_clones_are_independent():
    model = quick(backbone=seeded(Noisy)).fit(PHOTOS, Y)
    copied = clone(model)
    assert copied.backbone is not model.backbone
    with torch.no_grad():
        for parameter in copied.backbone.parameters():
            parameter.zero_()
    before = model.predict_proba(PHOTOS)
    copied.fit(PHOTOS, Y)
    np.testing.assert_array_equal(model.predict_proba(PHOTOS), before)
    again = clone(model).fit(PHOTOS, Y)
    np.testing.assert_array_equal(again.predict_proba(PHOTOS), before)


@pytest.mark.parametrize("init", ["kmeans", "random"])
def test_a_backbone_at_rest_keeps_every_bit(init):
    module = seeded(Noisy)
    # Statistics as of a training on other images.
    with torch.no_grad():
        module.layers[1].running_mean.copy_(torch.linspace(-0.1, 0.1, 6))
        module.layers[1].running_var.copy_(torch.linspace(0.5, 1.7, 6))
    model = quick(backbone=module, train_backbone=False, init=init).fit(PHOTOS, Y)
    found = model.certifiable_view().network.backbone.state_dict()
    assert_same_state(found, state_of(module))
    assert found["layers.1.running_mean"].dtype == torch.float64
    assert model.score(PHOTOS, Y) > 0.5


@pytest.mark.parametrize("kind", [torch.float64, torch.float16])
def test_a_backbone_of_another_precision(kind):
    module = seeded(Noisy).to(kind)
    model = quick(backbone=module, max_epochs=1).fit(PHOTOS, Y)
    assert module.layers[0].weight.dtype == kind
    assert model.predict(PHOTOS).shape == (60,)


# Errors.


def refused(words, function, *arguments):
    with pytest.raises(ValueError) as error:
        function(*arguments)
    for word in words:
        assert word in str(error.value), f"{word!r} is not in: {error.value}"


@pytest.mark.parametrize(
    ("options", "images", "words"),
    [
        ({}, PHOTOS[..., None], ["image_shape=None", "(60, 8, 6, 3, 1)", "(height, w"]),
        ({"image_shape": (8, 8)}, GREY, ["(8, 6)", "(8, 8)"]),
        (
            {"image_shape": (8, 8)},
            GREY.reshape(60, -1),
            ["image_shape=(8, 8)", "64", "48"],
        ),
        (
            {"image_shape": (8, 6), "channels_first": True},
            GREY,
            ["image_shape=(8, 6)", "channels_first=True", "(channels, height, width)"],
        ),
        (
            {"channels_first": True},
            GREY,
            ["channels_first=True", "(60, 8, 6)", "(channels, height, width)"],
        ),
        ({"image_shape": (48,)}, GREY.reshape(60, -1), ["image_shape=(48,)"]),
        ({"image_shape": (0, 6)}, GREY, ["image_shape=(0, 6)", "at least 1"]),
        ({"image_shape": (8.0, 6)}, GREY, ["image_shape=(8.0, 6)"]),
        ({"image_shape": 48}, GREY, ["image_shape", "48"]),
        ({"patch_size": 9}, GREY, ["patch_size=9", "map of 4 x 6 "]),
        ({"patch_size": 0}, GREY, ["patch_size", "0"]),
        ({"n_prototypes_per_class": 0}, GREY, ["n_prototypes_per_class", "0"]),
        ({"n_prototypes_per_class": [1]}, GREY, ["n_prototypes_per_class"]),
        ({"backbone": "resnet"}, GREY, ["backbone", "'resnet'", "'auto'"]),
        ({"similarity": "dot"}, GREY, ["similarity", "'dot'", "'cosine'"]),
        ({"aggregation": "mean"}, GREY, ["aggregation", "'mean'", "'linear'"]),
        ({"init": "zero"}, GREY, ["init", "'zero'", "'kmeans'"]),
        ({"init": np.zeros((4, 3, 1, 1))}, GREY, ["init", "(4, 8, 1, 1)"]),
        ({"train_backbone": "no"}, GREY, ["train_backbone", "'no'"]),
        ({"learning_rate": 0}, GREY, ["learning_rate", "0"]),
        ({"checkpoint_dir": 3}, GREY, ["checkpoint_dir", "3"]),
        ({"device": "tpu9"}, GREY, ["device='tpu9'"]),
    ],
)
def test_parameters_that_do_not_fit(options, images, words):
    refused(words, quick(**options).fit, images, Y_GREY)


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        (nn.Flatten(), ["(1, 48)", "(1, D, H, W)"]),
        (nn.Conv2d(3, 4, 3), ["(1, 1, 8, 6)", "3 channels"]),
        (nn.Conv2d(1, 4, 9), ["(1, 1, 8, 6)", "fails"]),
        (lambda: 3, ["returned a int", "torch.nn.Module"]),
        (lambda: None, ["returned a NoneType"]),
        (dict, ["returned a dict"]),
    ],
)
def test_what_is_no_backbone(backbone, words):
    refused(["backbone", *words], quick(backbone=backbone).fit, GREY, Y_GREY)


class Returns(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return self.value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("map", ["str"]),
        ([], ["fails"]),
        (None, ["fails"]),
        ([3, 4], ["int"]),
        (torch.ones(1, 4, 3), ["(1, 4, 3)"]),
        (torch.ones(2, 4, 3, 3), ["(2, 4, 3, 3)"]),
    ],
)
def test_a_backbone_that_returns_no_map(value, words):
    words = ["backbone", "(1, 1, 8, 6)", *words]
    refused(words, quick(backbone=Returns(value)).fit, GREY, Y_GREY)


def test_images_that_do_not_fit():
    gap = GREY.astype(float)
    gap[3, 2, 1] = np.nan
    refused(["NaN"], quick().fit, gap, Y_GREY)
    ragged = quick(image_shape=[[1], [1, 2]])
    refused(["image_shape=[[1], [1, 2]]", "height"], ragged.fit, GREY, Y_GREY)
    refused(["1 class", "at least 2"], quick().fit, GREY, np.zeros(60))
    refused(["60", "59"], quick().fit, GREY, Y_GREY[:-1])
    refused(["0 sample"], quick().fit, GREY[:0], Y_GREY[:0])
    refused(["2D array", "1D array"], quick().fit, np.ones(60), Y_GREY)


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "transform", "explain", "certified_radius"]
)
def test_predicting_other_images(colour, method):
    function = getattr(colour, method)
    refused(["(8, 5, 3)", "(8, 6, 3)"], function, PHOTOS[:, :, 1:])
    refused(["(3, 8, 6)", "(8, 6, 3)"], function, FIRST)
    refused(["(8, 6)", "(8, 6, 3)"], function, GREY)
    refused(["(8, 6, 3, 1)", "(8, 6, 3)"], function, PHOTOS[..., None])


def test_predicting_gaps(colour):
    gap = PHOTOS.astype(float)
    gap[3, 2, 1] = np.nan
    for method in ("predict", "predict_proba", "transform", "explain"):
        refused(["NaN"], getattr(colour, method), gap)
    refused(["143", "144"], colour.predict, PHOTOS.reshape(60, -1)[:, 1:])


def test_projecting_other_images(colour):
    model = copy.deepcopy(colour)
    refused(["(8, 5, 3)", "(8, 6, 3)"], model.project, PHOTOS[:, :, 1:], Y)
    refused(["[0, 1]", "[0, 1, 2]"], model.project, PHOTOS[Y < 2], Y[Y < 2])
    np.testing.assert_array_equal(model.predict(PHOTOS), colour.predict(PHOTOS))
