"""What the display draws is what was certified."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import same_color

from sklearn_proto import CBCClassifier
from sklearn_proto.robustness import (
    CertifiedAccuracyDisplay,
    certified_accuracy_curve,
    certified_accuracy_score,
)
from tests.data import three_classes

X, Y = three_classes()
RIGHT = np.zeros(4)
RADII = [0.5, 2.0, 0.5, 0.0]
draw = CertifiedAccuracyDisplay.from_predictions


@pytest.fixture(autouse=True)
def _no_windows():
    before = mpl.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.fixture(scope="module")
def cbc():
    return CBCClassifier(2, max_iter=40, random_state=0).fit(X, Y)


def points(line):
    return np.column_stack([line.get_xdata(), line.get_ydata()]).tolist()


def height_at(line, eps):
    """Height of the drawn steps over `eps`, as matplotlib draws them."""
    x, y = line.get_xdata(), line.get_ydata()
    assert line.get_drawstyle() == "steps-pre"
    return y[np.searchsorted(x, eps)]


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_points_of_known_radii():
    display = draw(RIGHT, RIGHT, radius=RADII)
    assert display.eps.tolist() == [0.0, 0.5, 2.0]
    assert display.accuracy.tolist() == [0.75, 0.75, 0.25]
    expected = [[0, 0.75], [0.5, 0.75], [2, 0.25], [2.1, 0]]
    np.testing.assert_allclose(points(display.line_), expected)


def test_rows_predicted_wrongly_do_not_count():
    display = draw(RIGHT, [0, 1, 0, 0], radius=RADII)
    assert display.accuracy.tolist() == [0.5, 0.5]
    assert display.clean_accuracy == 0.75
    assert set(display.accuracy_line_.get_ydata()) == {0.75}


def test_radii_without_end_are_a_level_that_stays():
    display = draw(RIGHT, RIGHT, radius=[np.inf, 1.0, np.inf, 0.0])
    expected = [[0, 0.75], [1, 0.75], [1.05, 0.5]]
    np.testing.assert_allclose(points(display.line_), expected)


@pytest.mark.parametrize(("radius", "level"), [(0.0, 0.0), (np.inf, 1.0)])
def test_all_radii_the_same(radius, level):
    display = draw(RIGHT, RIGHT, radius=np.full(4, radius))
    assert points(display.line_) == [[0, level], [1, level]]


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_curve_of_a_model(cbc, norm):
    display = CertifiedAccuracyDisplay.from_estimator(
        cbc, X, Y, norm=norm, method="interval"
    )
    eps, accuracy = certified_accuracy_curve(cbc, X, Y, norm=norm, method="interval")
    np.testing.assert_array_equal(display.eps, eps)
    np.testing.assert_array_equal(display.accuracy, accuracy)
    for size in np.random.default_rng(0).uniform(0, eps[-1], size=20):
        score = certified_accuracy_score(cbc, X, Y, size, norm=norm, method="interval")
        assert height_at(display.line_, size) == score
    assert set(display.accuracy_line_.get_ydata()) == {cbc.score(X, Y)}


def test_labels(cbc):
    display = CertifiedAccuracyDisplay.from_estimator(cbc, X, Y, norm=np.inf)
    assert display.ax_.get_xlabel() == "l-infinity radius"
    assert display.ax_.get_ylabel() == "Certified accuracy"
    clean = f"clean accuracy {cbc.score(X, Y):.3f}"
    assert legend_of(display.ax_) == ["CBCClassifier", clean]
    named = CertifiedAccuracyDisplay.from_estimator(cbc, X, Y, name="mine", norm=1.5)
    assert named.ax_.get_xlabel() == "l1.5 radius"
    assert named.line_.get_label() == "mine"
    assert draw(RIGHT, RIGHT, radius=RADII).ax_.get_xlabel() == "Radius"


def test_axes_and_figure():
    display = draw(RIGHT, RIGHT, radius=RADII)
    assert display.figure_ is display.ax_.figure
    figure, ax = plt.subplots()
    again = draw(RIGHT, RIGHT, radius=RADII, ax=ax)
    assert (again.ax_, again.figure_) == (ax, figure)
    assert again.line_ in ax.lines
    assert again.accuracy_line_ in ax.lines
    low, high = ax.get_ylim()
    assert low <= 0
    assert high >= 1


def test_two_curves_on_the_same_axes():
    first = draw(RIGHT, RIGHT, radius=RADII, name="one", norm=2)
    second = draw(RIGHT, RIGHT, radius=[1.0] * 4, name="two", norm=2, ax=first.ax_)
    assert len(first.ax_.lines) == 4
    assert {"one", "two"} < set(legend_of(first.ax_))
    assert not same_color(first.line_.get_color(), second.line_.get_color())
    for display in (first, second):
        colour = display.line_.get_color()
        assert same_color(display.accuracy_line_.get_color(), colour)


def test_style_of_the_curve():
    display = draw(RIGHT, RIGHT, radius=RADII, color="red", linewidth=3, label="L")
    assert same_color(display.line_.get_color(), "red")
    assert display.line_.get_linewidth() == 3
    assert legend_of(display.ax_)[0] == "L"
    assert display.accuracy_line_.get_linewidth() != 3


def test_plot_draws_again():
    display = CertifiedAccuracyDisplay(
        eps=np.array([0.0, 1.0]), accuracy=np.array([0.5, 0.25]), name="first", norm=2
    )
    assert not hasattr(display, "line_")
    assert display.plot() is display
    line, ax = display.line_, display.ax_
    assert line.get_label() == "first"
    assert display.accuracy_line_ is None
    display.plot(name="second")
    assert display.line_.get_label() == "second"
    assert display.ax_ is not ax
    assert points(display.line_) == points(line)


@pytest.mark.parametrize(
    ("truth", "predicted", "radius", "words"),
    [
        (RIGHT, RIGHT[:2], RADII, ["y_true", "(4,)", "y_pred", "(2,)"]),
        (RIGHT, RIGHT, RADII[:3], ["radius", "(3,)", "4 rows"]),
        (RIGHT, RIGHT, [0.1, -0.1, np.nan, 1], ["radius", "2 values"]),
        (np.ones((4, 2)), np.ones((4, 2)), RADII, ["y_true", "(n_samples,)"]),
    ],
)
def test_what_cannot_be_drawn(truth, predicted, radius, words):
    with pytest.raises(ValueError) as caught:
        draw(truth, predicted, radius=radius)
    for word in words:
        assert word in str(caught.value)
    assert not plt.get_fignums()
