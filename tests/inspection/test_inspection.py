"""What the displays draw is what the model holds."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_proto import (
    CBCClassifier,
    GLVQClassifier,
    GMLVQClassifier,
    LGMLVQClassifier,
    ProtoPNetClassifier,
    RBFClassifier,
    RSLVQClassifier,
)
from sklearn_proto._drawing._colours import AGAINST, FOR
from sklearn_proto.inspection import (
    DecisionRegionDisplay,
    ExplanationDisplay,
    PrototypeDisplay,
    ReasoningDisplay,
    RelevanceDisplay,
)
from sklearn_proto.robustness import certified_radius
from tests.conftest import fitted
from tests.data import three_classes

X, Y = three_classes()
LABELS = np.array(["$ant", "b_$ee$", "cat"], dtype=object)
QUICK = {"max_iter": 30, "random_state": 0}


@pytest.fixture(autouse=True)
def _no_windows():
    before = plt.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.fixture(scope="module")
def cbc():
    return CBCClassifier(2, **QUICK).fit(X, LABELS[Y])


@pytest.fixture(scope="module")
def scaled():
    """Behind a scaler whose units are far from those of the rows."""
    model = make_pipeline(StandardScaler(), CBCClassifier(2, **QUICK))
    return model.fit(X * [1, 10, 100, 1000] + 5, LABELS[Y])


RAW = X * [1, 10, 100, 1000] + 5


@pytest.fixture(scope="module")
def plane():
    model = make_pipeline(StandardScaler(), CBCClassifier(2, **QUICK))
    return model.fit(X[:, :2] * [1, 3], Y)


@pytest.fixture(scope="module")
def parts():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 9, size=(30, 8, 8)).astype(float)
    labels = np.arange(30) % 2
    images[labels == 1, 2:5, 2:5] += 20
    model = ProtoPNetClassifier(
        2, n_channels=8, warmup_epochs=1, max_epochs=2, batch_size=16, random_state=0
    )
    return model.fit(images, labels), images


def draws(display):
    """Draw for real: texts that are no valid formulas fail only now."""
    display.figure_.canvas.draw()
    return True


def widths(bars):
    return np.array([bar.get_width() for bar in bars])


def ends(bars):
    return np.array([bar.get_x() + bar.get_width() for bar in bars])


# Prototypes


def test_prototypes_as_bars_from_zero(cbc):
    display = PrototypeDisplay.from_estimator(cbc)
    assert len(display.axes_) == len(display.artists_) == 6
    for bars, prototype in zip(display.artists_, cbc.prototypes_, strict=True):
        assert_allclose(widths(bars), prototype)
    assert display.axes_[5].get_title() == "prototype 5\n'cat'"
    assert display.axes_[0].get_title() == "prototype 0\n'\\$ant'"
    names = [t.get_text() for t in display.axes_[0].get_yticklabels()]
    assert names == ["x0", "x1", "x2", "x3"]
    assert draws(display)


def test_prototypes_beside_the_data(cbc):
    display = PrototypeDisplay.from_estimator(cbc, X)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    q = np.quantile(X, levels, axis=0)
    assert_allclose(display.quantiles, q)
    scale = q[4] - q[0]
    for cell, bars, prototype in zip(
        display.axes_, display.artists_, cbc.prototypes_, strict=True
    ):
        start = np.array([bar.get_x() for bar in bars])
        assert_allclose(start, (q[2] - q[0]) / scale)
        assert_allclose(ends(bars), (prototype - q[0]) / scale)
        outer, inner = cell.containers[:2]
        assert_allclose(widths(outer), 1)
        assert_allclose(widths(inner), (q[3] - q[1]) / scale)
        assert_allclose([b.get_x() for b in inner], (q[1] - q[0]) / scale)
        # The first feature is on top, and all panels have one scale.
        assert cell.get_ylim()[0] > cell.get_ylim()[1]
        assert cell.get_xlim() == display.axes_[0].get_xlim()


def test_bars_far_outside_the_data_are_cut_and_marked():
    rows = np.linspace(0, 1, 21)[:, None] * np.ones(2)
    display = PrototypeDisplay(
        prototypes=np.array([[0.5, 9.0], [-9.0, 0.5]]),
        quantiles=np.quantile(rows, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0),
    ).plot()
    (right,), (left,) = (cell.lines for cell in display.axes_)
    assert (right.get_marker(), left.get_marker()) == (">", "<")
    assert right.get_ydata().tolist() == [1]
    assert left.get_ydata().tolist() == [0]
    assert display.axes_[0].get_xlim()[1] < ends(display.artists_[0])[1]
    assert display.axes_[0].get_title() == "prototype 0"


def test_a_constant_feature_has_a_scale():
    rows = np.column_stack([np.full(9, 3.0), np.arange(9.0)])
    model = GLVQClassifier(**QUICK).fit(rows, np.arange(9) > 4)
    display = PrototypeDisplay.from_estimator(model, rows)
    for bars in display.artists_:
        assert np.isfinite(ends(bars)).all()
        assert_allclose(widths(bars)[0], 0, atol=1e-9)


def test_prototypes_of_a_pipeline_are_in_the_units_of_the_data(scaled):
    display = PrototypeDisplay.from_estimator(scaled)
    scaler, model = scaled
    expected = model.prototypes_ * scaler.scale_ + scaler.mean_
    assert_allclose(display.prototypes, expected)
    search = GridSearchCV(scaled, {"cbcclassifier__alpha": [0.0]}, cv=2)
    found = search.fit(RAW, LABELS[Y])
    best = PrototypeDisplay.from_estimator(found).prototypes
    scaler, model = found.best_estimator_
    assert_allclose(best, model.prototypes_ * scaler.scale_ + scaler.mean_)


@pytest.mark.parametrize(
    "step",
    [SelectKBest(k=2), FunctionTransformer(np.exp, feature_names_out="one-to-one")],
)
def test_what_cannot_be_undone_is_drawn_as_the_classifier_sees_it(step):
    model = make_pipeline(step, GLVQClassifier(**QUICK)).fit(X, Y)
    display = PrototypeDisplay.from_estimator(model, X)
    assert_array_equal(display.prototypes, model[-1].prototypes_)
    seen = model[:-1].transform(X)
    assert_allclose(display.quantiles[2], np.median(seen, axis=0))
    assert display.feature_names.tolist() == list(model[:-1].get_feature_names_out())


def test_steps_are_undone_from_the_last_to_the_first():
    steps = StandardScaler(), PCA(2), GLVQClassifier(**QUICK)
    scaler, pca, glvq = model = make_pipeline(*steps).fit(RAW, Y)
    display = PrototypeDisplay.from_estimator(model)
    scaled = glvq.prototypes_ @ pca.components_ + pca.mean_
    assert_allclose(display.prototypes, scaled * scaler.scale_ + scaler.mean_)


def test_rows_in_lists(cbc):
    display = ExplanationDisplay.from_estimator(cbc, X.tolist(), 3)
    assert_array_equal(display.samples[0], X[3])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_names_of_a_frame(library):
    frames = pytest.importorskip(library)
    columns = ["north", "east", "south", "west"]
    frame = frames.DataFrame(dict(zip(columns, X.T, strict=True)))
    model = make_pipeline(StandardScaler(), GLVQClassifier(**QUICK)).fit(frame, Y)
    display = PrototypeDisplay.from_estimator(model, frame)
    names = [t.get_text() for t in display.axes_[0].get_yticklabels()]
    assert names == ["north", "east", "south", "west"]
    told = PrototypeDisplay.from_estimator(model, frame, feature_names=list("abcd"))
    assert told.axes_[0].get_yticklabels()[1].get_text() == "b"
    row = ExplanationDisplay.from_estimator(model, frame, 3)
    assert_array_equal(row.samples[0], X[3])
    assert row.labels[0] in columns


def test_prototypes_as_images(scaled):
    display = PrototypeDisplay.from_estimator(scaled, image_shape=(2, 2))
    scaler, model = scaled
    pixels = scaler.inverse_transform(model.prototypes_)
    for image, prototype in zip(display.artists_, pixels, strict=True):
        assert_allclose(image.get_array(), prototype.reshape(2, 2))
        assert image.get_clim() == (pixels.min(), pixels.max())


def test_prototypes_that_are_parts_of_images(parts):
    model, _ = parts
    display = PrototypeDisplay.from_estimator(model)
    assert len(display.artists_) == 4
    for cell, drawn, image, box in zip(
        display.axes_,
        display.artists_,
        model.prototype_images_,
        model.prototype_boxes_,
        strict=True,
    ):
        assert_array_equal(drawn.get_array(), image)
        frame = cell.patches[-1]
        corner = frame.get_x() + 0.5, frame.get_y() + 0.5
        assert corner == (box[1], box[0])
        assert frame.get_width() == box[3] - box[1]
        assert frame.get_height() == box[2] - box[0]


def test_signals_are_profiles():
    model = fitted("protopnet")
    display = PrototypeDisplay.from_estimator(model)
    heights = [bar.get_height() for bar in display.artists_[0]]
    assert_allclose(heights, model.prototype_images_[0, 0])


def test_colour_images():
    pixels = np.linspace(-1, 3, 24).reshape(1, 2, 4, 3)
    image = PrototypeDisplay(prototypes=pixels).plot().artists_[0]
    assert_allclose(image.get_array(), (pixels[0] + 1) / 4)
    two = PrototypeDisplay(prototypes=pixels.reshape(1, 3, 4, 2)).plot().artists_[0]
    assert_allclose(two.get_array(), pixels.reshape(3, 4, 2).mean(axis=2))


def test_some_prototypes(cbc):
    display = PrototypeDisplay.from_estimator(cbc, prototypes=[4, 1], n_columns=1)
    assert_array_equal(display.prototypes, cbc.prototypes_[[4, 1]])
    titles = [ax.get_title().split("\n")[0] for ax in display.axes_]
    assert titles == ["prototype 4", "prototype 1"]
    first, second = (ax.get_subplotspec() for ax in display.axes_)
    assert first.colspan == second.colspan
    for wrong in ([6], [], [0.5], 3):
        with pytest.raises(ValueError, match=r"prototypes=.* 0 to 5"):
            PrototypeDisplay.from_estimator(cbc, prototypes=wrong)


def test_one_colour_a_class(cbc):
    display = PrototypeDisplay.from_estimator(cbc)
    colours = [bars[0].get_facecolor() for bars in display.artists_]
    assert same_color(colours[0], colours[1])
    assert not same_color(colours[1], colours[2])


# Reasoning


def test_reasoning_of_signed_models(cbc):
    display = ReasoningDisplay.from_estimator(cbc)
    assert display.axes_.shape == (3, 1)
    for c in range(3):
        assert_allclose(
            widths(display.positive_[c, 0]), cbc.reasoning_[c, 0, :, 0], atol=1e-15
        )
        assert_allclose(
            -widths(display.negative_[c, 0]), cbc.reasoning_[c, 0, :, 1], atol=1e-15
        )
        both = widths(display.positive_[c, 0]) - widths(display.negative_[c, 0])
        assert both.sum() == pytest.approx(1)
    assert same_color(display.positive_[0, 0][0].get_facecolor(), FOR)
    assert same_color(display.negative_[0, 0][0].get_facecolor(), AGAINST)
    assert display.indefinite_ is display.prior_ is display.prior_ax_ is None
    assert display.axes_[2, 0].get_title() == "'cat'"
    names = [t.get_text() for t in display.axes_[0, 0].get_yticklabels()]
    assert names[-1] == "5, 'cat'"
    assert draws(display)


def test_lengths_of_reasoning_compare(cbc):
    display = ReasoningDisplay.from_estimator(cbc)
    limits = {cell.get_xlim() for cell in display.axes_.ravel()}
    ((low, high),) = limits
    assert low == -high
    assert high > cbc.reasoning_.max()
    display.figure_.canvas.draw()
    ticks = [t.get_text() for t in display.axes_[0, 0].get_xticklabels()]
    assert not any("-" in t or "\N{MINUS SIGN}" in t for t in ticks)


def test_reasoning_of_indefinite_models():
    model = fitted("cbc-indefinite-concepts-margin")
    display = ReasoningDisplay.from_estimator(model)
    assert display.axes_.shape == (3, 2)
    prior, needs = model.component_prior_, model.requiredness_
    assert_allclose(widths(display.prior_), prior)
    for c, q in np.ndindex(3, 2):
        positive = widths(display.positive_[c, q])
        negative = -widths(display.negative_[c, q])
        assert_allclose(positive, prior * needs[c, q, :, 0])
        assert_allclose(negative, prior * needs[c, q, :, 2])
        assert_allclose(widths(display.indefinite_[c, q]), prior * needs[c, q, :, 1])
        starts = [bar.get_x() for bar in display.indefinite_[c, q]]
        assert_allclose(starts, positive)
        # What is drawn, divided by the mass in the title, is what the model uses.
        mass = positive.sum() + negative.sum()
        assert_allclose(positive / mass, model.reasoning_[c, q, :, 0])
        assert display.axes_[c, q].get_title() == (
            f"class {c}, concept {q}\ndefinite mass {mass:.2g}"
        )


# Relevance


def test_relevance_matrix():
    model = GMLVQClassifier(**QUICK).fit(X, Y)
    display = RelevanceDisplay.from_estimator(model)
    assert display.axes_.shape == (1, 3)
    assert_array_equal(display.images_[0].get_array(), model.relevance_matrix_)
    low, high = display.images_[0].get_clim()
    assert low == -high
    assert_allclose(widths(display.bars_[0]), model.relevance_)
    heights = [bar.get_height() for bar in display.profiles_[0]]
    squares = np.linalg.svd(model.omega_, compute_uv=False) ** 2
    assert_allclose(heights, squares, atol=1e-12)
    assert_allclose(display.eigenvalues_[0], heights)
    names = [t.get_text() for t in display.axes_[0, 1].get_yticklabels()]
    assert names == ["x0", "x1", "x2", "x3"]


def test_relevance_diagonal():
    model = fitted("gmlvq-diagonal")
    display = RelevanceDisplay.from_estimator(model)
    assert display.images_ == [None]
    assert display.axes_.shape == (1, 2)  # No panel without a picture.
    assert display.axes_[0, 0].get_title() == "relevance of each feature"
    assert_allclose(widths(display.bars_[0]), model.relevance_)
    assert_allclose(display.eigenvalues_[0], np.sort(model.relevance_)[::-1])


@pytest.mark.parametrize("name", ["rbf-full", "rbf-diagonal", "cbc-components"])
def test_relevances_of_similarities(name):
    model = fitted(name)
    display = RelevanceDisplay.from_estimator(model)
    assert display.axes_.shape == (1, 2 if name == "rbf-diagonal" else 3)
    assert_allclose(widths(display.bars_[0]), model.relevance_)
    squares = np.zeros(4)
    squares[: len(model.omega_)] = np.linalg.svd(model.omega_, compute_uv=False) ** 2
    assert_allclose(display.eigenvalues_[0], squares, atol=1e-12)
    with pytest.raises(TypeError, match="relevance_matrix_"):
        RelevanceDisplay.from_estimator(fitted("rbf"))


def test_relevances_of_each_prototype():
    model = LGMLVQClassifier(2, **QUICK).fit(X, LABELS[Y])
    display = RelevanceDisplay.from_estimator(model, matrices=[5, 0])
    assert display.axes_.shape == (2, 3)
    for image, m in zip(display.images_, (5, 0), strict=True):
        assert_array_equal(image.get_array(), model.relevance_matrix_[m])
    titles = [ax.get_title() for ax in display.axes_[:, 0]]
    assert titles == ["prototype 5 of 'cat'", "prototype 0 of '\\$ant'"]
    assert draws(display)
    with pytest.raises(ValueError, match=r"matrices=\[6\].* 0 to 5"):
        RelevanceDisplay.from_estimator(model, matrices=[6])


def test_relevances_of_each_class():
    display = RelevanceDisplay.from_estimator(fitted("lgmlvq-class"))
    assert display.titles == ["class 0", "class 1", "class 2"]
    assert len(display.images_) == 3


def test_relevances_name_what_the_classifier_sees():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["north", "east", "south", "west"])
    model = make_pipeline(SelectKBest(k=2), GMLVQClassifier(**QUICK)).fit(frame, Y)
    display = RelevanceDisplay.from_estimator(model)
    assert list(display.feature_names) == list(model[:-1].get_feature_names_out())
    with pytest.raises(ValueError, match=r"feature_names has shape \(4,\).* 2 numbers"):
        RelevanceDisplay.from_estimator(model, feature_names=list("abcd"))


# Explanations


@pytest.mark.parametrize(
    "model", [CBCClassifier(2, **QUICK), RBFClassifier(2, **QUICK)], ids=["cbc", "rbf"]
)
def test_waterfall_of_the_lead(model):
    model = model.fit(X, LABELS[Y])
    display = ExplanationDisplay.from_estimator(model, X, 7, k=3)
    e = model.explain(X)[7]
    first, second = np.sort(e.scores[0])[:-3:-1]
    *parts, total = display.bars_
    assert ends([total])[0] == pytest.approx(first - second)
    assert total.get_x() == 0
    # Each bar starts where the one before it ended.
    assert_allclose([b.get_x() for b in parts], np.append(0, ends(parts)[:-1]))
    assert ends(parts)[-1] == pytest.approx(first - second)
    baseline = e.baseline[e.winners[0]] - e.baseline[e.runners_up[0]]
    skip = int(baseline != 0)
    assert_allclose(widths(parts)[skip : skip + 3], e.decisive[0][e.top(3)[0]])
    assert len(parts) == skip + 3 + 1
    if skip:
        assert display.labels[0] == "baseline"
        assert parts[0].get_width() == pytest.approx(baseline)
    j = e.top(1)[0, 0]
    phi, label = e.similarities[0, j], e.prototype_labels[j]
    expected = f"prototype {j} of {label!r}\nsimilarity {phi:.2f}"
    assert display.labels[skip] == expected
    assert display.labels[-1] == "other prototypes"
    assert display.total_label == f"lead over {e.classes[e.runners_up[0]]!r}"
    for bar in parts:
        colour = FOR if bar.get_width() >= 0 else AGAINST
        assert same_color(bar.get_facecolor(), colour)
    assert draws(display)


def test_texts_of_the_waterfall(cbc):
    display = ExplanationDisplay.from_estimator(cbc, X, 7, k=2)
    e = cbc.explain(X)[7]
    ticks = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert [t.replace("\\$", "$") for t in ticks] == [
        *display.labels,
        display.total_label,
    ]
    written = [t.get_text() for t in display.ax_.texts]
    assert written == [
        *(f"{s:+.3g}" for s in display.sizes),
        f"{sum(display.sizes):.3g}",
    ]
    winner = e.classes[e.winners[0]]
    assert repr(winner) in display.ax_.get_title().replace("\\$", "$")


@pytest.mark.slow
def test_every_number_of_the_waterfall_is_inside(cbc):
    for row in range(4):
        display = ExplanationDisplay.from_estimator(cbc, X, row)
        display.figure_.canvas.draw()
        frame = display.ax_.get_window_extent()
        for text in display.ax_.texts:
            box = text.get_window_extent()
            assert box.x0 >= frame.x0 - 1, (row, text)
            assert box.x1 <= frame.x1 + 1, (row, text)
        plt.close(display.figure_)


@pytest.mark.parametrize("name", ["rbf", "cbc", "glvq", "rslvq", "protopnet-score"])
def test_waterfall_of_the_score(name):
    model = fitted(name)
    display = ExplanationDisplay.from_estimator(model, X, 7, k=2, of="score")
    e = model.explain(X)[7]
    assert display.sizes.sum() == pytest.approx(e.scores.max())
    assert display.bars_[-1].get_width() == pytest.approx(e.scores.max())
    assert display.total_label == f"score of class {e.winners[0]}"
    sizes = e.contributions[0, e.winners[0]]
    order = np.argsort(-np.abs(sizes), kind="stable")[:2]
    skip = int(e.baseline[e.winners[0]] != 0)
    assert_allclose(display.sizes[skip : skip + 2], sizes[order])


def test_waterfall_of_features():
    model = RSLVQClassifier(2, **QUICK).fit(X, Y)
    display = ExplanationDisplay.from_estimator(
        model, X, 7, k=2, feature_names=["north", "east", "south", "west"]
    )
    e = model.explain(X)[7]
    terms, top = e.feature_terms[0], e.top_features(2)[0]
    assert_allclose(display.sizes[:2], terms[top])
    assert display.sizes[2] == pytest.approx(terms.sum() - terms[top].sum())
    assert display.labels[2] == "other features"
    assert display.labels[0] == ["north", "east", "south", "west"][top[0]]
    assert display.total_label == "log-ratio of the densities"
    assert_array_equal(display.samples[1:], model.prototypes_[e.deciding[0]])


def test_samples_are_the_row_and_the_prototypes_that_decide(scaled):
    display = ExplanationDisplay.from_estimator(scaled, RAW, 7, k=2)
    scaler, model = scaled
    e = model.explain(scaler.transform(RAW))[7]
    assert_array_equal(display.samples[0], RAW[7])
    expected = scaler.inverse_transform(model.prototypes_)[e.top(2)[0]]
    assert_allclose(display.samples[1:], expected)
    q = np.quantile(RAW, [0.05, 0.5, 0.95], axis=0)
    for bars, values in zip(display.samples_, display.samples, strict=True):
        assert_allclose(ends(bars), (values - q[0]) / (q[2] - q[0]))
    titles = [ax.get_title() for ax in display.sample_axes_]
    assert titles[0] == "this row"
    assert titles[1].startswith(f"prototype {e.top(1)[0, 0]}\n")


def test_few_rows_have_no_bands(cbc):
    display = ExplanationDisplay.from_estimator(cbc, X[:3], 1)
    assert display.quantiles is None
    assert_allclose(widths(display.samples_[0]), X[1])


def test_samples_as_images(scaled):
    display = ExplanationDisplay.from_estimator(scaled, RAW, 7, k=2, image_shape=(2, 2))
    assert_array_equal(display.samples_[0].get_array(), RAW[7].reshape(2, 2))
    assert len({image.get_clim() for image in display.samples_}) == 1


def test_parts_of_images(parts):
    model, images = parts
    display = ExplanationDisplay.from_estimator(model, images, 3, k=2)
    top = model.explain(images)[3].top(2)[0]
    row, *thumbnails = display.samples_
    assert_array_equal(row.get_array(), images[3])
    assert not display.sample_axes_[0].patches
    for image, cell, j in zip(thumbnails, display.sample_axes_[1:], top, strict=True):
        assert_array_equal(image.get_array(), model.prototype_images_[j])
        box, frame = model.prototype_boxes_[j], cell.patches[-1]
        assert (frame.get_x() + 0.5, frame.get_y() + 0.5) == (box[1], box[0])


def test_images_with_channels_first():
    rng = np.random.default_rng(0)
    images = rng.random((12, 3, 8, 8))
    model = ProtoPNetClassifier(
        1,
        n_channels=4,
        warmup_epochs=0,
        max_epochs=1,
        channels_first=True,
        random_state=0,
    ).fit(images, np.arange(12) % 2)
    display = ExplanationDisplay.from_estimator(model, images, 2)
    assert_array_equal(display.samples[0], images[2].transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"row": 60}, r"row=\[60\].* 0 to 59"),
        ({"row": -1}, r"row=\[-1\].* 0 to 59"),
        ({"k": 0}, "k=0 must be at least 1"),
        ({"of": "lemon"}, "of='lemon'.* 'lead' or 'score'"),
        ({"image_shape": (3, 3)}, r"image_shape=\(3, 3\).* 4 numbers"),
        ({"image_shape": (4,)}, r"image_shape=\(4,\)"),
        ({"feature_names": ["a"]}, r"feature_names has shape \(1,\).* 4 numbers"),
    ],
)
def test_what_cannot_be_explained(cbc, arguments, words):
    with pytest.raises(ValueError, match=words):
        ExplanationDisplay.from_estimator(cbc, X, **arguments)
    assert not plt.get_fignums()


# Regions


def test_discs_are_the_certified_radii(plane):
    rows = np.array([0, 5, 9, 30])
    points = X[:, :2] * [1, 3]
    display = DecisionRegionDisplay.from_estimator(plane, points, Y, rows=rows)
    radius = certified_radius(plane, points[rows], Y[rows])
    assert_array_equal(display.radii, radius)
    assert (radius > 0).sum() >= 2
    for disc, i, size in zip(display.discs_, rows, radius, strict=True):
        if size == 0:
            assert disc is None
            continue
        assert disc.radius == size
        assert disc.center == tuple(points[i])
        assert disc in display.ax_.patches


def test_no_point_of_a_disc_is_classified_otherwise(plane):
    points = X[:, :2] * [1, 3]
    angles = np.linspace(0, 2 * np.pi, 60)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    for disc in DecisionRegionDisplay.from_estimator(plane, points).discs_:
        rim = disc.center + 0.999999 * disc.radius * circle
        assert len(set(plane.predict(rim))) == 1


@pytest.mark.parametrize("norm", [1, 1.5, np.inf])
def test_balls_of_other_norms(plane, norm):
    points = X[:, :2] * [1, 3]
    display = DecisionRegionDisplay.from_estimator(plane, points, rows=[3], norm=norm)
    (ball,) = display.discs_
    corners = ball.get_xy() - points[3]
    (expected,) = certified_radius(plane, points[[3]], norm=norm)
    assert_allclose(np.linalg.norm(corners, norm, axis=1), expected)


def test_rows_that_are_predicted_wrongly_have_no_disc(plane):
    points = X[:, :2] * [1, 3]
    wrong = np.flatnonzero(plane.predict(points) != Y)
    assert len(wrong)
    marked = DecisionRegionDisplay.from_estimator(plane, points, Y, rows=wrong)
    assert marked.discs_ == [None] * len(wrong)
    blind = DecisionRegionDisplay.from_estimator(plane, points, rows=wrong)
    assert None not in blind.discs_


def test_regions_are_the_predictions(plane):
    points = X[:, :2] * [1, 3]
    display = DecisionRegionDisplay.from_estimator(
        plane, points, grid_resolution=20, eps=0.5
    )
    regions = display.regions
    grid = np.column_stack([regions.xx0.ravel(), regions.xx1.ravel()])
    assert_array_equal(plane.predict(grid), regions.response.ravel())
    assert_allclose(grid.min(axis=0), points.min(axis=0) - 0.5)
    assert regions.ax_ is display.ax_


@pytest.mark.parametrize("n_classes", [2, 3])
def test_points_and_regions_have_one_colour(n_classes):
    keep = n_classes > Y
    points, labels = X[keep, :2], LABELS[Y[keep]]
    model = CBCClassifier(2, **QUICK).fit(points, labels)
    display = DecisionRegionDisplay.from_estimator(model, points, grid_resolution=30)
    codes = np.searchsorted(model.classes_, model.predict(points))
    colours = display.points_.get_facecolor()
    surface = display.regions.surface_
    for code in range(n_classes):
        drawn = colours[np.flatnonzero(codes == code)[0]]
        assert same_color(drawn[:3], surface.cmap(surface.norm(code))[:3])
    stars = display.prototypes_
    assert_allclose(stars.get_offsets(), model.prototypes_)
    legend = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert legend == [
        *(repr(label).replace("$", "\\$") for label in model.classes_),
        "prototypes",
    ]
    assert draws(display)


def test_stars_are_in_the_units_of_the_data(plane):
    display = DecisionRegionDisplay.from_estimator(plane, X[:, :2] * [1, 3])
    scaler, model = plane
    expected = scaler.inverse_transform(model.prototypes_)
    assert_allclose(display.prototypes_.get_offsets(), expected)


def test_regions_keep_the_names_of_a_frame():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:, :2], columns=["north", "east"])
    model = CBCClassifier(**QUICK).fit(frame, Y)
    display = DecisionRegionDisplay.from_estimator(model, frame, Y)
    assert display.ax_.get_xlabel() == "north"
    assert display.ax_.get_ylabel() == "east"
    assert len(display.discs_) == 20


def test_regions_need_a_plane(cbc):
    with pytest.raises(ValueError, match=r"X has shape \(60, 4\).* 2 features"):
        DecisionRegionDisplay.from_estimator(cbc, X)


# All of them


@pytest.fixture(
    params=["prototypes", "reasoning", "relevance", "explanation", "regions"]
)
def draw(request, cbc, plane):
    return {
        "prototypes": lambda **o: PrototypeDisplay.from_estimator(cbc, **o),
        "reasoning": lambda **o: ReasoningDisplay.from_estimator(cbc, **o),
        "relevance": lambda **o: RelevanceDisplay.from_estimator(fitted("gmlvq"), **o),
        "explanation": lambda **o: ExplanationDisplay.from_estimator(cbc, X, **o),
        "regions": lambda **o: DecisionRegionDisplay.from_estimator(
            plane, X[:, :2] * [1, 3], rows=[0], **o
        ),
    }[request.param]


def test_axes_of_the_user(draw):
    figure, (left, right) = plt.subplots(1, 2)
    display = draw(ax=right)
    assert display.figure_ is figure
    place = right.get_position()
    for ax in figure.axes:
        if ax is left:
            continue
        spec = ax.get_subplotspec()
        if spec is not None:
            top = spec.get_topmost_subplotspec()
            assert top.colspan == right.get_subplotspec().colspan
    assert place.x0 > 0.5
    assert draws(display)


def test_plot_draws_again(draw):
    display = draw()
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first
    assert len(display.figure_.axes) == len(first.axes)


def test_displays_of_several_panels_divide_a_blank_figure(cbc):
    figure = Figure()
    before = plt.get_fignums()
    display = PrototypeDisplay.from_estimator(cbc, ax=figure)
    assert display.figure_ is figure
    assert len(figure.axes) >= 6
    assert plt.get_fignums() == before


def test_axes_outside_of_a_grid(cbc):
    ax = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match="ax has no place in a grid"):
        ReasoningDisplay.from_estimator(cbc, ax=ax)


@pytest.mark.parametrize(
    ("Display", "name", "attribute"),
    [
        (ReasoningDisplay, "GLVQClassifier", "reasoning_"),
        (RelevanceDisplay, "GLVQClassifier", "relevance_matrix_"),
    ],
)
def test_models_that_lack_what_is_drawn(Display, name, attribute):
    model = make_pipeline(StandardScaler(), GLVQClassifier(**QUICK)).fit(X, Y)
    words = f"{Display.__name__} needs a model with {attribute}, but {name}"
    with pytest.raises(TypeError, match=words):
        Display.from_estimator(model)


def test_other_models_are_refused():
    other = LogisticRegression().fit(X, Y)
    with pytest.raises(TypeError, match="prototypes_, but LogisticRegression has none"):
        PrototypeDisplay.from_estimator(other)
    with pytest.raises(NotFittedError):
        PrototypeDisplay.from_estimator(CBCClassifier())


def test_latent_prototypes_are_drawn_only_if_they_are_decoded():
    class Latent(LogisticRegression):
        """A classifier of latent prototypes that cannot be decoded."""

    model = Latent().fit(X, Y)
    model.prototypes_ = np.zeros((2, 7))
    with pytest.raises(TypeError, match=r"Latent: .* shape \(7,\).*prototype_images_"):
        PrototypeDisplay.from_estimator(model)
    model.decoded_prototypes_ = X[:2]
    display = PrototypeDisplay.from_estimator(model)
    assert_array_equal(display.prototypes, X[:2])
    assert display.axes_[1].get_title() == "prototype 1"
