"""What a reader sees in a picture is what the row and the model have."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose

from sklearn_proto import CBCClassifier, GLVQClassifier
from sklearn_proto.inspection import ExplanationDisplay, PrototypeDisplay

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
