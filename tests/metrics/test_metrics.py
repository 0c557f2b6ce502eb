"""Scores of explanations against values worked out by hand."""

import colorsys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_proto import (
    CBCClassifier,
    GLVQClassifier,
    GMLVQClassifier,
    ProtoPNetClassifier,
    RBFClassifier,
)
from sklearn_proto.explain import Explanation, PartExplanation
from sklearn_proto.inspection import describe_prototypes
from sklearn_proto.metrics import (
    agreement_score,
    consistency_score,
    deletion_curve,
    deletion_score,
    diversity_score,
    explanation_size,
    faithfulness_score,
    insertion_curve,
    insertion_score,
    make_drawn_images,
    make_drawn_parts,
    make_part_scorer,
    part_purity_score,
    purity_score,
    sparsity_score,
    stability_score,
)
from sklearn_proto.metrics._evidence import evidence_of
from sklearn_proto.metrics._explained import explained
from tests.conftest import fitted
from tests.data import three_classes
from tests.handmade import Brightest, Handmade, evidence, fields
from tests.instances import FIRST, every_estimator

X, Y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
ROWS = np.zeros((3, 1))


@pytest.fixture(scope="module")
def models():
    made = {
        "rbf": RBFClassifier(2, max_iter=50, random_state=0),
        "cbc": CBCClassifier(2, max_iter=50, random_state=0),
        "cbc-indefinite": CBCClassifier(
            2, reasoning="indefinite", max_iter=50, random_state=0
        ),
        "glvq": GLVQClassifier(2, max_iter=50, random_state=0),
        "gmlvq": GMLVQClassifier(max_iter=50, random_state=0),
    }
    return {name: model.fit(X, Y) for name, model in made.items()}


MODELS = ["rbf", "cbc", "cbc-indefinite", "glvq", "gmlvq"]
every_model = pytest.mark.parametrize("name", MODELS)


# How many prototypes.


def test_size_of_an_explanation():
    lead = [[0.9, 0.05, -0.05], [0.0, 0.0, 0.0], [-0.2, 0.5, 0.3]]
    model = evidence([[row, [0.0] * 3] for row in lead])
    # The sums 0.9, 0.95, 1; none; and 0.5, 0.8, 1. The second class leads in none.
    for share, sizes in [(0.9, [1, 0, 3]), (0.95, [2, 0, 3]), (0.5, [1, 0, 1])]:
        found = explanation_size(model, ROWS, share=share, average=None)
        assert found.tolist() == sizes
        assert explanation_size(model, ROWS, share=share) == np.mean(sizes)
        sparsity = sparsity_score(model, ROWS, share=share, average=None)
        assert_allclose(sparsity, 1 - np.array(sizes) / 3, rtol=1e-15)
        assert_allclose(sparsity_score(model, ROWS, share=share), sparsity.mean())


def test_what_both_classes_get_is_no_evidence():
    model = evidence([[[5.0, 1.0], [5.0, 0.0]]] * 3)
    assert explanation_size(model, ROWS) == 1.0


@every_model
def test_size_is_the_smallest_set_that_suffices(models, name):
    """Brute force over the prototypes in order."""
    explanation = models[name].explain(X)
    found = explanation_size(models[name], X, share=0.8, average=None)
    for lead, size in zip(explanation.decisive, found.astype(int), strict=True):
        sizes = np.sort(np.abs(lead))[::-1]
        assert sizes[:size].sum() >= 0.8 * sizes.sum() - 1e-9
        assert sizes[: size - 1].sum() < 0.8 * sizes.sum() + 1e-9


# What the nearest rows are.


def test_purity():
    near = np.array([[0.9, 0.8, 0.7, 0.1], [0.1, 0.5, 0.5, 0.5]]).T
    model = evidence(np.ones((4, 2, 2)), labels=[0, 1], similarities=near)
    y = np.array([0, 1, 1, 0])
    rows = np.zeros((4, 1))
    # The first three rows, and the last three.
    assert purity_score(model, rows, y, n_neighbors=3, average=None).tolist() == [
        2 / 3,
        2 / 3,
    ]
    own = purity_score(model, rows, y, n_neighbors=3, of="own", average=None)
    assert own.tolist() == [1 / 3, 2 / 3]
    assert purity_score(model, rows, y, n_neighbors=1) == 1.0
    # Of equals the first.
    assert purity_score(model, rows, y, n_neighbors=2, average=None).tolist() == [
        0.5,
        1.0,
    ]
    assert purity_score(model, rows, y, n_neighbors=9) == 0.5


@every_model
def test_purity_separates_labels_from_shuffled_ones(models, name):
    shuffled = np.random.default_rng(0).permutation(Y)
    true = purity_score(models[name], X, Y, of="own")
    assert true > 0.9
    assert purity_score(models[name], X, shuffled, of="own") < true - 0.3


def test_diversity():
    prototypes = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0], [1.0, 1.0], [1.0, 2.0]])
    labels = np.array([0, 0, 0, 1, 2])
    given = np.ones((3, 3, 5))
    model = evidence(given, labels=labels, prototypes=prototypes)
    found = diversity_score(model, ROWS, average=None)
    # Distances 5, 5 and 10; the other classes have no pair.
    assert_array_equal(found, [20 / 3, np.nan, np.nan])
    assert diversity_score(model, ROWS) == 20 / 3
    city = diversity_score(model, ROWS, metric="cityblock")
    assert_allclose(city, (7 + 7 + 14) / 3)
    # Patches count as what they hold.
    patches = evidence(given, labels=labels, prototypes=prototypes.reshape(5, 2, 1, 1))
    assert diversity_score(patches, ROWS) == 20 / 3


def test_no_pair_has_no_diversity(models):
    assert np.isnan(diversity_score(models["gmlvq"], X))


# Agreement under noise.


def test_agreement_is_the_mean_of_rank_correlations():
    seen = []

    def explain(rows):
        seen.append(rows)
        return Explanation(**fields(rows, np.stack([rows, rows - 100], 1), [0] * 6))

    rows = np.random.default_rng(0).normal(size=(8, 6))
    rows[3] = rows[3].round()  # with ties
    found = agreement_score(
        Handmade(explain), rows, noise=0.7, n_repeats=3, random_state=5, average=None
    )
    first, *noisy = seen
    assert_array_equal(first, rows)
    expected = [
        np.mean([spearmanr(a, n[i]).statistic for n in noisy])
        for i, a in enumerate(rows)
    ]
    assert len(noisy) == 3
    assert_allclose(found, expected, rtol=1e-12)
    # As much noise as was asked for, in the units of each feature.
    scale = np.concatenate([(n - rows) / rows.std(axis=0) for n in noisy]).std()
    assert 0.6 < scale < 0.8


def test_agreement_of_equal_contributions():
    flat = evidence(np.ones((3, 2, 4)))
    assert agreement_score(flat, ROWS) == 1.0
    calls = iter([np.ones((3, 2, 4)), np.arange(24.0).reshape(3, 2, 4)])
    changing = Handmade(lambda X: Explanation(**fields(X, next(calls), [0] * 4)))
    assert agreement_score(changing, ROWS, n_repeats=1) == 0.0


@every_model
def test_agreement_falls_with_noise(models, name):
    none, little, much = (
        agreement_score(models[name], X, noise=noise, random_state=0)
        for noise in (0, 0.1, 3)
    )
    assert none == pytest.approx(1.0, abs=1e-12)
    if name == "gmlvq":
        # All that speaks for a class is its only prototype.
        assert little == much == 1
    else:
        assert little > 0.9 > much
    again = agreement_score(models[name], X, noise=3, random_state=0)
    assert again == much


# Faithfulness.

WEIGHTS = np.array([0.2, 0.4, 0.1, 0.3])


def linear(rows):
    p = rows @ WEIGHTS
    return np.stack([1 - p, p], axis=1)


def terms(rows, sign=1.0):
    """The winner is always the second class; evidence is what its p is made of."""
    n = len(rows)
    explanation = Explanation(**fields(rows, np.tile([[[0.0], [1.0]]], (n, 1, 1)), [1]))
    object.__setattr__(explanation, "feature_terms", sign * rows * WEIGHTS)
    return explanation


ONES = np.ones((2, 4))
EXACT = Handmade(terms, linear)
OPPOSITE = Handmade(partial(terms, sign=-1.0), linear)


def test_curves_and_areas():
    options = {"baseline": 0.0}
    shares, p = deletion_curve(EXACT, ONES, **options)
    assert_allclose(shares, [0, 0.25, 0.5, 0.75, 1])
    assert_allclose(p, [1, 0.6, 0.3, 0.1, 0], atol=1e-15)
    _, p = insertion_curve(EXACT, ONES, **options)
    assert_allclose(p, [0, 0.4, 0.7, 0.9, 1], atol=1e-15)
    # (1 / 2 + 0.6 + 0.3 + 0.1) / 4 and (0.4 + 0.7 + 0.9 + 1 / 2) / 4.
    assert_allclose(deletion_score(EXACT, ONES, **options), 1 - 0.375)
    assert_allclose(insertion_score(EXACT, ONES, **options), 0.625)
    assert_allclose(faithfulness_score(EXACT, ONES, **options), 0.25)
    assert_allclose(faithfulness_score(OPPOSITE, ONES, **options), -0.25)


def test_curves_of_fewer_steps():
    shares, p = deletion_curve(EXACT, ONES, baseline=0.0, n_steps=2)
    assert_allclose(shares, [0, 0.5, 1])
    assert_allclose(p, [1, 0.3, 0], atol=1e-15)
    assert_allclose(deletion_score(EXACT, ONES, baseline=0.0, n_steps=2), 0.6)


def test_every_row_has_its_own_order():
    rows = np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]])
    found = deletion_score(EXACT, rows, baseline=0.0, average=None)
    # 0.6, 0.3, 0.1, 0, 0 and 0.4, 0, 0, 0, 0.
    assert_allclose(found, [1 - 0.7 / 4, 1 - 0.2 / 4])
    assert_allclose(deletion_score(EXACT, rows, baseline=0.0), found.mean())


def test_what_takes_the_place_of_a_feature():
    rows = np.array([[1.0, 1.0, 1.0, 1.0], [0.0, 0.5, 0.0, 0.0]])
    _, p = insertion_curve(EXACT, rows)
    assert_allclose(p[0], np.mean(rows @ WEIGHTS))
    values = np.array([0.1, 0.2, 0.3, 0.4])
    _, p = insertion_curve(EXACT, rows, baseline=values)
    assert_allclose(p[0], values @ WEIGHTS)
    _, p = deletion_curve(EXACT, rows, baseline=values)
    assert_allclose(p[[0, -1]], [np.mean(rows @ WEIGHTS), values @ WEIGHTS])


def test_occlusion_finds_the_weights():
    silent = Handmade(
        lambda rows: Explanation(
            **fields(rows, np.tile([[[0.0], [1.0]]], (len(rows), 1, 1)), [1])
        ),
        linear,
    )
    assert silent.explain(ONES).prototypes.shape == (1, 1)
    for given in ("occlusion", "auto"):
        found = evidence_of(explained(silent, ONES), given, np.zeros(4))
        assert_allclose(found.values, np.tile(WEIGHTS, (2, 1)))
    assert_allclose(faithfulness_score(silent, ONES, baseline=0.0), 0.25)


@pytest.mark.parametrize("name", ["rbf", "cbc", "cbc-indefinite"])
def test_evidence_of_prototypes_that_are_rows(models, name):
    """Term by term, from the formula."""
    model, rows = models[name], X[:5]
    explanation = model.explain(rows)
    blank = X.mean(axis=0)
    values = evidence_of(explained(model, rows), "auto", blank).values
    for i, row in enumerate(rows):
        win, lose = np.argsort(-explanation.scores[i])[:2]
        expected = np.zeros(X.shape[1])
        for k, w in enumerate(model.prototypes_):
            phi = explanation.similarities[i, k]
            if name == "rbf":
                effect = phi * (model.coef_[win, k] - model.coef_[lose, k])
            else:
                r = model.reasoning_.reshape(3, -1, len(model.prototypes_), 2)[:, 0]
                net = r[win, k] - r[lose, k]
                effect = phi * (net[0] - net[1])
            expected += effect * ((blank - w) ** 2 - (row - w) ** 2)
        assert_allclose(values[i], expected, rtol=1e-9, atol=1e-12)


@every_model
def test_faithfulness_separates_explanations_from_shuffled_ones(models, name):
    model = models[name]
    start = explained(model, X)
    values = evidence_of(start, "auto", X.mean(axis=0)).values
    true = faithfulness_score(model, X)
    assert_allclose(faithfulness_score(model, X, evidence=values), true)
    shuffled = np.random.default_rng(0).permuted(values, axis=1)
    random = faithfulness_score(model, X, evidence=shuffled)
    assert abs(random) < 0.05
    assert true > 0.3
    # In reverse all that is gained is lost.
    reverse = faithfulness_score(model, X, evidence=-values)
    assert_allclose(reverse, -true, atol=1e-9)


def test_evidence_of_parts_is_laid_on_pixels():
    images = np.zeros((1, 2, 3, 2))
    images[0, 0, 1, 0], images[0, 1, 2, 1] = 2.0, 1.0
    for channels_first in (False, True):
        rows = images.transpose(0, 3, 1, 2) if channels_first else images
        model = Brightest((2, 3, 2), channels_first, labels=(0, 0))
        found = evidence_of(explained(model, rows), "auto", np.zeros(12))
        # What each adds to the lead is 2 and 1, the maps are 1 at the peak.
        expected = np.zeros((2, 3))
        expected[0, 1], expected[1, 2] = 2.0, 1.0
        assert_allclose(found.values[0].reshape(2, 3), expected)
        pixels = np.arange(6).reshape(2, 3)
        units = found.units.reshape((2, 2, 3) if channels_first else (2, 3, 2))
        axis = 0 if channels_first else 2
        assert_array_equal(units, np.stack([pixels, pixels], axis))


def test_a_flat_map_is_evidence_everywhere():
    found = evidence_of(explained(Brightest((2, 2)), np.ones((1, 2, 2))), "auto", 0)
    assert_allclose(found.values, np.ones((1, 4)))


# Annotated parts.


def dots(*places, size=(20, 30)):
    """Images with one bright pixel each, at a column and a row."""
    images = np.zeros((len(places), *size))
    for image, (column, row) in zip(images, places, strict=True):
        image[row, column] = 1.0
    return images


def test_consistency():
    images = dots((10, 8), (20, 8), (5, 15), (25, 3), (10, 8))
    y = np.zeros(5)
    parts = np.zeros((5, 2, 3))
    # The first part is where the dot is but once, the second is seen twice, there.
    parts[:, 0] = [[10, 8, 1], [20, 8, 1], [5, 15, 1], [25, 3, 1], [28, 18, 1]]
    parts[:, 1] = [[0, 0, 0], [0, 0, 0], [5, 15, 1], [25, 3, 1], [10, 8, 0]]
    score = partial(consistency_score, Brightest((20, 30)), images, y)
    assert score(parts=parts) == 1.0
    assert score(parts=parts[:, :1]) == 1.0  # four of five
    assert score(parts=parts[:, :1], threshold=0.81) == 0.0
    assert score(parts=parts, threshold=1.0) == 1.0
    hidden = parts[:, 1:] * [1, 1, 0]
    assert score(parts=hidden) == 0.0


@pytest.mark.parametrize(("shift", "inside"), [(3, True), (4, False)])
def test_the_region_has_the_size_that_is_asked_for(shift, inside):
    """A fifth of 30 columns is 3 on either side."""
    images = dots((15, 10))
    parts = np.array([[[15 + shift, 10, 1]]])
    found = consistency_score(
        Brightest((20, 30)), images, [0], parts=parts, box_size=0.2
    )
    assert found == float(inside)
    # Of 20 rows it is 2.
    parts = np.array([[[15, 10 - shift + 1, 1]]])
    found = consistency_score(
        Brightest((20, 30)), images, [0], parts=parts, box_size=0.2
    )
    assert found == float(inside)


def test_only_images_of_the_own_class_count():
    images = np.repeat(dots((10, 8), (3, 3), (20, 8))[..., None], 3, axis=3)
    model = Brightest((20, 30, 3), labels=(0, 1, 7))
    parts = np.array([[[10, 8, 1]], [[25, 17, 1]], [[20, 8, 1]]])
    y = np.array([0, 1, 0])
    found = consistency_score(model, images, y, parts=parts, average=None)
    assert_array_equal(found, [1, 0, np.nan])
    assert consistency_score(model, images, y, parts=parts) == 0.5
    found = stability_score(model, images, y, parts=parts, average=None)
    assert_array_equal(found, [1, 1, np.nan])


def test_part_purity():
    images = dots((10, 8), (20, 8), (5, 15), (25, 3))
    images *= np.array([1.0, 0.9, 0.8, 0.7])[:, None, None]
    parts = np.zeros((4, 2, 3))
    parts[:, 0] = [[10, 8, 1], [0, 0, 1], [5, 15, 1], [0, 18, 1]]
    parts[:, 1] = [[0, 0, 1], [20, 8, 1], [5, 15, 1], [0, 18, 1]]
    score = partial(part_purity_score, Brightest((20, 30)), images, parts=parts)
    assert [score(n_neighbors=k) for k in (1, 2, 3, 4)] == [1.0, 0.5, 2 / 3, 0.5]


def two_peaks(n, lead, levels):
    """Images with two peaks far apart; a part is at the first."""
    images = np.zeros((n, 16, 16))
    images[:, 3, 3], images[:, 12, 12] = levels + lead, levels
    parts = np.tile([[[3.0, 3.0, 1.0]]], (n, 1, 1))
    return images, np.zeros(n), parts


def test_stability_is_a_probability():
    """Of two equal peaks noise makes either the higher, half of the time."""
    data = two_peaks(900, 0.0, 10.0)
    model = Brightest((16, 16))
    score = partial(stability_score, model, *data[:2], parts=data[2])
    assert 0.45 < score(random_state=0) < 0.55
    assert score(random_state=0) == score(random_state=0) != score(random_state=1)
    assert score(noise=0.0) == 1.0


def test_noise_is_clipped_in_units_of_the_deviation():
    images, y, parts = two_peaks(200, 0.0, 10.0)
    model = Brightest((16, 16))
    lead = 0.5 * images.std()  # twice the default clip
    for factor, stable in ((1.05, True), (0.5, False)):
        images[:, 3, 3] = 10.0 + factor * lead
        found = stability_score(
            model, images, y, parts=parts, noise=9.0, random_state=0
        )
        assert (found == 1.0) == stable
    found = stability_score(model, images, y, parts=parts, noise=9, clip=0.1)
    assert found == 1.0


@pytest.mark.parametrize("channels_first", [False, True])
def test_noise_has_the_deviation_of_each_channel(channels_first):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(50, 8, 9, 2)) * [1.0, 100.0]
    seen = []

    class Watched(Brightest):
        def explain(self, X):
            seen.append(np.asarray(X))
            return super().explain(X)

    model = Watched((8, 9, 2), channels_first, labels=(0, 0))
    rows = images.transpose(0, 3, 1, 2) if channels_first else images
    parts = np.ones((50, 1, 3))
    stability_score(model, rows, np.zeros(50), parts=parts, clip=9, random_state=0)
    moved = (seen[1] - seen[0]).reshape(rows.shape)
    axes = (0, 2, 3) if channels_first else (0, 1, 2)
    assert_allclose(moved.std(axis=axes), 0.2 * images.std(axis=(0, 1, 2)), rtol=0.05)


# Drawn data.


def test_drawn_parts_are_where_they_are_said_to_be():
    images, labels, parts = make_drawn_parts(90, noise=0.0, random_state=0)
    assert np.bincount(labels).tolist() == [30, 30, 30]
    rows, columns = np.indices((32, 32))
    for image, part in zip(images, parts, strict=True):
        rest = image.copy()
        for column, row, visible in part:
            near = (np.abs(rows - row) <= 4.5) & (np.abs(columns - column) <= 4.5)
            assert (image[near].max() >= 0.6) == bool(visible)
            rest[near] = 0.1
        assert_array_equal(rest, 0.1)
    assert parts[:, 0, 2].all()
    assert 0.6 < parts[:, 1:, 2].mean() < 0.95


def test_only_the_head_tells_the_class():
    images, labels, parts = make_drawn_parts(150, noise=0.0, random_state=1)
    looks = {}
    for image, label, part in zip(images, labels, parts, strict=True):
        for p, (column, row, visible) in enumerate(part.astype(int)):
            if visible:
                crop = image[row - 4 : row + 5, column - 4 : column + 5] > 0.3
                looks.setdefault(p, {}).setdefault(int(label), set()).add(
                    crop.tobytes()
                )
    heads, *others = (looks[p] for p in range(3))
    assert [len(heads[c]) for c in range(3)] == [1, 1, 1]
    assert len(set.union(*heads.values())) == 3
    for other in others:
        assert len(set.union(*other.values())) == 1


def test_drawing_repeats_itself():
    for make in (make_drawn_parts, make_drawn_images):
        for a, b in zip(make(9, random_state=3), make(9, random_state=3), strict=True):
            assert_array_equal(a, b)
        one = make(9, random_state=4)[0]
        assert not np.array_equal(one, make(9, random_state=3)[0])
        assert 0 <= one.min() < one.max() <= 1


def test_hues_of_drawn_images():
    images, labels = make_drawn_images(60, differ_by="hue", noise=0.0, random_state=0)
    other, _ = make_drawn_images(60, differ_by="shape", noise=0.0, random_state=0)

    def hue(image):
        colours = [colorsys.rgb_to_hsv(*pixel) for pixel in image.reshape(-1, 3)]
        return max(colours, key=lambda colour: colour[1])[0]

    # Red is at both ends of the circle.
    nearest = [round(3 * hue(image)) % 3 for image in images]
    assert_array_equal(nearest, labels)
    assert len({round(3 * hue(image)) % 3 for image in other}) == 3


def test_shapes_of_drawn_images():
    images, labels = make_drawn_images(90, differ_by="shape", noise=0.0, random_state=0)
    for image, label in zip(images, labels, strict=True):
        figure = np.ptp(image, axis=2) > 0.02
        rows, columns = (np.flatnonzero(figure.any(axis)) for axis in (1, 0))
        box = figure[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        centre, corner = box[len(box) // 2, len(box[0]) // 2], box[0, 0]
        # A frame has a hole, a disc fills more of its box than a cross.
        found = 2 if corner and not centre else int(box.mean() < 0.7)
        assert found == label


@pytest.mark.parametrize("make", [make_drawn_parts, make_drawn_images])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "'n_samples' .*Got 0"),
        ({"image_size": 15}, r"'image_size' .*\[16, inf\).*Got 15"),
        ({"noise": -1}, "'noise' .*Got -1"),
    ],
)
def test_drawings_that_are_refused(make, parameters, message):
    with pytest.raises(ValueError, match=message):
        make(**parameters)


def test_unknown_difference():
    with pytest.raises(ValueError, match=r"'differ_by' .*Got 'size'"):
        make_drawn_images(differ_by="size")


# A trained network.


def small_network():
    """Maps in which a position sees 12 of the 24 pixels along a side."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


@pytest.fixture(scope="module")
def network():
    images, labels, _ = make_drawn_parts(240, image_size=24, random_state=12)
    return ProtoPNetClassifier(
        2,
        backbone=small_network,
        backbone_learning_rate=3e-3,
        learning_rate=3e-3,
        n_channels=16,
        warmup_epochs=12,
        max_epochs=10,
        batch_size=16,
        separation_weight=0.5,
        random_state=2,
    ).fit(images, labels)


@pytest.fixture(scope="module")
def drawn():
    return make_drawn_parts(90, image_size=24, random_state=1)


@pytest.mark.slow
def test_parts_separate_a_trained_network_from_shuffled_parts(network, drawn):
    images, labels, parts = drawn
    assert network.score(images, labels) > 0.9
    options = {"box_size": 0.5, "threshold": 0.7}
    shuffled = parts[np.random.default_rng(0).permutation(len(parts))]
    true = consistency_score(network, images, labels, parts=parts, **options)
    random = consistency_score(network, images, labels, parts=shuffled, **options)
    assert true >= random + 0.5
    true = part_purity_score(network, images, parts=parts, box_size=0.5)
    random = part_purity_score(network, images, parts=shuffled, box_size=0.5)
    assert true > random + 0.2
    stable = partial(stability_score, network, images, labels, parts=parts)
    assert stable(random_state=0) > stable(noise=5, clip=9, random_state=0) + 0.2


@pytest.mark.slow
def test_faithfulness_of_a_trained_network(network, drawn):
    images = drawn[0][:40]
    options = {"n_steps": 10}
    true = faithfulness_score(network, images, **options)
    values = evidence_of(explained(network, images), "auto", images.mean(0).ravel())
    shuffled = np.random.default_rng(0).permuted(values.values, axis=1)
    random = faithfulness_score(network, images, evidence=shuffled, **options)
    assert abs(random) < 0.1
    assert true > random + 0.2


@pytest.fixture(scope="module")
def hardly_trained(drawn):
    options = {"n_channels": 8, "warmup_epochs": 1, "max_epochs": 1}
    model = ProtoPNetClassifier(1, backbone=small_network, random_state=0, **options)
    return model.fit(*drawn[:2])


def test_nothing_relies_on_the_default_device(hardly_trained, drawn):
    images, labels, parts = (part[:12] for part in drawn)

    def scores():
        some = hardly_trained, images
        return [
            faithfulness_score(*some, n_steps=3),
            sparsity_score(*some),
            consistency_score(*some, labels, parts=parts),
            stability_score(*some, labels, parts=parts, random_state=0),
        ]

    expected = scores()
    with torch.device("meta"):
        assert scores() == expected


def test_global_generators_are_left_alone(hardly_trained, drawn):
    images, labels, parts = (part[:12] for part in drawn)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    stability_score(hardly_trained, images, labels, parts=parts, random_state=0)
    agreement_score(hardly_trained, images, random_state=0)
    describe_prototypes(hardly_trained, images, random_state=0)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


# As scikit-learn uses them.

SCORERS = {
    "sparsity": sparsity_score,
    "purity": purity_score,
    "diversity": diversity_score,
    "agreement": partial(agreement_score, random_state=0),
    "deletion": deletion_score,
    "insertion": insertion_score,
    "faithfulness": partial(faithfulness_score, n_steps=4),
}


@pytest.mark.parametrize("name", list(SCORERS))
def test_search(name):
    """The search finds what is found by hand."""
    scorer, folds = SCORERS[name], [(np.arange(0, 178, 2), np.arange(1, 178, 2))]
    base = RBFClassifier(max_iter=10, random_state=0)
    counts = [2, 3]
    grid = {"n_prototypes_per_class": counts}
    search = GridSearchCV(base, grid, scoring=scorer, cv=folds).fit(X, Y)
    (train, test), expected = folds[0], []
    for count in counts:
        model = clone(base).set_params(n_prototypes_per_class=count)
        found = scorer(model.fit(X[train], Y[train]), X[test], Y[test])
        assert isinstance(found, float)
        expected.append(found)
    assert_allclose(search.cv_results_["mean_test_score"], expected)
    assert search.best_index_ == np.argmax(expected)
    assert scorer(search, X, Y) == scorer(search.best_estimator_, X, Y)


@every_estimator
def test_scores_of_every_estimator(Estimator):
    rows, labels = three_classes()
    model = fitted(FIRST[Estimator])
    for name, scorer in SCORERS.items():
        found = scorer(model, rows[:30], labels[:30])
        assert isinstance(found, float), name
        assert np.isfinite(found), name
    described = describe_prototypes(model, rows[:30], random_state=0)
    assert np.isfinite(described.global_importance).all()
    assert len(described.global_importance) == len(model.prototypes_)


@pytest.mark.parametrize("name", list(SCORERS))
def test_the_last_step_of_a_pipeline_is_scored(name):
    raw = 10 * X + 3
    model = make_pipeline(
        StandardScaler(), RBFClassifier(2, max_iter=10, random_state=0)
    )
    model.fit(raw, Y)
    seen = model[0].transform(raw)
    assert SCORERS[name](model, raw, Y) == SCORERS[name](model[-1], seen, Y)
    alone = make_pipeline(model[-1])
    assert SCORERS[name](alone, seen, Y) == SCORERS[name](model[-1], seen, Y)


@pytest.mark.parametrize("name", list(SCORERS))
def test_frames_keep_their_names(name):
    """No warning about names that went missing, and the same score."""
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    model = RBFClassifier(2, max_iter=10, random_state=0)
    found = SCORERS[name](clone(model).fit(frame, Y), frame, Y)
    assert_allclose(found, SCORERS[name](model.fit(X, Y), X, Y))


def test_parts_are_split_as_the_rows_are():
    def score(estimator, X, y, *, parts, factor=1):
        assert_array_equal(parts[:, 0, 0], X[:, 0])
        return factor * float(parts[:, 0, 1].mean())

    rows = np.arange(12.0)[:, None]
    parts = np.zeros((12, 1, 3))
    parts[:, 0, 0], parts[:, 0, 1] = rows[:, 0], rows[:, 0] ** 2
    scorer = make_part_scorer(score, factor=2)
    assert repr(scorer) == "make_part_scorer(score, factor=2)"
    model, y = evidence(np.ones((12, 2, 1))), np.tile([0, 1], 6)
    halves = [(np.arange(6), np.arange(6, 12)), (np.arange(6, 12), np.arange(6))]
    with config_context(enable_metadata_routing=True):
        found = cross_validate(
            model, rows, y, cv=halves, scoring=scorer, params={"parts": parts}
        )
        search = GridSearchCV(model, {}, cv=halves, scoring=scorer, error_score="raise")
        search.fit(rows, y, parts=parts)
    expected = [2 * np.mean(np.arange(6, 12) ** 2), 2 * np.mean(np.arange(6) ** 2)]
    assert_allclose(found["test_score"], expected)
    assert_allclose(search.best_score_, np.mean(expected))


# What is refused.


@pytest.mark.parametrize(
    ("score", "options", "message"),
    [
        (explanation_size, {"share": 0}, r"'share' .*\(0.0, 1.0\].*Got 0"),
        (sparsity_score, {"share": 1.5}, r"'share' .*\(0.0, 1.0\].*Got 1.5"),
        (sparsity_score, {"average": "max"}, "'average' .*'mean'.*None.*Got 'max'"),
        (purity_score, {"n_neighbors": 0}, "'n_neighbors' .*Got 0"),
        (purity_score, {"of": "mine"}, "'of' .*Got 'mine'"),
        (agreement_score, {"noise": np.nan}, "'noise' .*Got nan"),
        (agreement_score, {"n_repeats": 1.5}, "'n_repeats' .*Got 1.5"),
        (deletion_curve, {"n_steps": True}, "'n_steps' .*Got True"),
        (insertion_curve, {"baseline": "zero"}, "baseline='zero'"),
        (insertion_score, {"baseline": [0, 0]}, r"baseline has shape \(2,\)"),
        (deletion_score, {"evidence": "gradient"}, "evidence='gradient'"),
        (faithfulness_score, {"evidence": [[1.0]]}, r"evidence has shape \(1, 1\)"),
    ],
)
def test_parameters_that_are_refused(models, score, options, message):
    with pytest.raises(ValueError, match=message):
        score(models["rbf"], X, Y, **options)


@pytest.mark.parametrize("y", [None, Y[:5]])
def test_labels_that_are_refused(models, y):
    with pytest.raises(ValueError, match=r"y=None|y has shape \(5,\), but X has 178"):
        purity_score(models["rbf"], X, y)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (np.zeros((2, 1, 2)), r"parts has shape \(2, 1, 2\); it must be \(2, n_parts"),
        (np.zeros((3, 1, 3)), r"parts has shape \(3, 1, 3\)"),
        (np.full((2, 1, 3), np.inf), "not finite"),
    ],
)
@pytest.mark.parametrize("score", [consistency_score, stability_score])
def test_parts_that_are_refused(score, parts, message):
    with pytest.raises(ValueError, match=message):
        score(Brightest((20, 30)), dots((1, 1), (2, 2)), [0, 0], parts=parts)


def test_models_that_are_refused(models):
    plain = LogisticRegression().fit(X, Y)
    with pytest.raises(TypeError, match="LogisticRegression has no method explain"):
        sparsity_score(plain, X)
    parts = np.ones((len(X), 1, 3))
    for score in (consistency_score, stability_score, part_purity_score):
        with pytest.raises(TypeError, match="Explanation has no activation maps"):
            score(models["rbf"], X, Y, parts=parts)


def test_hand_made_explanations_are_of_the_real_classes():
    assert isinstance(Brightest((2, 2)).explain(np.ones((1, 4))), PartExplanation)
