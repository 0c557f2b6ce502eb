"""Prototypes of an autoencoder, which can be looked at."""

import pickle
import re
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_proto import DecodedExplanation, PrototypeAutoencoderClassifier
from sklearn_proto._losses import (
    WholeObjective,
    expected_log_loss,
    prototypes_to_rows,
    reconstruction,
    rows_to_prototypes,
)
from sklearn_proto._modules import (
    ImageLayout,
    PointPrototypes,
    WholeOutputs,
    convolutional_autoencoder,
    dense_autoencoder,
    sampled_distances,
)
from sklearn_proto._random import RandomStream
from sklearn_proto.explain import Explanation
from sklearn_proto.robustness import SmoothedClassifier
from tests.data import three_classes
from tests.test_common import assert_same_model

X, Y = load_digits(n_class=3, return_X_y=True)
X, Y = X[:150], Y[:150]
IMAGES = X.reshape(-1, 8, 8)
QUICK = {
    "n_channels": 8,
    "n_latent_channels": 3,
    "warmup_epochs": 2,
    "max_epochs": 6,
    "batch_size": 32,
    "learning_rate": 0.01,
    "random_state": 0,
}


def quick(n_prototypes=4, **options):
    return PrototypeAutoencoderClassifier(n_prototypes, **{**QUICK, **options})


@cache
def of_images():
    return quick().fit(IMAGES, Y)


# Encoder and decoder.


def test_the_network_of_the_paper():
    """Four halvings of 28 pixels, maps 32, 32, 32 and 10, and 40 numbers in a code."""
    encoder, decoder, code_size = convolutional_autoencoder(ImageLayout(28, 28), 32, 10)
    x = torch.rand(2, 1, 28, 28)
    shapes = []
    for layer in encoder:
        x = layer(x)
        if isinstance(layer, torch.nn.Conv2d):
            shapes.append(tuple(x.shape[1:]))
            assert (layer.kernel_size, layer.stride) == ((3, 3), (2, 2))
    assert shapes == [(32, 14, 14), (32, 7, 7), (32, 4, 4), (10, 2, 2)]
    assert code_size == x.shape[1] == 40
    assert decoder(x).shape == (2, 1, 28, 28)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 9, 1), (8, 8, 3), (13, 6, 2), (30, 31, 1), (2, 2, 4)]
)
def test_every_shape_comes_back(shape):
    layout = ImageLayout(*shape)
    height, width, channels = shape
    x = torch.rand(3, channels, height, width)
    encoder, decoder, code_size = convolutional_autoencoder(layout, 4, 5)
    z = encoder(x)
    assert z.shape == (3, code_size)
    assert code_size <= 5 * 4
    back = decoder(z)
    assert back.shape == x.shape
    assert ((back >= 0) & (back <= 1)).all()
    encoder, decoder, code_size = dense_autoencoder(layout, 4, 5)
    assert encoder(x).shape == (3, code_size) == (3, 5)
    assert decoder(encoder(x)).shape == x.shape


def test_a_signal_keeps_its_size_at_the_start():
    """Whatever the depth: neither encoder nor decoder lets it vanish or explode."""
    with torch.no_grad(), RandomStream(0):
        encoder, decoder, q = convolutional_autoencoder(ImageLayout(64, 64), 32, 10)
        x = torch.randn(50, 1, 64, 64)
        z = encoder(x)
        assert 0.1 < z.square().mean() / x.square().mean() < 10
        before = decoder[:-1](torch.randn(50, q))
        assert 0.1 < before.square().mean() < 10


@pytest.mark.parametrize("channels_first", [False, True])
def test_rows_of_maps_are_what_maps_came_from(channels_first):
    layout = ImageLayout(2, 3, 4, channels_first)
    x = torch.arange(48.0).reshape(2, 24)
    torch.testing.assert_close(layout.rows(layout.maps(x)), x, rtol=0, atol=0)


# The objective, against naive numpy.


def outputs(seed=0, n=7, k=4, c=3, q=5):
    rng = np.random.default_rng(seed)
    z, p, w = (rng.normal(size=s) for s in ((n, q), (k, q), (c, k)))
    target, back = rng.random((2, n, 2, 3, 3))
    prototypes = PointPrototypes(torch.tensor(p), torch.tensor(w))
    d = sampled_distances(torch.tensor(z), prototypes.samples())
    found = WholeOutputs(
        torch.tensor(target),
        torch.tensor(back),
        d,
        prototypes.log_odds(d),
        prototypes,
    )
    y, weight = rng.integers(0, c, n), rng.integers(1, 4, n).astype(float)
    naive = {"z": z, "p": p, "w": w, "target": target, "back": back}
    return found, torch.tensor(y), torch.tensor(weight), naive


def test_terms_of_the_objective():
    found, y, weight, a = outputs()
    share = weight.numpy() / weight.numpy().sum()
    d = np.array([[np.sum((z - p) ** 2) for p in a["p"]] for z in a["z"]])
    log_p = np.log(softmax(d @ a["w"].T, axis=1))[np.arange(7), y.numpy()]
    expected = {
        expected_log_loss: -np.dot(share, log_p),
        reconstruction: sum(
            s * np.sum((b - t) ** 2)
            for s, b, t in zip(share, a["back"], a["target"], strict=True)
        ),
        prototypes_to_rows: np.mean([min(d[:, j]) for j in range(4)]),
        rows_to_prototypes: sum(s * min(row) for s, row in zip(share, d, strict=True)),
    }
    for term, value in expected.items():
        assert term(found, y, weight).item() == pytest.approx(value, rel=1e-10)
    weights = dict(zip(expected, (20.0, 1.0, 0.5, 0.0), strict=True))
    total = WholeObjective(weights)(found, y, weight).item()
    wanted = sum(weights[t] * v for t, v in expected.items())
    assert total == pytest.approx(wanted, rel=1e-10)


def test_defaults_of_the_paper():
    model = PrototypeAutoencoderClassifier()
    names = ("lambda_class", "lambda_ae", "lambda_1", "lambda_2", "n_prototypes")
    assert [getattr(model, n) for n in names] == [20, 1, 1, 1, 15]


@pytest.mark.slow
def test_terms_do_what_they_are_for():
    """With a weight of 10 the term's own quantity is smaller than without it."""

    def closeness(**options):
        model = quick(max_epochs=15, **options).fit(IMAGES, Y)
        view = model.certifiable_view()
        d = view.distances(view.tensor(X)).numpy()
        error = ((model.reconstruct(X) - X) ** 2).sum(1).mean()
        # Codes have no unit of their own.
        return d.min(0).mean() / d.mean(), d.min(1).mean() / d.mean(), error

    for i, name in enumerate(("lambda_1", "lambda_2", "lambda_ae")):
        without, with_it = (closeness(**{name: value})[i] for value in (0.0, 10.0))
        assert with_it < 0.8 * without, name


# The model.


def test_scores_are_weights_times_squared_distances():
    model = of_images()
    view = model.certifiable_view()
    codes = view.network.encode(view.tensor(X)).numpy()
    d = np.array([[((z - p) ** 2).sum() for p in model.prototypes_] for z in codes])
    np.testing.assert_allclose(model.decision_function(X), d @ model.coef_.T, rtol=1e-8)
    p = softmax(d @ model.coef_.T, axis=1)
    np.testing.assert_allclose(model.predict_proba(X), p, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(model.transform(X), 1 / (1 + d), rtol=1e-8)
    smallest = model.classes_[model.coef_.argmin(0)]
    np.testing.assert_array_equal(model.prototype_labels_, smallest)


@pytest.mark.slow
def test_digits():
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X, y, stratify=y, random_state=0)
    model = PrototypeAutoencoderClassifier(
        image_shape=(8, 8), warmup_epochs=5, max_epochs=15, random_state=0
    ).fit(parts[0], parts[2])
    assert model.score(parts[1], parts[3]) > 0.93
    # A nearest neighbour that has seen real digits knows what the prototypes are.
    d = ((model.decoded_prototypes_[:, None] - parts[0]) ** 2).sum(-1)
    assert (parts[2][d.argmin(1)] == model.prototype_labels_).mean() > 0.85
    # The mean image is the best that does not look at the row.
    error = ((model.reconstruct(parts[1]) - parts[1]) ** 2).sum()
    assert error < 0.5 * ((parts[1] - parts[0].mean(0)) ** 2).sum()


def test_rows_of_numbers():
    rows, y = three_classes(40)
    model = quick(6, max_epochs=30, n_channels=16).fit(rows, y)
    assert model.score(rows, y) > 0.85
    assert model.image_shape_ is None
    assert not hasattr(model, "prototype_images_")
    assert model.decoded_prototypes_.shape == (6, 4)


def test_the_unit_of_the_features_does_not_matter():
    rows, y = three_classes(40)
    other = 1024.0 * rows - 512.0
    # In one batch the order of the rows, which their bytes decide, has no part.
    one, two = (quick(init=X[:4], batch_size=200).fit(X, y) for X in (rows, other))
    back = (two.reconstruct(other) + 512.0) / 1024.0
    np.testing.assert_allclose(back, one.reconstruct(rows), atol=1e-3)
    looks = (two.decoded_prototypes_ + 512.0) / 1024.0
    np.testing.assert_allclose(looks, one.decoded_prototypes_, atol=1e-3)


def test_numbers_have_no_order():
    """Rows without a shape are not images one pixel high."""
    rows, y = three_classes()
    model = quick().fit(rows, y)
    assert not any(
        isinstance(m, torch.nn.Conv2d)
        for m in model.certifiable_view().network.modules()
    )
    signal = quick(image_shape=(1, 4)).fit(rows, y)
    assert signal.image_shape_ == (1, 4)
    assert signal.prototype_images_.shape == (4, 1, 4)


def test_reconstruct_returns_what_it_was_given():
    model = of_images()
    rows = model.reconstruct(X)
    assert rows.shape == X.shape
    images = model.reconstruct(IMAGES.astype(np.float32))
    assert images.shape == IMAGES.shape
    assert images.dtype == np.float32
    np.testing.assert_allclose(images.reshape(len(X), -1), rows, rtol=1e-5, atol=1e-5)
    low, high = X.min(), X.max()
    assert ((rows >= low) & (rows <= high)).all()


def test_decoded_prototypes_are_their_codes_decoded():
    """A prototype put onto the code of a row is decoded as the row is."""
    given = X[[0, 1, 2, 3]]
    model = quick(init=given, max_epochs=0).fit(X, Y)
    np.testing.assert_allclose(model.decoded_prototypes_, model.reconstruct(given))
    own = model.transform(given).diagonal()
    np.testing.assert_allclose(own, 1.0, atol=1e-12)


def test_fewer_prototypes_than_classes():
    model = quick(2, max_epochs=20).fit(IMAGES, Y)
    assert model.coef_.shape == (3, 2)
    assert model.score(IMAGES, Y) > 0.6


def test_every_class_has_a_prototype_at_the_start():
    model = quick(5, warmup_epochs=1, max_epochs=0).fit(IMAGES, Y)
    assert sorted(model.prototype_labels_) == [0, 0, 1, 1, 2]
    assert model.score(IMAGES, Y) > 0.8


def test_codes_have_mean_zero_and_variance_one_at_the_start():
    model = quick(max_epochs=0).fit(IMAGES, Y)
    view = model.certifiable_view()
    codes = view.network.encode(view.tensor(X)).numpy()
    np.testing.assert_allclose(codes.mean(0), 0.0, atol=1e-6)
    assert codes.var(0).mean() == pytest.approx(1.0, rel=1e-6)


LAYOUTS = {
    "images": (IMAGES, {}),
    "one channel last": (IMAGES[..., None], {}),
    "one channel first": (IMAGES[:, None], {"channels_first": True}),
    "rows": (X, {"image_shape": (8, 8)}),
    "bytes": (IMAGES.astype(np.uint8), {}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_grey_images(layout):
    images, options = LAYOUTS[layout]
    model = quick(**options).fit(images, Y)
    wanted = of_images().predict_proba(IMAGES)
    np.testing.assert_allclose(model.predict_proba(images), wanted, rtol=1e-6)
    assert model.prototype_images_.shape == (4, 8, 8)


def test_layouts_of_colour_images():
    rng = np.random.default_rng(0)
    colours = IMAGES[..., None] + np.round(8 * rng.random((len(X), 8, 8, 3))) / 8
    last = quick().fit(colours, Y)
    first = quick(channels_first=True).fit(np.moveaxis(colours, 3, 1), Y)
    np.testing.assert_array_equal(
        first.predict_proba(np.moveaxis(colours, 3, 1)), last.predict_proba(colours)
    )
    assert last.prototype_images_.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(first.prototype_images_, last.prototype_images_)
    back = first.reconstruct(np.moveaxis(colours, 3, 1))
    np.testing.assert_array_equal(np.moveaxis(back, 1, 3), last.reconstruct(colours))


def test_images_of_one_colour():
    """Nothing to learn, nothing to divide by."""
    model = quick().fit(np.full_like(IMAGES, 3.0), Y)
    assert np.isfinite(model.predict_proba(IMAGES)).all()
    np.testing.assert_allclose(model.reconstruct(np.full((2, 8, 8), 3.0)), 3, atol=1)


# The contract, for images; tests/test_common.py has rows.


def test_pickle():
    assert_same_model(of_images(), pickle.loads(pickle.dumps(of_images())), X)


def test_weight_two_is_the_row_twice():
    repeats = np.random.default_rng(0).integers(0, 3, len(X))
    weighted = quick().fit(IMAGES, Y, sample_weight=repeats)
    repeated = quick().fit(np.repeat(IMAGES, repeats, 0), np.repeat(Y, repeats))
    assert_same_model(weighted, repeated, X)


def test_default_device():
    with torch.device("meta"):
        other = quick(device="cpu").fit(IMAGES, Y)
        assert_same_model(of_images(), other, X)
        np.testing.assert_array_equal(other.reconstruct(X), of_images().reconstruct(X))


def test_grid_search_in_a_pipeline():
    pipeline = make_pipeline(MinMaxScaler(), quick(image_shape=(8, 8)))
    name = "prototypeautoencoderclassifier"
    grid = {f"{name}__n_prototypes": [3, 6], f"{name}__lambda_class": [20.0]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, Y)
    assert search.score(X, Y) > 0.9


def test_early_stopping_and_checkpoints(tmp_path):
    options = {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.9}
    stopped = quick(max_epochs=40, **options).fit(IMAGES, Y)
    assert stopped.n_iter_ < 20
    assert "valid_loss" in stopped.history_[-1]
    whole = quick(checkpoint_dir=tmp_path).fit(IMAGES, Y)
    again = quick(checkpoint_dir=tmp_path).fit(IMAGES, Y)
    assert_same_model(whole, of_images(), X)
    assert_same_model(again, whole, X)
    assert [e["stage"] for e in whole.history_] == ["warm-up"] * 2 + ["joint"] * 6


@pytest.mark.parametrize(
    "augmentation", ["shift", "affine", "elastic", lambda images: 2 * images]
)
def test_augmentation_changes_the_fit(augmentation):
    model = quick(augmentation=augmentation).fit(IMAGES, Y)
    assert not np.array_equal(model.prototypes_, of_images().prototypes_)


def test_refitting_on_rows_forgets_the_images():
    model = clone(of_images()).fit(IMAGES, Y)
    rows, y = three_classes()
    model.fit(rows, y)
    assert not hasattr(model, "prototype_images_")
    assert model.explain(rows[:2]).image_shape is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_prototypes": 0}, ["n_prototypes", "0"]),
        ({"lambda_1": -1.0}, ["lambda_1", "-1.0"]),
        ({"init": "bogus"}, ["init", "bogus", "kmeans"]),
        ({"init": np.zeros((2, 64))}, ["init", "(2, 64)", "4 rows", "64 features"]),
        ({"init": np.full((4, 64), np.nan)}, ["init", "finite"]),
        ({"image_shape": (9, 9)}, ["image_shape", "81", "64"]),
    ],
)
def test_bad_parameters(options, words):
    with pytest.raises(ValueError) as caught:
        quick().set_params(**options).fit(X, Y)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_no_certificate_but_smoothing():
    with pytest.raises(TypeError, match="SmoothedClassifier"):
        of_images().certified_radius(X[:3])
    smoothed = SmoothedClassifier(quick(), n_samples=50, random_state=0)
    assert (smoothed.fit(X, Y).certified_radius(X[:3]) >= 0).all()


# Explanations.


def explained(i=0):
    return of_images().explain(IMAGES)[i]


def test_explanation():
    model, e = of_images(), of_images().explain(IMAGES)
    assert isinstance(e, DecodedExplanation)
    assert isinstance(e, Explanation)
    products = model.coef_ * e.distances[:, None, :]
    np.testing.assert_allclose(e.contributions, products, rtol=1e-12)
    np.testing.assert_allclose(e.contributions.sum(-1), e.scores, atol=1e-10)
    np.testing.assert_array_equal(e.baseline, 0)
    np.testing.assert_array_equal(e.class_weights, model.coef_)
    np.testing.assert_array_equal(e.reconstructions, model.reconstruct(X))
    np.testing.assert_array_equal(e.decoded_prototypes, model.decoded_prototypes_)
    frame = e[:2].to_frame()
    np.testing.assert_allclose(
        frame["distance"] * frame["weight"], frame["contribution"]
    )


def made(distances, weights, labels=("ant", "bee")):
    """Explanation of one row of two numbers."""
    d, w = np.array([distances], dtype=float), np.array(weights, dtype=float)
    parts = w * d[:, None]
    classes = np.array(labels, dtype=object)
    return DecodedExplanation(
        X=np.array([[1.0, 2.0]]),
        classes=classes,
        scores=parts.sum(-1),
        contributions=parts,
        baseline=np.zeros(2),
        similarities=1 / (1 + d),
        prototypes=np.zeros((2, 3)),
        prototype_labels=classes[w.argmin(0)],
        feature_names=np.array(["a", "b"]),
        row_indices=np.arange(1),
        distances=d,
        reconstructions=np.zeros((1, 2)),
        decoded_prototypes=np.ones((2, 2)),
        class_weights=w,
    )


def test_the_sentence_says_what_closeness_speaks_for():
    """Close to prototype 0, far from prototype 1: an ant."""
    said = str(made([0.5, 4.0], [[-2.0, 0.25], [0.5, -1.5]]))
    assert said == (
        "Row 0 is classified as 'ant': score 0 against -5.75 for 'bee', a lead of "
        "5.75. Most of the lead is decided by prototype 1 of 'bee', whose squared "
        "distance of 4 takes 6 from 'bee' and gives 1 to 'ant', for it by 7; prototype "
        "0 of 'ant', whose squared distance of 0.5 gives 0.25 to 'bee' and takes 1 "
        "from 'ant', against it by 1.25. The closest is prototype 0, at 0.5. Distance "
        "from it takes the most from 'ant' (2 a unit), so being close to it speaks for "
        "'ant'."
    )


def test_the_sentence_admits_that_the_closest_prototype_says_otherwise():
    said = str(made([0.5, 1.0], [[-0.1, -0.2], [-2.0, -0.1]]))
    assert "classified as 'ant'" in said
    assert said.endswith("speaks for 'bee', and not for 'ant'.")


def test_the_sentence_of_a_prototype_that_speaks_for_nothing():
    said = str(made([0.5, 1.0], [[0.1, -0.2], [0.2, -1.0]]))
    assert said.endswith("distance from it takes nothing from any class.")


def test_nearer_is_better_for_the_class_that_the_sentence_names():
    """What the words promise holds of the model: a smaller distance, a larger lead."""
    model = of_images()
    for row in model.explain(IMAGES[:20]):
        words = str(row)
        j = int(re.search(r"The closest is prototype (\d+)", words)[1])
        label = re.search(r"speaks for class (\d)", words)[1]
        nearer = row.distances[0].copy()
        nearer[j] /= 2
        change = model.coef_ @ (nearer - row.distances[0])
        assert str(model.classes_[change.argmax()]) == label


def test_pictures():
    e = explained()
    figure = e.plot(0, k=2)
    titles = [ax.get_title() for ax in figure.axes if ax.images]
    j, k = e.top(2)[0]
    line = ["this row", "reconstruction"]
    assert titles == [*line, f"prototype {j}", *line, f"prototype {k}"]
    html = e._repr_html_()
    assert html.count("<img") == 3 * 4
    assert "squared distance" in html
    with pytest.raises(ValueError, match="image_shape"):
        e.plot(0, image_shape=(4, 16))
    assert not plt.get_fignums()


def test_pictures_of_rows():
    rows, y = three_classes()
    e = quick().fit(rows, y).explain(rows[:1])
    figure = e.plot(0, k=2)
    bars = figure.axes[1].patches
    drawn = [bar.get_width() for bar in bars]
    np.testing.assert_allclose(drawn, e.decoded_prototypes[e.top(1)[0, 0]])
    assert "<img" not in e._repr_html_()
