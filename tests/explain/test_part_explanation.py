"""This looks like that: the numbers, the words and the pictures."""

import io
import re
import sys
import xml.etree.ElementTree as ET
from base64 import b64decode
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from sklearn_proto import ProtoPNetClassifier
from sklearn_proto._memory import at_once
from sklearn_proto.explain import (
    PartExplanation,
    part_boxes,
    percentile_boxes,
    upsampled,
)
from sklearn_proto.explain import _activation as activation
from sklearn_proto.explain._pixels import image_of_row, rendered
from sklearn_proto.explain._row_summary import Picture, row_summary

OPTIONS = {"n_channels": 8, "warmup_epochs": 1, "max_epochs": 1, "random_state": 0}
PER_ROW = ("X", "scores", "similarities", "similarity_maps", "bounding_boxes")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(n_class=3, return_X_y=True)
    return X[:90], np.array(["nil", "one", "two"])[y[:90]]


@pytest.fixture(scope="module")
def model(digits):
    return ProtoPNetClassifier(2, image_shape=(8, 8), **OPTIONS).fit(*digits)


@pytest.fixture(scope="module")
def explanation(model, digits):
    return model.explain(digits[0][:12])


@pytest.fixture
def never_projected(explanation):
    nothing = dict.fromkeys(
        ("prototype_images", "prototype_boxes", "prototype_indices")
    )
    return replace(explanation, **nothing)


def colour_data():
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 99, (30, 9, 12, 3)).astype(np.uint8), np.repeat([0, 1], 15)
    X[y == 1, 2:5, 3:7, 0] = 250
    return X, y


# The numbers.


def test_contributions_add_up(model, explanation, digits):
    e = explanation
    assert isinstance(e, PartExplanation)
    assert_allclose(e.contributions.sum(-1) + e.baseline, e.scores, atol=1e-9)
    assert_allclose(e.scores, model.decision_function(digits[0][:12]), rtol=1e-12)
    assert_allclose(e.similarities, e.similarity_maps.max(axis=(2, 3)), rtol=1e-12)


def cubic(t):
    """Keys' kernel with a = -0.75."""
    t, a = np.abs(t), -0.75
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    far = a * (t**3 - 5 * t**2 + 8 * t - 4)
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


def interpolation(taken, given):
    """Matrix (given, taken): half-pixel centres, the border goes on."""
    matrix = np.zeros((given, taken))
    for i in range(given):
        centre = (i + 0.5) * taken / given - 0.5
        for j in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            matrix[i, min(max(j, 0), taken - 1)] += cubic(centre - j)
    return matrix


def test_activation_maps_are_bicubic():
    maps = np.random.default_rng(0).random((2, 3, 4, 5))
    rows, columns = interpolation(4, 11), interpolation(5, 13)
    expected = np.einsum("ih,nkhw,jw->nkij", rows, maps, columns)
    assert_allclose(upsampled(maps, (11, 13)), expected, rtol=1e-9, atol=1e-12)


def test_activation_maps_of_an_explanation(explanation):
    maps = explanation.activation_maps
    assert maps.shape == (12, 6, 8, 8)
    assert_array_equal(maps, upsampled(explanation.similarity_maps, (8, 8)))
    for j in range(6):
        assert_array_equal(explanation.activation_of(j), maps[:, j])


@pytest.mark.parametrize("percentile", [0, 50, 95, 100])
def test_boxes_are_tight(percentile):
    maps = np.random.default_rng(1).random((3, 4, 9, 7))
    boxes = percentile_boxes(maps, percentile)
    for i, k in np.ndindex(3, 4):
        at = np.argwhere(maps[i, k] >= np.percentile(maps[i, k], percentile))
        expected = [*at.min(0), *(at.max(0) + 1)]
        assert boxes[i, k].tolist() == expected


def test_boxes_of_an_explanation(model, explanation):
    expected = percentile_boxes(explanation.activation_maps, model.box_percentile)
    assert_array_equal(explanation.bounding_boxes, expected)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1234567, 1e-12])
@pytest.mark.parametrize("size", [(8, 8), (2, 3), (1, 40)])
def test_the_box_of_equal_values_is_the_image(value, size):
    """Also where interpolation leaves them apart by rounding."""
    boxes = part_boxes(np.full((2, 3, 4, 4), value), size, 95)
    assert boxes.tolist() == [[[0, 0, *size]] * 3] * 2


@pytest.mark.parametrize("peak", [(0, 0), (3, 5), (6, 8)])
def test_an_image_smaller_than_its_map_keeps_the_peak(peak):
    maps = np.zeros((7, 9))
    maps[peak] = 1.0
    small = upsampled(maps, (3, 4))
    assert small.max() == 1.0
    at = np.unravel_index(small.argmax(), (3, 4))
    # The pixel whose area holds the peak.
    assert at == (peak[0] * 3 // 7, peak[1] * 4 // 9)
    top, left, bottom, right = part_boxes(maps, (3, 4), 95)
    assert (top, left) == at
    assert (bottom, right) == (at[0] + 1, at[1] + 1)


def test_boxes_need_few_maps_at_a_time(monkeypatch):
    maps = np.random.default_rng(2).random((5, 4, 3, 3))
    whole = part_boxes(maps, (10, 12), 90)
    sizes = []

    def recorded(maps, percentile):
        sizes.append(maps.size)
        return percentile_boxes(maps, percentile)

    monkeypatch.setattr(activation, "at_once", lambda pixels: at_once(pixels, 400))
    monkeypatch.setattr(activation, "percentile_boxes", recorded)
    assert_array_equal(part_boxes(maps, (10, 12), 90), whole)
    assert max(sizes) <= 400
    assert sum(sizes) == 20 * 120


def test_the_source_of_a_prototype_is_all_like_it(model, digits):
    """Its best patch is the prototype, in the box that is kept for it."""
    indices = model.prototype_indices_
    e = model.explain(digits[0][indices])
    own = np.arange(6)
    # The similarity of distance zero.
    assert_allclose(e.similarities[own, own], 1.0, atol=1e-5)
    assert_array_equal(e.bounding_boxes[own, own], model.prototype_boxes_)
    assert_array_equal(e.X.reshape(-1, 8, 8), model.prototype_images_)
    assert_array_equal(e.prototype_indices, indices)


def test_receptive_boxes_of_the_default_backbone(model, explanation):
    assert model.receptive_field_ == ((16, 16), (2, 2), (-7, -7))
    boxes = explanation.receptive_boxes
    best = explanation.similarity_maps.reshape(12, 6, 16).argmax(-1)
    top, left = np.divmod(best, 4)
    start = np.stack([2 * top - 7, 2 * left - 7], -1)
    assert_array_equal(boxes[..., :2], start.clip(0))
    assert_array_equal(boxes[..., 2:], (start + 16).clip(max=8))


def test_indexing_keeps_all(explanation):
    part = explanation[[7, 2]]
    for name in PER_ROW:
        assert_array_equal(getattr(part, name), getattr(explanation, name)[[7, 2]])
    assert_array_equal(part.receptive_boxes, explanation.receptive_boxes[[7, 2]])
    assert_array_equal(part.activation_maps, explanation.activation_maps[[7, 2]])
    assert part.prototype_images is explanation.prototype_images
    assert str(part[1]) == str(explanation[2])


def test_frame(explanation, never_projected):
    frame = explanation.to_frame()
    assert len(frame) == 12 * 3 * 6
    for line in frame.iloc[::37].itertuples():
        i, k = line.row, line.prototype
        box = [line.top, line.left, line.bottom, line.right]
        assert box == explanation.bounding_boxes[i, k].tolist()
        assert line.similarity == explanation.similarities[i, k]
        assert line.prototype_index == explanation.prototype_indices[k]
    without = never_projected.to_frame()
    assert "prototype_index" not in without
    assert "right" in without


# The words.


def made(similarities, coefficients, **fields):
    """Explanation of one blank image of known numbers."""
    similarities, coefficients = np.array([similarities]), np.array(coefficients)
    k = similarities.shape[1]
    contributions = similarities[:, None] * coefficients
    values = {
        "X": np.arange(48.0)[None],
        "classes": np.array([3, 7]),
        "scores": contributions.sum(-1),
        "contributions": contributions,
        "baseline": np.zeros(2),
        "similarities": similarities,
        "prototypes": np.zeros((k, 4, 1, 1)),
        "prototype_labels": np.full(k, 7),
        "feature_names": np.array([f"x{i}" for i in range(48)]),
        "row_indices": np.array([5]),
        "similarity_maps": np.full((1, k, 2, 2), similarities.T[..., None]),
        "bounding_boxes": np.array([[[3, 2, 6, 8]] * k]),
        "image_shape": (6, 8),
        "prototype_images": np.zeros((k, 6, 8)),
        "prototype_boxes": np.array([[0, 1, 1, 4]] * k),
        "prototype_indices": np.arange(k) + 113,
    }
    return PartExplanation(**values | fields)


def test_sentence():
    e = made([0.5, 0.9, 0.05], [[-1.0, 0.0, 0.0], [1.0, 2.0, -8.0]])
    assert str(e) == (
        "Row 5 is classified as class 7: score 1.9 against -0.5 for class 3, a lead of "
        "2.4. Most of the lead is decided by the part at rows 3 to 5, columns 2 to 7, "
        "which looks like prototype 1 of class 7 (similarity 0.90), from row 0, "
        "columns 1 to 3 of training image 114, for it by 1.8; the part at rows 3 to 5, "
        "columns 2 to 7, which looks partly like prototype 0 of class 7 (similarity "
        "0.50), from row 0, columns 1 to 3 of training image 113, for it by 1; the "
        "part at rows 3 to 5, columns 2 to 7, which looks quite unlike prototype 2 of "
        "class 7 (similarity 0.05), from row 0, columns 1 to 3 of training image 115, "
        "against it by 0.4."
    )


def test_words_of_a_model_that_was_never_projected(never_projected):
    text = str(never_projected[0])
    assert "which looks" in text
    assert "training image" not in text


def test_words_of_a_signal():
    maps = {"image_shape": (1, 48), "bounding_boxes": np.array([[[0, 9, 1, 10]]])}
    e = made([0.9], [[0.0], [1.0]], prototype_images=np.zeros((1, 1, 48)), **maps)
    assert "the part at column 9, which looks like" in str(e)
    assert "from columns 1 to 3 of training image 113" in str(e)


def test_products_are_what_is_added():
    part = row_summary(made([0.5, 0.8], [[-1.0, 0.0], [1.0, 2.0]]), 2).parts
    assert [p.notes for p in part] == [("0.80 × 2",), ("0.50 × 2",)]  # noqa: RUF001
    # Where absence counts as well, a weight would not explain the number.
    e = made([0.5], [[0.0], [1.0]])
    e = replace(e, evidence={"negative_agreement": e.contributions})
    reasoned = row_summary(e, 1)
    assert reasoned.headings == ("similarity",)
    assert reasoned.parts[0].notes == ("0.50",)


# The pictures.


def test_plot(explanation):
    figure = explanation.plot(3, k=2)
    upper, lower = figure.subfigs
    axes = np.reshape(upper.axes, (2, 4))
    row = explanation[3]
    parts = row_summary(row, 2).parts
    for line, j, part in zip(axes, row.top(2)[0], parts, strict=True):
        titles = [ax.get_title() for ax in line[:3]]
        source = f"training image {explanation.prototype_indices[j]}"
        assert titles == ["this part", "where it is alike", source]
        for ax, picture in zip(line, part.pictures, strict=False):
            assert_array_equal(ax.images[0].get_array(), rendered(picture, 480))
        words = [text.get_text() for text in line[3].texts]
        assert f"prototype {j} of " in words[0]
        assert words[1] == f"{row.decisive[0, j]:+.3g} points"
    # Below, what adds up to the lead.
    *widths, total = [bar.get_width() for bar in lower.axes[0].patches]
    lead = np.sort(row.scores[0])[-1] - np.sort(row.scores[0])[-2]
    assert_allclose([sum(widths), total], lead, atol=1e-9)


def test_plot_takes_any_row_and_knows_the_shape(explanation):
    first = explanation.plot(-1, image_shape=(8, 8)).subfigs[0].axes
    again = explanation[11].plot().subfigs[0].axes
    assert len(first) == len(again) == 3 * 4
    for a, b in zip(first, again, strict=True):
        assert a.get_title() == b.get_title()
    with pytest.raises(ValueError, match=r"image_shape=\(4, 16\) is not \(8, 8\)"):
        explanation.plot(image_shape=(4, 16))
    with pytest.raises(ValueError, match="k=0"):
        explanation.plot(k=0)


def test_plot_of_a_model_that_was_never_projected(never_projected, tmp_path):
    figure = never_projected.plot(k=1)
    assert len(figure.subfigs[0].axes) == 3
    figure.savefig(tmp_path / "part.png", dpi=40)


def pictures(html):
    """Pixels of the pictures in a card, as an imaging library reads them."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    read = [matplotlib.image.imread(io.BytesIO(b64decode(f))) for f in found]
    return [np.round(255 * pixels).astype(np.uint8) for pixels in read]


def test_card(explanation):
    html = explanation[:2]._repr_html_()
    found = pictures(html)
    expected = [
        picture
        for row in explanation[:2]
        for part in row_summary(row, 5).parts
        for picture in part.pictures
    ]
    assert len(found) == len(expected) == 2 * 5 * 3
    for pixels, picture in zip(found, expected, strict=True):
        assert_array_equal(pixels, rendered(picture, 132))
    tree = ET.fromstring(html)
    for table in tree.iter("table"):
        widths = {len(line) for line in table.iter("tr")}
        assert len(widths) == 1


def test_card_of_a_model_that_was_never_projected(never_projected):
    assert len(pictures(never_projected[:1]._repr_html_())) == 5 * 2


def test_card_needs_no_imaging_library(explanation, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure", "PIL", "pandas"):
        monkeypatch.setitem(sys.modules, name, None)
    assert explanation[0]._repr_html_().count("<img") == 15


def test_pictures_do_not_rely_on_the_default_device(explanation):
    html, maps = explanation[0]._repr_html_(), explanation.activation_maps
    with torch.device("meta"):
        assert explanation[0]._repr_html_() == html
        assert_array_equal(explanation.activation_maps, maps)


@pytest.mark.parametrize(("shift", "scale"), [(0, 255), (-3.5, 2.0), (1e6, 1e-3)])
def test_any_range_of_values_looks_the_same(shift, scale):
    unit = np.random.default_rng(3).random((5, 6, 3))
    plain = rendered(Picture("", unit, (0.0, 1.0)), 60)
    moved = Picture("", shift + scale * unit, (shift, shift + scale))
    difference = rendered(moved, 60).astype(int) - plain
    assert np.abs(difference).max() <= 1


def test_colours_and_ink():
    red = np.zeros((2, 2, 3))
    red[..., 0] = 1.0
    pixels = rendered(Picture("", red, (0.0, 1.0)), 10)
    assert pixels.shape == (10, 10, 3)
    assert (pixels == [255, 0, 0]).all()
    # Grey is ink on paper, and pixels stay squares.
    ink = rendered(Picture("", np.array([[0.0, 1.0], [0.5, 0.0]]), (0.0, 1.0)), 10)
    assert (ink[:5, :5] == 255).all()
    assert (ink[:5, 5:] == 0).all()
    assert (ink[5:, :5] == 128).all()
    # Of channels that are no colours the mean.
    two = rendered(Picture("", np.stack([np.eye(2), 0 * np.eye(2)], 2), (0.0, 1.0)), 2)
    assert two[..., 0].tolist() == [[128, 255], [255, 128]]


def test_a_blank_image_has_a_picture():
    pixels = rendered(Picture("", np.zeros((3, 3)), (0.0, 0.0)), 9)
    assert (pixels == 255).all()


def test_large_images_shrink_to_the_means_of_areas():
    image = np.random.default_rng(4).random((40, 60))
    pixels = rendered(Picture("", image, (0.0, 1.0)), 6)
    means = image.reshape(4, 10, 6, 10).mean(axis=(1, 3))
    assert_array_equal(pixels[..., 0], np.round(255 * (1 - means)))


@pytest.mark.parametrize("box", [[1, 2, 4, 5], [0, 0, 1, 1], [5, 5, 6, 6]])
def test_the_frame_is_where_the_box_is(box):
    picture = Picture("", np.zeros((6, 6)), (0.0, 1.0), np.array(box))
    coloured = (rendered(picture, 60) != 255).any(axis=2)
    rows, columns = (np.flatnonzero(coloured.any(axis)) for axis in (1, 0))
    assert [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1] == [
        10 * side for side in box
    ]
    top, left, bottom, right = (10 * side for side in box)
    assert not coloured[top + 2 : bottom - 2, left + 2 : right - 2].any()


def test_the_frame_of_a_tiny_box_can_be_seen():
    for at in (0, 100, 223):
        box = np.array([at, at, at + 1, at + 1])
        picture = Picture("", np.zeros((224, 224)), (0.0, 1.0), box)
        assert (rendered(picture, 80) != 255).any()


def test_the_activation_is_warm_where_it_is_high():
    blank, maps = np.zeros((6, 6)), np.array([[0.2, 0.2], [0.2, 0.9]])
    pixels = rendered(Picture("", blank, (0.0, 1.0), activation=maps), 40).astype(int)
    redness = pixels[..., 0] - pixels[..., 2]
    assert redness[30:, 30:].min() > 100
    assert np.abs(redness[:10, :10]).max() < 5
    # Equal values: alike everywhere.
    flat = rendered(Picture("", blank, (0.0, 1.0), activation=np.full((2, 2), 0.3)), 40)
    assert (flat == flat[0, 0]).all()
    assert (flat[0, 0] != 255).any()


def test_signals_are_profiles():
    signal = np.array([[0.0, 1.0, 0.5, 0.25]])
    pixels = rendered(Picture("", signal, (0.0, 1.0)), 64)
    assert pixels.shape == (16, 64, 3)
    heights = (pixels[..., 0] < 255).sum(axis=0)
    assert heights[8::16].tolist() == [0, 16, 8, 4]
    # The two channels of a signal together.
    both = np.stack([signal, 0 * signal], axis=2)
    halved = rendered(Picture("", both, (0.0, 1.0)), 64)
    assert (halved[..., 0] < 255).sum(axis=0)[8::16].tolist() == [0, 8, 4, 2]


def test_signals_from_end_to_end():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(30, 24)), np.repeat([0, 1], 15)
    X[y == 1, 4:8] -= 4.0
    e = ProtoPNetClassifier(1, **OPTIONS).fit(X, y).explain(X[:2])
    assert e.image_shape == (1, 24)
    assert_array_equal(e.bounding_boxes[..., [0, 2]], np.tile([0, 1], (2, 2, 1)))
    figure = e.plot(1, k=2)
    height, width, _ = figure.subfigs[0].axes[0].images[0].get_array().shape
    assert 4 * height == width
    assert len(pictures(e._repr_html_())) == 2 * 2 * 3


@pytest.mark.parametrize("change", [lambda X: X, lambda X: X / 255.0 - 0.5])
def test_colour_images_in_both_layouts(change):
    X, y = colour_data()
    X = change(X)
    last = ProtoPNetClassifier(1, **OPTIONS).fit(X, y).explain(X[:2])
    moved = np.ascontiguousarray(X.transpose(0, 3, 1, 2))
    first = ProtoPNetClassifier(1, channels_first=True, **OPTIONS).fit(moved, y)
    first = first.explain(moved[:2])
    assert first.image_shape == last.image_shape == (9, 12, 3)
    assert_array_equal(first.prototype_images, last.prototype_images)
    assert_array_equal(first.bounding_boxes, last.bounding_boxes)
    row = image_of_row(first.X[1], (9, 12, 3), channels_first=True)
    assert_array_equal(row, X[1])
    assert first._repr_html_() == last._repr_html_()
    figure = first.plot(k=1)
    assert len(figure.subfigs[0].axes) == 4
