"""What prototypes are about, where there is only one thing that it can be."""

import colorsys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_proto import CBCClassifier, ProtoPNetClassifier, RBFClassifier
from sklearn_proto.explain import Explanation
from sklearn_proto.inspection import PrototypeCharacteristics, describe_prototypes
from sklearn_proto.inspection._description._colour import (
    brightness,
    with_contrast,
    with_hue_shifted,
    with_saturation,
)
from sklearn_proto.inspection._description._smoothing import smoothed
from sklearn_proto.inspection._description._warp import warped
from sklearn_proto.metrics import make_drawn_images
from tests.data import three_classes
from tests.handmade import Brightest, Handmade, fields

RNG = np.random.default_rng(0)
COLOURS = RNG.random((2, 5, 6, 3))


# Changes of images.


@pytest.mark.parametrize("turns", [0.0, 0.1, 1 / 3, 0.5, -0.25, 1.0])
def test_hue_as_the_standard_library_has_it(turns):
    colours = [*COLOURS.reshape(-1, 3), [0, 0, 0], [1, 1, 1], [1, 0, 0], [0.5, 0.5, 0]]
    for colour in np.array(colours):
        h, s, v = colorsys.rgb_to_hsv(*colour)
        expected = colorsys.hsv_to_rgb((h + turns) % 1, s, v)
        found = with_hue_shifted(colour[None, None, None], turns)
        assert_allclose(found.ravel(), expected, atol=1e-12)


def test_saturation():
    assert_allclose(with_saturation(COLOURS, 1.0), COLOURS, atol=1e-15)
    grey = with_saturation(COLOURS, 0.0)
    assert_allclose(np.ptp(grey, axis=-1), 0.0, atol=1e-15)
    half = with_saturation(COLOURS, 0.5)
    assert_allclose(half, (COLOURS + grey) / 2)
    # It looks as bright as before (Rec. 601).
    expected = COLOURS @ [0.299, 0.587, 0.114]
    assert_allclose(brightness(half)[..., 0], expected)
    assert_allclose(grey[..., 1], expected)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_contrast(channels):
    images = COLOURS[..., :channels]
    half = with_contrast(images, 0.5)
    assert_allclose(np.ptp(half, axis=(1, 2, 3)), np.ptp(images, axis=(1, 2, 3)) / 2)
    assert_allclose(brightness(half).mean((1, 2)), brightness(images).mean((1, 2)))
    # Each image has a mean of its own.
    assert_allclose(with_contrast(images[:1], 0.5), half[:1])


def test_smoothing_is_non_local_means():
    """Pixel by pixel, from the definition."""
    images, h = RNG.random((2, 5, 7, 2)), 0.4
    found = smoothed(images, h)
    for n, y, x in np.ndindex(2, 5, 7):
        total, weights = np.zeros(2), 0.0
        for dy in range(-3, 4):
            for dx in range(-3, 4):
                squares = []
                for v in range(-1, 2):
                    for u in range(-1, 2):
                        # The border goes on, for patches and for neighbours.
                        a = min(max(y + v, 0), 4), min(max(x + u, 0), 6)
                        b = mirrored(a[0] + dy, 5), mirrored(a[1] + dx, 7)
                        squares.append(np.mean((images[n][a] - images[n][b]) ** 2))
                weight = np.exp(-np.mean(squares) / h**2)
                total += weight * images[n][mirrored(y + dy, 5), mirrored(x + dx, 7)]
                weights += weight
        assert_allclose(found[n, y, x], total / weights)


def mirrored(i, side):
    return -1 - i if i < 0 else 2 * side - 1 - i if i >= side else i


def test_smoothing_takes_texture_and_keeps_edges():
    stripes = np.where(np.arange(24) % 4 < 2, 0.05, -0.05)
    image = np.where(np.arange(24)[:, None] < 12, 0.2, 0.8) + stripes
    found = smoothed(image[None, :, :, None], 0.15)[0, :, :, 0]
    for half in (found[:9], found[15:]):
        assert half.std(axis=1).max() < 0.25 * 0.05
    assert_allclose(found[13].mean() - found[10].mean(), 0.6, atol=0.05)


def test_warp_moves_pixels_by_what_is_asked_for():
    """A ramp shows where each pixel comes from."""
    ramp = np.tile(np.arange(60.0)[:, None, None], (20, 1, 60, 1))
    found = warped(ramp, 0.05, np.random.default_rng(0))
    shift = (found - ramp)[:, 15:-15, 15:-15, 0]
    # Of the whole field it is exactly 3; the ramp ends at the border.
    assert 2.0 < np.sqrt((shift**2).mean()) < 4.0
    # Neighbours move together.
    assert np.abs(np.diff(shift, axis=1)).max() < 1.0
    assert np.abs(np.diff(shift, axis=2)).max() < 1.0
    assert not np.allclose(shift[0], shift[1])


def test_warp_of_nothing():
    assert_allclose(warped(COLOURS, 0.0, RNG), COLOURS)
    flat = np.full((2, 6, 7, 1), 0.3)
    assert_allclose(warped(flat, 0.1, RNG), flat)
    signal = np.tile(np.arange(9.0)[None, None, :, None], (2, 1, 1, 1))
    found = warped(signal, 0.1, RNG)
    assert found.shape == signal.shape
    assert not np.allclose(found, signal)


# Numbers that can be worked out.


def colour_models():
    """Its prototypes are how saturated and how bright the pixels are, on average."""

    def explain(X):
        images = X.reshape(len(X), 5, 6, 3)
        near = np.stack(
            [np.ptp(images, axis=3).mean((1, 2)), images.max(axis=3).mean((1, 2))], 1
        )
        values = np.ones((len(X), 2, 2))
        return Explanation(**fields(X, values, ["a", "b"], similarities=near))

    model = Handmade(explain)
    model.image_shape_ = (5, 6, 3)
    return model


def test_importance_is_the_loss_of_similarity():
    found = describe_prototypes(
        colour_models(), COLOURS, saturation=0.25, limits=(0, 1), random_state=0
    )
    names = found.characteristics.tolist()
    assert names == ["hue", "saturation", "contrast", "shape", "texture"]
    near = np.ptp(COLOURS, axis=3).mean((1, 2))
    assert_allclose(found.similarities[:, 0], near)
    local = dict(zip(names, found.local_importance[:, 0].T, strict=True))
    # Three quarters of the saturation and half of the contrast; hue keeps both.
    assert_allclose(local["saturation"], 0.75 * near)
    assert_allclose(local["contrast"], 0.5 * near)
    assert_allclose(local["hue"], 0.0, atol=1e-12)
    assert_allclose(found.local_importance[:, 1, 0], 0.0, atol=1e-12)
    # Rows count by their similarity.
    weights = near / near.sum()
    assert_allclose(
        found.global_importance[0], weights @ found.local_importance[:, 0], atol=1e-15
    )
    assert_allclose(found.mean_similarities[0], weights @ near)


def test_similarities_are_compared_at_the_same_place():
    """Where the brightest pixel was, whatever is bright in the copy."""
    images = np.zeros((2, 9, 9))
    images[0, 2, 3], images[1, 6, 6] = 1.0, 0.5
    moved = np.roll(images, 2, axis=2)

    class Moved(Brightest):
        """All that it explains after the first two times has moved."""

        calls = 0

        def explain(self, X):
            self.calls += 1
            return super().explain(X if self.calls < 3 else moved)

    model = Moved((9, 9))
    model.image_shape_ = (9, 9)
    found = describe_prototypes(model, images, characteristics=["contrast"])
    # There is nothing left of it, though the copy has as bright a pixel.
    assert_allclose(found.local_importance[:, 0, 0], [1.0, 0.5])
    assert_allclose(found.global_importance, [[(1.0 + 0.25) / 1.5]])


def test_a_prototype_that_is_nowhere():
    def explain(X):
        near = np.zeros((len(X), 1))
        return Explanation(**fields(X, np.ones((len(X), 2, 1)), [4], similarities=near))

    found = describe_prototypes(Handmade(explain), np.eye(3))
    assert_array_equal(found.global_importance, np.zeros((1, 3)))
    assert str(found) == (
        "Prototype 0 of class 4 is hardly about x0 or x1 or x2 (similarity 0.00)."
    )


# Rows of features.


@pytest.mark.parametrize("Estimator", [RBFClassifier, CBCClassifier])
def test_features_that_tell_the_class(Estimator):
    X, y = three_classes(n_features=2)
    noise = np.random.default_rng(1).normal(scale=0.3, size=X.shape)
    rows = np.hstack([noise, X])
    model = Estimator(max_iter=50, random_state=0).fit(rows, y)
    groups = {"noise": [0, 1], "signal": ["x2", 3]}
    found = describe_prototypes(model, rows, groups=groups, random_state=0)
    assert found.mostly_about.tolist() == ["signal"] * 3
    assert_allclose(found.similarities, model.transform(rows))
    again = describe_prototypes(model, rows, groups=groups, random_state=0)
    assert_array_equal(found.local_importance, again.local_importance)
    each = describe_prototypes(model, rows, random_state=0)
    assert each.characteristics.tolist() == ["x0", "x1", "x2", "x3"]


def test_a_group_that_is_everything_compares_with_other_rows():
    """In expectation with all of them."""
    X, y = three_classes()
    model = RBFClassifier(max_iter=20, random_state=0).fit(X, y)
    found = describe_prototypes(
        model, X, groups={"all": range(4)}, n_repeats=200, random_state=0
    )
    near = model.transform(X)
    assert_allclose(found.local_importance[..., 0], near - near.mean(axis=0), atol=0.12)


def test_frames_and_pipelines():
    X, y = three_classes()
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = RBFClassifier(max_iter=20, random_state=0).fit(frame, y)
    found = describe_prototypes(
        model, frame, groups={"a": "a", "rest": ["b", "c", "d"]}
    )
    assert found.characteristics.tolist() == ["a", "rest"]
    pipeline = make_pipeline(StandardScaler(), RBFClassifier(max_iter=20)).fit(X, y)
    options = {"groups": {"two": [0, 1]}, "random_state": 3}
    expected = describe_prototypes(pipeline[-1], pipeline[0].transform(X), **options)
    found = describe_prototypes(pipeline, X, **options)
    assert_array_equal(found.local_importance, expected.local_importance)


def test_rows_that_are_images_for_a_model_that_does_not_know():
    X, y = load_digits(n_class=3, return_X_y=True)
    model = RBFClassifier(max_iter=20, random_state=0).fit(X[:90], y[:90])
    found = describe_prototypes(model, X[:30], image_shape=(8, 8))
    assert found.characteristics.tolist() == ["contrast", "shape", "texture"]
    assert found.local_importance.shape == (30, 3, 3)


# Images whose classes differ by one thing only.

_NETWORK = ProtoPNetClassifier(
    2,
    n_channels=16,
    warmup_epochs=12,
    max_epochs=6,
    batch_size=16,
    learning_rate=3e-3,
    separation_weight=0.5,
    random_state=0,
)


@pytest.fixture(scope="module")
def described():
    found = {}
    for what in ("hue", "shape", "texture"):
        images, labels = make_drawn_images(240, differ_by=what, random_state=0)
        model = _NETWORK.fit(images, labels)
        assert model.score(images, labels) > 0.9
        found[what] = describe_prototypes(
            model, images[:100], n_repeats=1, random_state=0
        )
    return found


@pytest.mark.slow
def test_prototypes_are_about_what_makes_the_classes(described):
    right = [
        found == what
        for what, characteristics in described.items()
        for found in characteristics.mostly_about
    ]
    assert len(right) == 18
    assert np.mean(right) >= 0.9


@pytest.mark.slow
def test_layouts_of_colour_images_agree():
    images, labels = make_drawn_images(30, random_state=0)
    made = partial(
        ProtoPNetClassifier,
        1,
        n_channels=8,
        warmup_epochs=1,
        max_epochs=1,
        random_state=0,
    )
    last = describe_prototypes(made().fit(images, labels), images, random_state=0)
    moved = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    model = made(channels_first=True).fit(moved, labels)
    first = describe_prototypes(model, moved, random_state=0)
    assert_allclose(first.local_importance, last.local_importance, atol=1e-12)
    # As if the model did not know.
    flat = make_pipeline(FunctionTransformer(), model)
    again = describe_prototypes(
        flat,
        moved.reshape(30, -1),
        image_shape=(3, 24, 24),
        channels_first=True,
        random_state=0,
    )
    assert_allclose(again.local_importance, first.local_importance, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "shift"), [(255.0, 0.0), (2.0, -1.0)])
def test_any_range_of_values(scale, shift):
    images, labels = make_drawn_images(30, random_state=0)
    changed = shift + scale * images
    model = ProtoPNetClassifier(
        1, n_channels=8, warmup_epochs=0, max_epochs=0, init="random", random_state=0
    )
    unit = describe_prototypes(model.fit(images, labels), images, random_state=0)
    other = describe_prototypes(model.fit(changed, labels), changed, random_state=0)
    assert_allclose(other.local_importance, unit.local_importance, atol=1e-4)


# The words and the table.


def result(importance, near=0.8, n=2):
    values = np.atleast_2d(np.asarray(importance, dtype=float))
    k = len(values)
    return PrototypeCharacteristics(
        characteristics=np.array(["hue", "shape", "texture"]),
        prototype_labels=np.array([3, 5, 5, 7] * 6)[:k],
        global_importance=values,
        local_importance=np.stack([values * (i + 1) / n for i in range(n)]),
        similarities=np.full((n, k), near),
        mean_similarities=np.full(k, near),
    )


def test_sentences():
    found = result([[0.1, 0.7, 0.0], [0.0, 0.01, -0.2], [0.4, 0.5, 0.3]])
    assert str(found).split("\n") == [
        "Prototype 0 of class 3 is mostly about shape (0.70 of a similarity of 0.80).",
        "Prototype 1 of class 5 is hardly about hue or shape or texture "
        "(similarity 0.80).",
        "Prototype 2 of class 5 is mostly about shape (0.50 of a similarity of 0.80), "
        "and about hue (0.40) and texture (0.30).",
    ]
    assert found.sentences(row=0)[0] == (
        "Prototype 0 of class 3 in row 0 is mostly about shape (0.35 of a similarity "
        "of 0.80)."
    )
    assert found.mostly_about.tolist() == ["shape"] * 3
    assert repr(found) == (
        "PrototypeCharacteristics(3 prototypes, 2 rows: hue, shape, texture)"
    )


def test_many_prototypes_are_counted():
    lines = str(result(np.ones((24, 3)))).split("\n")
    assert len(lines) == 21
    assert lines[-1] == "... and 4 more prototypes."
    assert len(str(result(np.ones((20, 3)))).split("\n")) == 20


def test_frame():
    found = result([[0.1, 0.7, 0.0], [0.0, 0.2, 0.4]])
    frame = found.to_frame()
    assert frame.columns.tolist() == [
        "prototype",
        "prototype_label",
        "similarity",
        "characteristic",
        "importance",
    ]
    assert frame["importance"].tolist() == [0.1, 0.7, 0.0, 0.0, 0.2, 0.4]
    assert frame["prototype_label"].tolist() == [3, 3, 3, 5, 5, 5]
    rows = found.to_frame(local=True)
    assert len(rows) == 12
    one = rows.query("row == 1 and prototype == 1 and characteristic == 'texture'")
    assert one["importance"].tolist() == [found.local_importance[1, 1, 2]]


# What is refused.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hue": -0.1}, r"'hue' .*Got -0.1"),
        ({"warp": "much"}, r"'warp' .*Got 'much'"),
        ({"smoothing": 0}, r"'smoothing' .*Got 0"),
        ({"n_repeats": 0}, r"'n_repeats' .*Got 0"),
        ({"groups": {"g": [4]}}, r"groups\['g'\] has 4, which is neither"),
        ({"groups": {"g": ["width"]}}, r"groups\['g'\] has 'width'"),
        ({"groups": {"g": []}}, r"groups\['g'\] is empty"),
        ({"image_shape": (3, 3)}, r"image_shape=\(3, 3\) must be .* of 4 numbers"),
        ({"image_shape": (2, 2), "limits": (1, 0)}, r"limits=\(1, 0\)"),
        (
            {"image_shape": (2, 2), "characteristics": ["hue"]},
            r"characteristics=\['hue'\] must name some of \['contrast', 'shape', "
            r"'texture'\]. The images are grey",
        ),
        ({"characteristics": []}, r"characteristics=\[\] must name some of \['x0'"),
        ({"characteristics": ["x9"]}, r"characteristics=\['x9'\]"),
    ],
)
def test_parameters_that_are_refused(options, message):
    X, y = three_classes()
    model = RBFClassifier(max_iter=5, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=message):
        describe_prototypes(model, X, **options)


def test_models_and_rows_that_are_refused():
    X, y = three_classes()
    with pytest.raises(TypeError, match="has no method explain"):
        describe_prototypes(LogisticRegression().fit(X, y), X)
    model = RBFClassifier(max_iter=5).fit(X, y)
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 4\)\)"):
        describe_prototypes(model, X[:0])
