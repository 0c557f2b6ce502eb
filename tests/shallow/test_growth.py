"""The number of prototypes that a fit chooses, and the path that it took."""

import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_blobs, make_moons
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.utils.estimator_checks import check_estimator

from sklearn_proto import (
    GLVQClassifier,
    GMLVQClassifier,
    RBFClassifier,
    RSLVQClassifier,
    prototype_path,
)
from sklearn_proto._growth import grow
from sklearn_proto._growth._allocation import allocate
from sklearn_proto._growth._path import chosen_size, paired_gaps
from sklearn_proto._growth._splits import splits
from sklearn_proto._training import Monitor
from sklearn_proto.inspection import PrototypePathDisplay, report
from sklearn_proto.robustness import certified_radius
from sklearn_proto.shallow._growth import Refit
from tests.breadth import quick_are
from tests.instances import SHALLOW_ESTIMATORS


def corners(n=120, seed=0):
    """One class in the middle, the other in the four corners around it."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    centre = 3 * rng.choice([-1.0, 1.0], (n, 2)) * y[:, None]
    return centre + rng.standard_normal((n, 2)) / 2, y


@given(st.data())
def test_new_prototypes_go_where_the_loss_is(data):
    n = data.draw(st.integers(1, 6))
    numbers = st.lists(st.integers(1, 9), min_size=n, max_size=n)
    counts = np.array(data.draw(numbers))
    most = counts + np.array(data.draw(numbers)) - 1
    loss = np.array(data.draw(st.lists(st.floats(0, 9), min_size=n, max_size=n)))
    n_new = data.draw(st.integers(0, 20))
    grown = allocate(counts, loss, most, n_new)
    added = grown - counts
    assert (added >= 0).all()
    assert (grown <= np.maximum(most, counts)).all()
    assert not added[loss == 0].any()
    room = (most - counts)[loss > 0].sum()
    assert added.sum() == min(n_new, room)
    if n_new <= (most - counts)[loss > 0].min(initial=10**6) and loss.sum() > 1e-300:
        # No class is full: each share is rounded up or down.
        assert (np.abs(added - n_new * loss / loss.sum()) < 1).all()


@pytest.mark.parametrize(
    "sizes", [(40, 60), (30, 2, 60), (700, 400), (900, 900, 3), (20_000, 300, 5)]
)
def test_no_row_is_on_both_sides_and_no_class_is_missing(sizes):
    y = np.repeat(np.arange(len(sizes)), sizes)
    parts = splits(y, 0)
    for train, held_out in parts:
        assert not np.intersect1d(train, held_out).size
        assert len(np.unique(train)) == len(train)
        assert set(y[train]) == set(range(len(sizes)))
        assert len(train) <= 3_100
    out = np.concatenate([out for _, out in parts])
    assert len(np.unique(out)) == len(out), "a row is held out once at most"
    asked = np.bincount(y[out], minlength=len(sizes))
    if len(y) > 1_500:
        # Half of a rare class, up to 30 rows, is on either side.
        assert (asked >= np.minimum(np.array(sizes) // 2, 30)).all()
    else:
        assert not asked[np.array(sizes) <= 2].any()


def test_nothing_is_held_out_of_a_few_rows():
    assert splits(np.array([0, 0, 1, 1]), 0) == []
    model = GLVQClassifier("auto").fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    assert model.n_prototypes_per_class_.tolist() == [1, 1]
    assert np.isnan(model.prototype_path_.accuracy).all()


def test_gaps_are_means_of_differences_on_the_same_rows():
    rng = np.random.default_rng(0)
    wrong = rng.random((4, 300)) < np.array([[0.4], [0.1], [0.2], [0.15]])
    gap, error = paired_gaps(wrong, np.full(300, 2.0))
    difference = wrong.astype(float) - wrong[wrong.mean(1).argmin()]
    np.testing.assert_allclose(gap, difference.mean(1))
    # The statistic of McNemar: by how much the rows that only one gets right differ.
    only, other = (difference > 0).sum(1), (difference < 0).sum(1)
    np.testing.assert_allclose(error, np.sqrt(only + other) / 300)
    np.testing.assert_allclose(gap, (only - other) / 300)
    # A weight of 2 counts as two rows for the mean.
    weight = rng.integers(1, 4, 300)
    gap, _ = paired_gaps(wrong, weight.astype(float))
    often = np.repeat(wrong, weight, axis=1).mean(1)
    np.testing.assert_allclose(gap, often - often.min())


def test_the_rule_of_one_standard_error():
    gap = np.array([0.2, 0.02, 0.0, 0.01])
    error = np.array([0.05, 0.03, 0.0, 0.02])
    assert chosen_size(gap, error, "fewer") == 1
    assert chosen_size(gap, error, "accuracy") == 2


def test_one_row_chooses_nothing():
    wrong = np.zeros((2, 213), dtype=bool)
    wrong[0, 7] = True
    gap, error = paired_gaps(wrong, np.ones(213))
    assert chosen_size(gap, error, "fewer") == 0


@pytest.mark.parametrize("Estimator", quick_are([GLVQClassifier], SHALLOW_ESTIMATORS))
def test_a_class_in_corners_gets_the_prototypes_that_it_needs(Estimator):
    X, y = corners()
    model = Estimator("auto", max_prototypes=16, random_state=0).fit(X, y)
    one = Estimator(random_state=0).fit(X, y)
    middle, corner = model.n_prototypes_per_class_
    assert model.score(X, y) >= one.score(X, y)
    # Some need no more than one of each: a dip in a Gaussian, a learned direction.
    if one.score(X, y) < 0.95:
        assert corner > 1
        assert model.score(X, y) > 0.97
    path = model.prototype_path_
    assert path.n_prototypes.tolist() == sorted(set(path.n_prototypes.tolist()))
    assert path.chosen_counts.tolist() == [middle, corner]
    same = Estimator([middle, corner], random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.prototypes_, same.prototypes_)


def test_two_clouds_need_no_more_than_one_each():
    X, y = make_blobs(90, centers=2, cluster_std=1.5, random_state=1)
    for Estimator in (RBFClassifier, GLVQClassifier):
        model = Estimator("auto", max_prototypes=8, random_state=0).fit(X, y)
        assert model.n_prototypes_per_class_.tolist() == [1, 1]


@pytest.mark.slow
def test_a_path_depends_on_no_unit_order_or_repetition():
    X, y = make_moons(100, noise=0.2, random_state=0)
    model = GLVQClassifier("auto", max_prototypes=8, random_state=0)
    path = clone(model).fit(X, y).prototype_path_
    order = np.random.default_rng(0).permutation(len(X))
    twice = np.repeat(np.arange(len(X)), 2)
    others = [
        clone(model).fit(4 * X, y),
        clone(model).fit(X[order], y[order]),
        clone(model).fit(X[twice], y[twice]),
        clone(model).fit(X, y, np.full(len(X), 3.0)),
    ]
    for other in others:
        found = other.prototype_path_
        np.testing.assert_array_equal(
            found.n_prototypes_per_class, path.n_prototypes_per_class
        )
        np.testing.assert_array_equal(found.accuracy, path.accuracy)
        assert found.chosen == path.chosen


def test_weights_decide_what_is_worth_a_prototype():
    X, y = corners()
    heavy = np.where((X > 1).all(axis=1) & (y == 1), 1.0, 1e-9)
    heavy[y == 0] = 1.0
    model = GLVQClassifier("auto", random_state=0).fit(X, y, heavy)
    # One corner is all that is left of the class, and one prototype reads it.
    assert model.n_prototypes_per_class_.tolist() == [1, 1]


def test_a_rare_class_keeps_one_prototype():
    X, y = corners()
    X, y = np.vstack([X, [[9.0, 0.0], [9.0, 1.0]]]), np.append(y, [2, 2])
    model = GLVQClassifier("auto", random_state=0).fit(X, y)
    assert model.n_prototypes_per_class_[2] == 1
    assert model.predict([[9.0, 0.5]]) == [2]


@pytest.mark.slow
def test_a_rare_class_of_many_rows_grows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3_000, 2)) / 3
    y = np.zeros(3_000, dtype=int)
    y[:60] = 1
    X[:60, 0] += np.where(np.arange(60) % 2, 4.0, -4.0)
    path = prototype_path(
        GLVQClassifier(random_state=0), X, y, max_prototypes=4, random_state=0
    )
    assert path.n_prototypes_per_class[:, 1].max() > 1
    # The rare rows count as much as they do among all: one per cent and no more.
    assert path.accuracy[0] > 0.97


def test_ties_go_to_the_smaller_model():
    gap = np.array([0.3, 1.4e-17, 0.0])
    assert chosen_size(gap, np.zeros(3), "accuracy") == 1


def test_a_generator_is_where_the_last_fit_finds_it():
    X, y = corners()
    model = GLVQClassifier("auto", max_prototypes=8, init="random")
    grown = clone(model).set_params(random_state=np.random.RandomState(0)).fit(X, y)
    model.set_params(n_prototypes_per_class=grown.n_prototypes_per_class_)
    told = model.set_params(random_state=np.random.RandomState(0)).fit(X, y)
    np.testing.assert_array_equal(grown.prototypes_, told.prototypes_)


def test_few_rows_and_early_stopping():
    X, y = load_iris(return_X_y=True)
    rows = np.r_[:8, 50:58, 100:108]
    model = GLVQClassifier("auto", early_stopping=True, random_state=0)
    assert model.fit(X[rows], y[rows]).score(X, y) > 0.8


def test_a_warm_start_is_of_the_same_model():
    X, y = load_iris(return_X_y=True)
    model = GLVQClassifier("auto", max_prototypes=6, warm_start=True, random_state=0)
    model.fit(X, y)
    with pytest.raises(ValueError, match="warm_start=True needs the classes"):
        model.fit(X[y < 2], y[y < 2])
    with pytest.raises(ValueError, match=r"metric='sqeuclidean'.*not 'euclid"):
        model.set_params(metric="euclidean").fit(X, y)
    given = GLVQClassifier(2, warm_start=True, random_state=0).fit(X, y)
    given.set_params(n_prototypes_per_class="auto").fit(X, y)
    assert given.n_prototypes_per_class_.tolist() == [2, 2, 2]
    kernel = RBFClassifier(metric="euclidean", warm_start=True, random_state=0)
    kernel.fit(X, y).set_params(relevance="full")
    with pytest.raises(ValueError, match=r"relevance=None.*not 'full'"):
        kernel.fit(X, y)


def test_limit_and_preference():
    X, y = make_moons(120, noise=0.2, random_state=0)
    model = GLVQClassifier("auto", max_prototypes=6, random_state=0).fit(X, y)
    assert model.prototype_path_.n_prototypes.max() <= 6
    best = GLVQClassifier("auto", preference="accuracy", random_state=0).fit(X, y)
    few = GLVQClassifier("auto", random_state=0).fit(X, y)
    assert len(best.prototypes_) >= len(few.prototypes_)
    path = best.prototype_path_
    assert path.accuracy[path.chosen] == path.accuracy.max()


@pytest.mark.parametrize(
    ("Estimator", "parameters", "words"),
    [
        (GLVQClassifier, {"max_prototypes": 2}, "max_prototypes=2.*3 classes"),
        (GLVQClassifier, {"max_prototypes": 0}, "max_prototypes"),
        (GLVQClassifier, {"preference": "less"}, "preference"),
        (GLVQClassifier, {"init": np.zeros((3, 4))}, "init is an array"),
        (RBFClassifier, {"sigma": [1.0, 1.0, 1.0]}, "sigma is an array"),
        (RSLVQClassifier, {"sigma": [1.0, 1.0, 1.0]}, "sigma is an array"),
    ],
)
def test_what_cannot_be_grown_is_refused(Estimator, parameters, words):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=words):
        Estimator("auto", **parameters).fit(X, y)
    with pytest.raises(ValueError, match="n_prototypes_per_class"):
        Estimator("automatic").fit(X, y)


def test_a_warm_start_goes_on_with_the_prototypes_that_there_are():
    X, y = corners()
    model = GLVQClassifier("auto", warm_start=True, max_iter=5, random_state=0)
    with pytest.warns(match="max_iter"):
        path = model.fit(X, y).prototype_path_
    counts = model.n_prototypes_per_class_
    model.set_params(max_iter=500).fit(X, y)
    assert model.prototype_path_ is path
    np.testing.assert_array_equal(model.n_prototypes_per_class_, counts)


def test_a_path_does_not_outlive_a_fit_that_is_told_the_number():
    X, y = corners(80)
    model = GLVQClassifier("auto", max_prototypes=4, random_state=0).fit(X, y)
    model.set_params(n_prototypes_per_class=2).fit(X, y)
    assert not hasattr(model, "prototype_path_")
    assert model.n_prototypes_per_class_.tolist() == [2, 2]


@pytest.mark.slow
def test_a_stream_starts_with_one_of_each():
    X, y = corners(80)
    model = GLVQClassifier("auto").partial_fit(X, y, classes=[0, 1])
    assert model.n_prototypes_per_class_.tolist() == [1, 1]


def test_an_interruption_ends_the_growth_but_not_the_fit():
    class TwoSizes:
        calls = 0

        def try_counts(self, counts, train, held_out):
            self.calls += 1
            return None if self.calls > 10 else real.try_counts(counts, train, held_out)

    X, y = corners(120)
    real = Refit(GLVQClassifier(), X, y, np.ones(len(X)))
    path = grow(
        TwoSizes(),
        np.arange(2),
        y,
        np.ones(len(X)),
        max_prototypes=None,
        preference="fewer",
        seed=0,
    )
    assert len(path.accuracy) == 2, "five folds of two sizes were finished"


def test_the_user_interrupts_a_trial(monkeypatch):
    X, y = corners(120)
    calls = []

    def update(self, loss):
        calls.append(loss)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return original(self, loss)

    original = Monitor.update
    monkeypatch.setattr(Monitor, "update", update)
    model = GLVQClassifier("auto", random_state=0).fit(X, y)
    assert len(calls) > 30, "the last fit runs"
    assert model.score(X, y) > 0.5


@pytest.mark.slow
def test_the_accuracy_of_a_path_is_that_of_models_on_rows_held_out():
    X, y = load_iris(return_X_y=True)
    X, rows = np.unique(X, axis=0, return_index=True)
    y = y[rows]
    model = make_pipeline(StandardScaler(), GMLVQClassifier(random_state=0))
    scale = X.std(axis=0)
    path = prototype_path(
        model,
        X,
        y,
        radius=0.05,
        norm=1,
        feature_scale=scale,
        max_prototypes=6,
        random_state=3,
    )
    seed = np.random.RandomState(3).randint(np.iinfo(np.int32).max)
    for m, counts in enumerate(path.n_prototypes_per_class):
        right, certified = [], []
        for train, out in splits(y, seed):
            fitted = clone(model).set_params(
                gmlvqclassifier__n_prototypes_per_class=counts
            )
            fitted.fit(X[train], y[train])
            right.append(fitted.predict(X[out]) == y[out])
            how = {"norm": 1, "feature_scale": scale}
            certified.append(certified_radius(fitted, X[out], y[out], **how) >= 0.05)
        assert path.accuracy[m] == pytest.approx(np.concatenate(right).mean())
        share = np.concatenate(certified).mean()
        assert path.certified_accuracy[m] == pytest.approx(share)
    assert (path.certified_accuracy <= path.accuracy).all()
    display = PrototypePathDisplay.from_path(path)
    assert display.certified_.get_label() == "certified accuracy, l1 radius 0.05"


def test_a_path_of_a_frame_with_words_and_repeated_rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"colour": rng.choice(["red", "blue"], 90), "n": rng.integers(4, size=90)}
    )
    y = np.where(X["colour"] == "red", "yes", "no")

    front = make_column_transformer(
        (OneHotEncoder(), ["colour"]), remainder="passthrough"
    )
    path = prototype_path(make_pipeline(front, GLVQClassifier()), X, y, random_state=0)
    # Eight different rows, four of each class: too few to hold any out.
    assert path.n_prototypes.tolist() == [2]


@pytest.mark.parametrize("kind", ["plain", "nan", "sparse", "objects"])
def test_equal_rows_are_never_on_both_sides(kind):
    X = np.arange(12.0).reshape(6, 2)
    X = np.repeat(X, 10, axis=0)
    y = np.arange(60) // 10 % 2
    front = StandardScaler(with_mean=False)
    if kind == "nan":
        X[:10, 1] = np.nan
        front = SimpleImputer()
    elif kind == "sparse":
        X = csr_array(X)
        front = FunctionTransformer(csr_array.toarray, accept_sparse=True)
    elif kind == "objects":
        X = np.array([[int(a), float(b)] for a, b in X], dtype=object)
        X[::2, 0] = X[::2, 0].astype(float)
        front = FunctionTransformer(np.asarray, kw_args={"dtype": float})
    path = prototype_path(make_pipeline(front, GLVQClassifier()), X, y)
    assert path.n_prototypes.tolist() == [2], "three rows a class: too few to hold out"
    assert np.isnan(path.accuracy).all()


def test_a_class_that_does_not_count_is_left_out():
    X, y = load_iris(return_X_y=True)
    model = GLVQClassifier(random_state=0)
    half = prototype_path(model, X, y, sample_weight=(y < 2) * 1.0, max_prototypes=4)
    assert half.classes.tolist() == [0, 1]
    model.set_params(class_weight={2: 0})
    assert prototype_path(model, X, y, max_prototypes=4).classes.tolist() == [0, 1]


def test_paths_of_what_has_no_prototypes_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"LogisticRegression\(\) has no parameter"):
        prototype_path(LogisticRegression(), X, y)
    with pytest.raises(ValueError, match="has no parameter n_prototypes_per_class"):
        prototype_path(GLVQClassifier, X, y)
    with pytest.raises(ValueError, match="init is an array"):
        prototype_path(GLVQClassifier(init=X[:3]), X, y)
    with pytest.raises(ValueError, match="preference"):
        prototype_path(GLVQClassifier(), X, y, preference="few")
    with pytest.raises(ValueError, match="max_prototypes=2 is less than the 3 classes"):
        prototype_path(GLVQClassifier(), X, y, max_prototypes=2)


def test_a_path_is_kept_with_the_model():
    X, y = corners(80)
    model = GLVQClassifier("auto", max_prototypes=4, random_state=0).fit(X, y)
    data = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("sklearn_proto.") for name in trusted)
    copies = pickle.loads(pickle.dumps(model)), skops.io.loads(data, trusted=trusted)
    for copy in copies:
        np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
        kept = copy.prototype_path_
        np.testing.assert_array_equal(kept.accuracy, model.prototype_path_.accuracy)


@pytest.mark.slow
def test_the_checks_of_scikit_learn():
    model = GLVQClassifier("auto", max_prototypes=4, max_iter=40, random_state=0)
    check_estimator(model, on_skip=None)


@pytest.mark.slow
def test_a_search_over_preferences():
    X, y = corners(120)
    model = GLVQClassifier("auto", max_prototypes=8, random_state=0)
    search = GridSearchCV(model, {"preference": ["fewer", "accuracy"]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.9


@pytest.mark.slow
def test_the_picture_rings_what_is_chosen(tmp_path):
    X, y = corners()
    model = GLVQClassifier("auto", max_prototypes=8, random_state=0)
    model = make_pipeline(StandardScaler(), model)
    model.fit(X, y)
    path = model[-1].prototype_path_
    display = PrototypePathDisplay.from_estimator(model)
    ring = display.chosen_[0]
    assert ring.get_xdata()[0] == path.n_prototypes[path.chosen]
    assert ring.get_ydata()[0] == path.accuracy[path.chosen]
    np.testing.assert_array_equal(display.loss_.get_ydata(), path.loss)
    assert display.certified_ is None
    assert f"{len(model[-1].prototypes_)} prototypes" in display.axes_[0, 0].get_title()
    page = report(model, X[:20], y[:20], tmp_path / "page.html", rows=[0])
    assert "What more prototypes bring" in page.read_text(encoding="utf-8")
    with pytest.raises(TypeError, match="prototype_path_"):
        PrototypePathDisplay.from_estimator(GLVQClassifier().fit(X, y))
    with pytest.raises(TypeError, match="PrototypePath"):
        PrototypePathDisplay.from_path([1, 2])
