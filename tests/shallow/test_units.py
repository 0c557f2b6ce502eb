"""The unit of the rows, the order of the columns and the scale of the weights."""

import functools

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier

from sklearn_proto import CBCClassifier, GLVQClassifier, RBFClassifier, RSLVQClassifier
from tests.breadth import quick_are
from tests.conftest import fitted
from tests.data import three_classes
from tests.instances import (
    FIRST,
    every_estimator,
    every_shallow_estimator,
    every_shallow_fit,
    every_shallow_instance,
    example,
    instance,
)
from tests.test_surroundings import brief

X, Y = three_classes()


@pytest.mark.parametrize("factor", [2.0, 2.0**-100, 2.0**400])
@every_shallow_estimator
def test_the_unit_of_the_rows_does_not_matter(Estimator, factor):
    """A power of two changes no digit."""
    one, other = fitted(FIRST[Estimator]), example(Estimator).fit(X * factor, Y)
    np.testing.assert_array_equal(other.prototypes_, one.prototypes_ * factor)
    np.testing.assert_array_equal(other.predict_proba(X * factor), one.predict_proba(X))


@functools.cache
def score(Estimator, factor):
    """Accuracy on the training rows in another unit, once a fit has settled."""
    model = example(Estimator, max_iter=100)
    return model.fit(X * factor, Y).score(X * factor, Y)


@pytest.mark.parametrize("factor", quick_are([1e-149], [1e-149, 1e-19, 3.0, 1e149]))
@every_shallow_estimator
def test_any_unit_learns_as_well(Estimator, factor):
    assert score(Estimator, factor) > score(Estimator, 1.0) - 0.09


@pytest.mark.parametrize("name", ["glvq", "gmlvq", "lgmlvq", "gtlvq", "rslvq"])
def test_the_unit_of_a_stream(name):
    models = []
    for factor in (1.0, 2.0**-60):
        model = instance(name)
        for rows in (slice(0, 30), slice(30, None)):
            model.partial_fit(X[rows] * factor, Y[rows], classes=[0, 1, 2])
        models.append(model.predict_proba(X * factor))
    np.testing.assert_array_equal(*models)


def test_given_widths_and_starts_are_in_the_unit_of_the_rows():
    for factor in (1.0, 64.0):
        init = np.vstack([X[c == Y][0] for c in range(3)]) * factor
        for sigma in (2.0 * factor**2, np.array([1.0, 2.0, 3.0]) * factor**2):
            model = RBFClassifier(
                init=init, sigma=sigma, learn_sigma=False, max_iter=1, random_state=0
            ).fit(X * factor, Y)
            np.testing.assert_allclose(model.sigma_, sigma, rtol=1e-12)


@pytest.mark.parametrize("columns", [[2, 0, 3, 1], [3, 2, 1, 0]])
@every_shallow_estimator
def test_k_means_starts_from_the_same_rows_for_any_order_of_columns(Estimator, columns):
    one = example(Estimator, max_iter=1).fit(X, Y)
    other = example(Estimator, max_iter=1).fit(np.asfortranarray(X[:, columns]), Y)
    np.testing.assert_allclose(
        other.prototypes_, one.prototypes_[:, columns], rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("Estimator", [RBFClassifier, CBCClassifier, RSLVQClassifier])
def test_one_row_of_each_class_is_enough_to_start(Estimator):
    rng = np.random.default_rng(1)
    centres = 3 * rng.normal(size=(4, 50))
    rows, y = centres + rng.normal(size=(4, 50)), np.arange(4)
    new = np.repeat(centres, 50, axis=0) + rng.normal(size=(200, 50))
    truth = np.repeat(y, 50)
    assert KNeighborsClassifier(1).fit(rows, y).score(new, truth) == 1
    assert Estimator(random_state=0).fit(rows, y).score(new, truth) > 0.95


@pytest.mark.parametrize("per_class", [2, 3, 5])
@pytest.mark.parametrize("Estimator", [RBFClassifier, CBCClassifier, RSLVQClassifier])
def test_as_many_prototypes_as_rows(Estimator, per_class):
    rng = np.random.default_rng(per_class)
    centres = 3 * rng.normal(size=(3, 20))
    y = np.repeat(np.arange(3), per_class)
    rows = centres[y] + rng.normal(size=(len(y), 20))
    truth = np.repeat(np.arange(3), 50)
    new = centres[truth] + rng.normal(size=(150, 20))
    assert Estimator(per_class, random_state=0).fit(rows, y).score(new, truth) > 0.9


@pytest.mark.parametrize("factor", [1 / 60, 1e300])
@every_estimator
def test_the_scale_of_the_weights_does_not_matter(Estimator, factor):
    weight = np.random.default_rng(0).integers(1, 4, len(X)).astype(float)
    one = brief(Estimator).fit(X, Y, sample_weight=weight)
    other = brief(Estimator).fit(X, Y, sample_weight=weight * factor)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


@every_shallow_instance
def test_probabilities_of_weights_of_mixed_scale_are_finite(name):
    weight = 10.0 ** np.random.default_rng(0).uniform(-300, 300, len(X))
    p = instance(name, max_iter=5).fit(X, Y, sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_weights_of_a_stream_that_add_up_to_infinity():
    model = GLVQClassifier(random_state=0)
    with pytest.raises(ValueError, match="sample_weight"):
        model.partial_fit(X, Y, [0, 1, 2], sample_weight=np.full(len(X), 1e308))


@pytest.mark.parametrize("value", [-1, np.nan, np.inf, None, "1", True])
@every_estimator
def test_class_weights_are_numbers(Estimator, value):
    model = example(Estimator, class_weight={0: 1.0, 1: value, 2: 1.0})
    with pytest.raises(ValueError, match=r"class_weight=.*for class 1"):
        model.fit(X, Y)
    if hasattr(model, "partial_fit"):
        with pytest.raises(ValueError, match=r"class_weight=.*for class 1"):
            model.partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_class_weights_of_no_class(call):
    names = np.array(["setosa", "versicolor", "virginica"])
    model = GLVQClassifier(class_weight={"virginca": 5})
    more = (names,) if call == "partial_fit" else ()
    with pytest.raises(ValueError, match="virginca"):
        getattr(model, call)(X, names[Y], *more)


@every_estimator
def test_a_class_of_weight_zero_is_not_there(Estimator):
    model = brief(Estimator).set_params(class_weight={0: 0, 1: 1, 2: 1}).fit(X, Y)
    assert model.classes_.tolist() == [1, 2]
    rest = brief(Estimator).fit(X[Y > 0], Y[Y > 0])
    np.testing.assert_array_equal(model.predict_proba(X), rest.predict_proba(X))


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", "b", "c"], dtype=object),
        np.array(["a", "b", "c"]),
        np.array([0.0, 1.0, 2.0]),
        np.array([7, 8, 9]),
        pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]).to_numpy(),
        np.array([False, True, True]),
    ],
    ids=lambda a: str(a.dtype),
)
@every_shallow_estimator
def test_too_many_prototypes_for_labels_of_any_type(Estimator, labels):
    with pytest.raises(ValueError, match=r"n_prototypes_per_class=100 is more than"):
        Estimator(100).fit(X, labels[Y])


def test_a_series_of_counts_goes_by_its_index():
    counts = pd.Series([1, 2, 3], index=["c", "b", "a"])
    y = np.array(["a", "b", "c"])[Y]
    for Estimator in (GLVQClassifier, RBFClassifier, RSLVQClassifier):
        model = Estimator(counts, max_iter=2, random_state=0).fit(X, y)
        assert model.prototype_labels_.tolist() == list("aaabbc")
    with pytest.raises(ValueError, match="Series with the index"):
        GLVQClassifier(counts.rename({"a": "z"})).fit(X, y)


@every_shallow_fit
def test_parameters_that_change_after_the_fit_wait_for_the_next(name):
    model = instance(name, max_iter=3).fit(X, Y)
    expected = model.predict_proba(X), model.transform(X), model.explain(X).scores
    radii = model.certified_radius(X[:5])
    for parameter in model.get_params():
        model.set_params(**{parameter: object()})
    found = model.predict_proba(X), model.transform(X), model.explain(X).scores
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.certified_radius(X[:5]), radii)
