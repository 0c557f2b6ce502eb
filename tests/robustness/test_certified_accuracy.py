"""Certified accuracies are shares of rows, and choose what brute force chooses."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    StratifiedKFold,
    cross_val_score,
)

from sklearn_proto import CBCClassifier
from sklearn_proto.robustness import (
    certified_accuracy_curve,
    certified_accuracy_score,
    make_certified_scorer,
)
from tests.data import three_classes

X, Y = three_classes()
INF = np.inf


class Known(BaseEstimator):
    """The first column of X holds the radii; remembers how it was asked."""

    def certified_radius(self, X, y=None, **options):
        self.asked_ = options
        radius = np.asarray(X, dtype=float)[:, 0]
        return radius if y is None else np.where(np.asarray(y) == 0, radius, 0.0)


def of_radii(radii):
    """Rows and labels on which `Known` has these radii."""
    return np.asarray(radii, dtype=float)[:, None], np.zeros(len(radii))


RADII = {
    "ties": [0.5, 0.0, 0.5, 2.0, 0.0, 1.0, 0.5, 2.0],
    "distinct": [0.3, 0.1, 0.2],
    "infinite": [INF, 1.0, INF, 0.0],
    "all-infinite": [INF, INF],
    "nothing": [0.0, 0.0],
    "one": [0.7],
}
every_case = pytest.mark.parametrize("case", list(RADII))


def share(radii, eps):
    """One row at a time."""
    return sum(r > 0 and r >= eps for r in radii) / len(radii)


@pytest.fixture(scope="module")
def cbc():
    return CBCClassifier(2, max_iter=40, random_state=0).fit(X, Y)


@every_case
def test_score_is_the_share_of_rows(case):
    radii = RADII[case]
    sizes = [0.0, 0.1, 0.5, np.nextafter(0.5, 1), 1.0, 5.0, INF]
    expected = [share(radii, eps) for eps in sizes]
    rows = of_radii(radii)
    assert [certified_accuracy_score(Known(), *rows, e) for e in sizes] == expected
    scores = certified_accuracy_score(Known(), *rows, sizes)
    np.testing.assert_array_equal(scores, expected)


@every_case
def test_curve_has_a_step_at_every_distinct_radius(case):
    radii = RADII[case]
    steps, accuracies = certified_accuracy_curve(Known(), *of_radii(radii))
    assert steps.tolist() == [0.0, *sorted({r for r in radii if r > 0})]
    assert accuracies.tolist() == [share(radii, eps) for eps in steps]


@every_case
def test_curve_between_its_steps(case):
    """The value at a step holds from there down to the step before."""
    radii = RADII[case]
    steps, accuracies = certified_accuracy_curve(Known(), *of_radii(radii))
    for eps in np.random.default_rng(0).uniform(0, 3, size=50):
        at = np.searchsorted(steps, eps)
        value = accuracies[at] if at < len(steps) else 0.0
        assert value == share(radii, eps)


def test_curve_and_score_of_a_model(cbc):
    for norm, method in [(1, "interval"), (2, "auto"), (INF, "closed_form")]:
        options = {"norm": norm, "method": method}
        steps, accuracies = certified_accuracy_curve(cbc, X, Y, **options)
        assert (np.diff(steps) > 0).all()
        assert (np.diff(accuracies) < 0).sum() >= len(steps) - 2
        assert accuracies[0] <= cbc.score(X, Y)
        scores = certified_accuracy_score(cbc, X, Y, steps, **options)
        np.testing.assert_array_equal(scores, accuracies)
        radius = cbc.certified_radius(X, Y, **options)
        assert certified_accuracy_score(cbc, X, Y, 0.2, **options) == share(radius, 0.2)


def test_options_reach_the_certificate():
    rows = of_radii([1.0, 2.0])
    options = {"norm": 1, "method": "interval", "bounds": (0, 9)}
    for ask in (
        lambda model: certified_accuracy_score(model, *rows, 0.5, **options),
        lambda model: certified_accuracy_curve(model, *rows, **options),
        lambda model: make_certified_scorer(0.5, **options)(model, *rows),
    ):
        model = Known()
        ask(model)
        assert options.items() <= model.asked_.items()


@pytest.mark.parametrize("eps", [-0.1, np.nan, [0.1, -0.1]])
def test_sizes_that_are_refused(cbc, eps):
    with pytest.raises(ValueError, match=r"eps=.*at least 0"):
        certified_accuracy_score(cbc, X, Y, eps)


@pytest.mark.parametrize("eps", [-0.1, np.nan, [0.1], "1", None, True])
def test_sizes_that_a_scorer_refuses(eps):
    with pytest.raises(ValueError, match=r"'eps' .*in the range"):
        make_certified_scorer(eps)


def test_scorer_is_the_score(cbc):
    scorer = make_certified_scorer(0.3, norm=1, method="interval")
    expected = certified_accuracy_score(cbc, X, Y, 0.3, norm=1, method="interval")
    assert scorer(cbc, X, Y) == expected
    assert isinstance(scorer(cbc, X, Y), float)
    assert 0 < expected < cbc.score(X, Y)


@pytest.mark.slow
def test_scorer_pickles_and_reads_well(cbc):
    scorer = make_certified_scorer(np.float32(0.25), norm=INF, bounds=(-9, 9))
    assert repr(scorer) == (
        "make_certified_scorer(0.25, norm=inf, method='auto', bounds=(-9, 9))"
    )
    again = pickle.loads(pickle.dumps(scorer))
    assert repr(again) == repr(scorer)
    assert again(cbc, X, Y) == scorer(cbc, X, Y)
    search = clone(GridSearchCV(CBCClassifier(), {}, scoring=scorer))
    assert "make_certified_scorer(0.25, norm=inf" in repr(search)


GRID = {"n_prototypes_per_class": [1, 3], "sigma": [0.5, 2.0]}
BASE = CBCClassifier(max_iter=15, random_state=0)
FOLDS = list(StratifiedKFold(2).split(X, Y))


def radii_by_setting(norm):
    """Radii of the test rows of each fold, 0 where wrong, for every setting."""
    for parameters in ParameterGrid(GRID):
        found = []
        for train, test in FOLDS:
            model = clone(BASE).set_params(**parameters).fit(X[train], Y[train])
            radius = model.certified_radius(X[test], norm=norm, method="interval")
            found.append(np.where(model.predict(X[test]) == Y[test], radius, 0.0))
        yield parameters, found


@pytest.mark.slow
def test_grid_search_chooses_what_brute_force_chooses():
    winners = set()
    settings, radii = zip(*radii_by_setting(norm=2), strict=True)
    for eps in (0.1, 1.0):
        scorer = make_certified_scorer(eps, method="interval")
        search = GridSearchCV(BASE, GRID, scoring=scorer, cv=FOLDS).fit(X, Y)
        expected = [np.mean([share(r, eps) for r in folds]) for folds in radii]
        found = search.cv_results_["mean_test_score"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert search.best_params_ == settings[int(np.argmax(expected))]
        winners.add(search.best_index_)
    assert len(winners) == 2, "the size of the perturbation should matter"


def test_scorer_in_cross_validation_with_names_as_labels():
    labels = np.array(["a", "b", "c"])[Y]
    scores = [
        cross_val_score(BASE, X, labels, cv=FOLDS, scoring=scorer)
        for scorer in (make_certified_scorer(0.0), make_certified_scorer(0.3))
    ]
    assert (np.less_equal(*scores[::-1])).all()
    accuracy = cross_val_score(BASE, X, labels, cv=FOLDS)
    np.testing.assert_allclose(scores[0], accuracy)
