"""What a reader sees in a picture is what the row and the model have."""

import re
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose

from sklearn_proto import (
    CBCClassifier,
    GLVQClassifier,
    GMLVQClassifier,
    LGMLVQClassifier,
    RSLVQClassifier,
)
from sklearn_proto._drawing._text import brief, legible, shortened, text_width, wrapped
from sklearn_proto.inspection import (
    DecisionRegionDisplay,
    ExplanationDisplay,
    PrototypeDisplay,
    ReasoningDisplay,
    RelevanceDisplay,
    report,
)
from sklearn_proto.robustness import CertifiedAccuracyDisplay
from tests.breadth import quick_are
from tests.conftest import fitted
from tests.data import three_classes

QUICK = {"max_iter": 30, "random_state": 0}


@pytest.fixture(autouse=True)
def _no_windows():
    before = plt.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


def lengths(bars):
    return np.array([bar.get_width() for bar in bars])


# What is absent has no bar


@pytest.fixture(scope="module")
def patients():
    """Female, male, rare (5 of 200), nodes (a count) and age."""
    rng = np.random.default_rng(0)
    male = rng.random(200) < 0.55
    rows = [~male, male, np.arange(200) % 40 == 0, rng.poisson(1, 200), rng.random(200)]
    X = np.column_stack(rows).astype(float)
    return X, X[:, 4] > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, -3.0, 1e-6])
def test_a_category_has_a_bar_where_the_row_has_it(patients, scale):
    X, y = patients
    model = GLVQClassifier(**QUICK).fit(X, y)
    shift = X.copy()
    shift[:, :3] = scale + shift[:, :3]  # Zero is not what makes it absent.
    for i in (0, 1, 2, 40):
        display = ExplanationDisplay.from_estimator(model, shift, i)
        assert_allclose(lengths(display.samples_[0])[:3], X[i, :3], atol=1e-12)
        plt.close(display.figure_)


def test_counts_start_at_their_end_and_others_at_the_median(patients):
    X, y = patients
    model = GLVQClassifier(**QUICK).fit(X, y)
    display = PrototypeDisplay.from_estimator(model, X)
    assert_allclose(display.starts, [0, 0, 0, 0, np.median(X[:, 4])])
    span = np.ptp(np.quantile(X[:, 3:], [0.05, 0.95], axis=0), axis=0)
    for bars, prototype in zip(display.artists_, model.prototypes_, strict=True):
        assert_allclose(lengths(bars)[:3], prototype[:3])
        expected = (prototype[3:] - display.starts[3:]) / span
        assert_allclose(lengths(bars)[3:], expected)


def test_displays_of_given_quantiles_start_where_they_are_told():
    quantiles = np.arange(10.0).reshape(5, 2)
    row = {"prototypes": np.array([[8.0, 9.0]]), "quantiles": quantiles}
    from_median = PrototypeDisplay(**row).plot()
    assert_allclose(lengths(from_median.artists_[0]), 0.5)
    from_low = PrototypeDisplay(**row, starts=quantiles[0]).plot()
    assert_allclose(lengths(from_low.artists_[0]), 1.0)


def test_few_rows_that_share_no_value_start_at_the_median():
    X = np.random.default_rng(1).normal(size=(8, 2))
    model = CBCClassifier(**QUICK).fit(X, np.arange(8) % 2)
    display = PrototypeDisplay.from_estimator(model, X)
    assert_allclose(display.starts, np.median(X, axis=0))


# Texts


def test_texts_are_written_as_they_are():
    assert legible("a\nb\tc  d") == "a b c d"
    assert legible("a\0b\ud800") == r"a\x00b\ud800"
    assert (
        legible("\N{GREEK SMALL LETTER ALPHA}_<&$")
        == "\N{GREEK SMALL LETTER ALPHA}_<&$"
    )
    assert brief("abcdefgh", 5) == "ab\N{HORIZONTAL ELLIPSIS}gh"
    assert brief("abcde", 5) == "abcde"


@pytest.mark.parametrize("text", ["word " * 40, "x" * 300, "a$b$" * 50, "short"])
def test_texts_fit_their_width(text):
    for width in (0.6, 1.5, 4.0):
        for line in wrapped(text.strip(), width, 9).split("\n"):
            assert text_width(line.replace(r"\$", "$"), 9) <= width
        assert text_width(shortened(text, width, 9).replace(r"\$", "$"), 9) <= width
    words = wrapped("word " * 40, 1.5, 9).split()
    assert words == ["word"] * 40


X, Y = three_classes()
LONG = np.array(
    [
        "died within two years of the first operation",
        "$alive_{without}$ any sign of the disease & <b>",
        "x" * 120,
    ],
    dtype=object,
)
MANY = np.array([f"a class with a long name and number {i}" for i in range(12)])
NAMES = ["mean fractal dimension of the nuclei (1/mm)", "$x_$", "y" * 90, "a\nb\0c"]


def labels(kind):
    return LONG[Y] if kind == "long" else MANY[np.arange(len(Y)) % len(MANY)]


def drawn_with(Model, kind):
    return Model(max_iter=3, random_state=0).fit(X, labels(kind))


DRAWN = {
    "prototypes": lambda y: PrototypeDisplay.from_estimator(
        drawn_with(CBCClassifier, y), X, feature_names=NAMES
    ),
    "one column": lambda y: PrototypeDisplay.from_estimator(
        drawn_with(CBCClassifier, y),
        feature_names=NAMES,
        prototypes=[0, 2],
        n_columns=1,
    ),
    "images": lambda y: PrototypeDisplay.from_estimator(
        drawn_with(CBCClassifier, y), image_shape=(2, 2)
    ),
    "reasoning": lambda y: ReasoningDisplay.from_estimator(
        drawn_with(CBCClassifier, y)
    ),
    "relevance": lambda y: RelevanceDisplay.from_estimator(
        drawn_with(GMLVQClassifier, y), feature_names=NAMES
    ),
    "relevances": lambda y: RelevanceDisplay.from_estimator(
        drawn_with(LGMLVQClassifier, y), feature_names=NAMES, matrices=[0, 2]
    ),
    "explanation": lambda y: ExplanationDisplay.from_estimator(
        drawn_with(CBCClassifier, y), X, 1, feature_names=NAMES
    ),
    "distances": lambda y: ExplanationDisplay.from_estimator(
        drawn_with(GLVQClassifier, y), X, 1, feature_names=NAMES
    ),
    "score": lambda y: ExplanationDisplay.from_estimator(
        drawn_with(CBCClassifier, y), X, 1, of="score", image_shape=(2, 2)
    ),
    "regions": lambda y: DecisionRegionDisplay.from_estimator(
        CBCClassifier(max_iter=3, random_state=0).fit(X[:, :2], labels(y)),
        X[:, :2],
        rows=[0],
        grid_resolution=20,
    ),
    "plot": lambda y: drawn_with(CBCClassifier, y).explain(X[:1]).plot(0),
    "plot of distances": lambda y: drawn_with(GLVQClassifier, y).explain(X[:1]).plot(0),
    "plot of densities": lambda y: (
        drawn_with(RSLVQClassifier, y).explain(X[:1]).plot(0)
    ),
    "plot of parts": lambda _: fitted("protopnet").explain(X[:1]).plot(0),
}


@pytest.mark.parametrize("kind", quick_are(["long"], ["long", "many"]))
@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_every_text_is_inside_of_the_figure(draw, kind):
    drawn = draw(kind)
    figure = getattr(drawn, "figure_", drawn)
    figure.canvas.draw()
    frame = figure.bbox
    texts = [t for t in figure.findobj(plt.Text) if t.get_visible()]
    # Numbers at ticks beyond the limits are not drawn.
    words = [t for t in texts if any(map(str.isalpha, t.get_text()))]
    assert len(words) > 2
    for text in words:
        box = text.get_window_extent()
        assert box.x0 >= frame.x0 - 1, text
        assert box.x1 <= frame.x1 + 1, text
        assert box.y0 >= frame.y0 - 1, text
        assert box.y1 <= frame.y1 + 1, text


def test_titles_of_neighbours_do_not_overlap():
    display = DRAWN["prototypes"]("long")
    display.figure_.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in display.axes_[:3]]
    for left, right in pairwise(boxes):
        assert left.x1 <= right.x0 + 1


# Words


def test_titles_say_distances_as_distances():
    model = GLVQClassifier(**QUICK).fit(X, Y)
    e = model.explain(X[:1])
    near, far = e.deciding_distances[0]
    display = ExplanationDisplay.from_estimator(model, X, 0)
    assert f"(at squared distance {near:.3g}) rather than" in display.title
    assert display.title.endswith(f"(at {far:.3g})")


def test_curves_are_called_by_the_classifier():
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), GLVQClassifier(**QUICK))
    search = GridSearchCV(model, {"glvqclassifier__max_iter": [3]}, cv=2).fit(X, Y)
    for whole in (model.fit(X, Y), search):
        display = CertifiedAccuracyDisplay.from_estimator(whole, X, Y)
        assert display.line_.get_label() == "GLVQClassifier"


def test_sentences_say_what_a_row_is_unlike():
    model = CBCClassifier(2, **QUICK).fit(X, Y)
    e = model.explain(X)
    for i in range(9):
        text = str(e[i])
        assert "present" not in text
        for j in e.top(3)[i]:
            phi = e.similarities[i, j]
            words = f"which the row is {'un' if phi < 0.35 else ''}like"
            words = words if not 0.35 <= phi < 0.65 else "which the row is partly like"
            words = "which the row is quite unlike" if phi < 0.1 else words
            assert f"{words} (similarity {phi:.2f})" in text


def test_a_label_and_a_number_stay_apart_without_styles():
    model = CBCClassifier(2, **QUICK).fit(X, Y)
    e = model.explain(X[:1])
    text = re.sub("<[^>]*>", "", e._repr_html_())
    j = e.top(1)[0, 0]
    label, phi = e.prototype_labels[j], e.similarities[0, j]
    assert re.search(rf"prototype {j} of class {label}\s+{phi:.2f}\s", text)


def test_nothing_is_no_bar():
    figure = fitted("cbc").explain(X[:1]).plot(0, k=100)
    ticks = [t.get_text() for t in figure.axes[-1].get_yticklabels()]
    assert all(tick.startswith("prototype") for tick in ticks[:-1])


def test_names_of_any_kind_in_a_report(tmp_path):
    model = drawn_with(GLVQClassifier, "long")
    names = ["<b>&amp;", "$x_$", "half a letter \ud800", "a\nb\0c"]
    file = report(model, X, LONG[Y], tmp_path / "a.html", feature_names=names, rows=[1])
    text = file.read_text(encoding="utf-8")
    assert "&lt;b&gt;&amp;amp;" in text
    assert "<b>" not in text
    assert LONG[0] in text
    assert r"half a letter \ud800" in text
