"""Learning from a stream of batches: what comes when, and what stays as it was."""

import contextlib
import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from sklearn_proto import (
    GLVQClassifier,
    GMLVQClassifier,
    GTLVQClassifier,
    LGMLVQClassifier,
    RSLVQClassifier,
)
from tests.data import three_classes, two_classes
from tests.instances import LVQ, every_lvq_instance, instance

X, Y = three_classes()
CLASSES = [0, 1, 2]
EVERYWHERE = np.vstack([X, 3 * X[::-1], 1e3 * X[:5]])

ESTIMATORS = [
    GLVQClassifier,
    GMLVQClassifier,
    LGMLVQClassifier,
    GTLVQClassifier,
    RSLVQClassifier,
]
every_lvq_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)
every_nearest_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS[:-1])
# An array of widths names all prototypes, also those of classes that have not come.
ONE_BY_ONE = [name for name in LVQ if name != "rslvq-many-sigmas"]


def state(model):
    """All that a model is, apart from its parameters; a copy."""
    fitted = {k: v for k, v in vars(model).items() if k not in model.get_params()}
    return copy.deepcopy(fitted)


def assert_same_state(one, other):
    """Bit for bit."""
    np.testing.assert_equal(one, other)


def stream(model, rows=X, y=Y, *, size=16, times=1, classes=None):
    """Feed the rows `times` times, in order, in batches."""
    known = np.unique(y) if classes is None else classes
    for _ in range(times):
        for start in range(0, len(y), size):
            batch = slice(start, start + size)
            model.partial_fit(rows[batch], y[batch], classes=known)
    return model


def assert_sound(model, rows=EVERYWHERE):
    """Finite, consistent, and probabilities that sum to one."""
    labels, k = model.prototype_labels_, len(model.prototypes_)
    assert len(labels) == k
    np.testing.assert_array_equal(labels, np.sort(labels))
    for name in model._of_prototypes:
        assert len(getattr(model, name)) == k, name
        if name != "prototype_labels_":
            assert np.isfinite(getattr(model, name)).all(), name
    p = model.predict_proba(rows)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-9)
    assert set(model.predict(rows)) <= set(labels)
    assert not np.isnan(model.decision_function(rows)).any()
    assert model.transform(rows).shape[0] == len(rows)
    assert np.isfinite(model.transform(rows)).all()
    assert 0 < getattr(model, "temperature_", 1.0) < np.inf
    assert 0 < getattr(model, "width_", 1.0) < np.inf


# What a stream reaches


@every_lvq_estimator
def test_a_stream_is_nearly_as_good_as_fit(Estimator):
    rows, y = load_wine(return_X_y=True)
    rows = StandardScaler().fit_transform(rows)
    order = np.random.default_rng(0).permutation(len(y))
    rows, y = rows[order], y[order]
    model = Estimator(random_state=0, learning_rate=0.02)
    stream(model, rows[:120], y[:120], size=24, times=8)
    at_once = Estimator(random_state=0).fit(rows[:120], y[:120])
    reference = at_once.score(rows[120:], y[120:])
    assert model.score(rows[120:], y[120:]) >= reference - 0.04
    assert len(model.loss_curve_) == model.n_iter_ == 5 * 8
    assert np.mean(model.loss_curve_[-5:]) < np.mean(model.loss_curve_[:5])


@every_lvq_instance
def test_a_stream_of_every_configuration(name):
    model = stream(instance(name, learning_rate=0.05), size=30, times=4)
    assert_sound(model)
    counts = np.bincount(model.prototype_labels_)
    assert counts.tolist() == [model.n_prototypes_per_class] * 3
    assert model.score(X, Y) > 0.7


@pytest.mark.parametrize("passes", [1, 2])
@every_lvq_instance
def test_batches_are_passes_of_adam(name, passes):
    """All rows at once, from one start: the epochs of a fit, its moments included."""
    count = instance(name).n_prototypes_per_class
    init = np.vstack([X[c == Y][:count] for c in CLASSES])
    options = {"init": init, "batch_size": len(X), "learning_rate": 0.01}
    epochs = instance(name, solver="adam", max_iter=passes, **options).fit(X, Y)
    assert epochs.loss_curve_[-1] == min(epochs.loss_curve_), "it returns the best"
    batches = instance(name, **options)
    for _ in range(passes):
        batches.partial_fit(X, Y, classes=CLASSES)
    np.testing.assert_allclose(batches.prototypes_, epochs.prototypes_, atol=1e-8)
    np.testing.assert_allclose(
        batches.decision_function(X), epochs.decision_function(X), atol=1e-6
    )


# The classes of a stream


@every_lvq_estimator
def test_the_first_call_names_the_classes(Estimator):
    with pytest.raises(ValueError, match="classes must be given"):
        Estimator().partial_fit(X, Y)
    with pytest.raises(ValueError, match="at least 2 classes"):
        Estimator().partial_fit(X, Y, classes=[1])


@every_lvq_estimator
def test_labels_outside_the_classes(Estimator):
    with pytest.raises(ValueError, match=r"labels \[2\].* classes \[0, 1\]"):
        Estimator().partial_fit(X, Y, classes=[0, 1])
    model = Estimator(random_state=0).partial_fit(X, Y, classes=CLASSES)
    with pytest.raises(ValueError, match=r"labels \[7\]"):
        model.partial_fit(X[:2], [7, 0])


@every_lvq_estimator
def test_the_classes_stay(Estimator):
    model = Estimator(random_state=0).partial_fit(X, Y, classes=CLASSES)
    with pytest.raises(ValueError, match=r"classes=\[0, 1, 2, 3\] differ"):
        model.partial_fit(X, Y, classes=[0, 1, 2, 3])
    model.partial_fit(X, Y, classes=[2, 0, 1, 1])
    assert model.classes_.tolist() == CLASSES


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_classes_that_come_one_after_the_other(name):
    """The last class first, so that each has to squeeze in before it."""
    model = instance(name)
    count = model.n_prototypes_per_class
    seen = []
    for c in [2, 0, 1]:
        own = c == Y
        model.partial_fit(X[own], Y[own], classes=CLASSES)
        seen.append(c)
        assert_sound(model)
        assert model.prototype_labels_.tolist() == sorted(np.repeat(seen, count))
        absent = [c for c in CLASSES if c not in seen]
        assert (model.predict_proba(EVERYWHERE)[:, absent] == 0).all()
        never = 0.0 if name.startswith("rslvq") else -np.inf
        assert (model.decision_function(EVERYWHERE)[:, absent] == never).all()
        here = model.decision_function(EVERYWHERE)[:, sorted(seen)]
        assert np.isfinite(here).all()
    for c in CLASSES:
        assert np.mean(model.predict(X[c == Y]) == c) > 0.5


def test_one_width_each_for_classes_that_come_later():
    """The array names the prototypes in the order of the classes."""
    widths = [1.0, 2.0, 3.0]
    model = RSLVQClassifier(sigma=widths, learn_sigma=False, random_state=0)
    model.partial_fit(X[Y == 1], Y[Y == 1], classes=CLASSES)
    np.testing.assert_allclose(model.sigma_, [2.0], rtol=1e-12)
    model.partial_fit(X[Y != 1], Y[Y != 1])
    np.testing.assert_allclose(model.sigma_, widths, rtol=1e-12)
    assert_sound(model)


@every_lvq_estimator
def test_one_class_of_two(Estimator):
    """A decision function of two classes is a difference, even with an absent one."""
    rows, y = two_classes()
    for c in (0, 1):
        own = c == y
        model = Estimator(random_state=0).partial_fit(rows[own], y[own], classes=[0, 1])
        decision = model.decision_function(rows)
        assert decision.shape == (len(rows),)
        assert not np.isnan(decision).any()
        assert ((decision > 0) == c).all()
        assert model.predict(rows).tolist() == [c] * len(rows)
        model.partial_fit(rows[~own], y[~own])
        assert np.isfinite(model.decision_function(rows)).all()
        assert set(model.predict(rows)) == {0, 1}


# A basis is free to turn where the metric stays the same.
INVARIANT = {
    "tangents_": lambda t: t @ t.swapaxes(1, 2),
    "omega_": lambda omega: omega.swapaxes(1, 2) @ omega,
}


@every_lvq_estimator
def test_what_has_come_stays_where_it_is_when_a_class_joins(Estimator):
    """Without steps, the old rows of every array are the old arrays."""
    model = Estimator(2, random_state=0, learning_rate=1e-200)
    some = Y != 1
    model.partial_fit(X[some], Y[some], classes=CLASSES)
    before = state(model)
    model.partial_fit(X, Y)
    old = model.prototype_labels_ != 1
    for name in model._of_prototypes:
        kept, expected = (
            INVARIANT.get(name, np.asarray)(array)
            for array in (getattr(model, name)[old], before[name])
        )
        close = np.isclose(kept, expected, atol=1e-12)
        assert close.all(), name


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_single_rows_grow_to_the_count_and_no_more(name):
    model = instance(name, n_prototypes_per_class=3)
    rows, y = X[:24], Y[:24]
    for i in range(len(y)):
        model.partial_fit(rows[[i]], y[[i]], classes=CLASSES)
        here = np.bincount(y[: i + 1], minlength=3)
        found = np.bincount(model.prototype_labels_, minlength=3)
        np.testing.assert_array_equal(found, np.minimum(here, 3))
    assert_sound(model)
    assert model.score(X, Y) > 0.5


def test_different_counts():
    model = GLVQClassifier([1, 3, 2], random_state=0)
    model.partial_fit(X[:4], Y[:4], classes=CLASSES)
    stream(model)
    assert model.prototype_labels_.tolist() == [0, 1, 1, 1, 2, 2]


@every_lvq_estimator
def test_a_repeated_row_is_one_prototype(Estimator):
    model = Estimator(3, random_state=0)
    rows = np.repeat(X[[0, 1]], [4, 2], axis=0)
    model.partial_fit(rows, np.repeat([0, 1], [4, 2]), classes=CLASSES)
    assert model.prototype_labels_.tolist() == [0, 1]


@every_lvq_estimator
def test_given_prototypes_are_there_from_the_first_batch(Estimator):
    init = np.vstack([X[c == Y][:2] for c in CLASSES])
    model = Estimator(2, init=init, random_state=0, learning_rate=1e-200)
    model.partial_fit(X[Y == 1], Y[Y == 1], classes=CLASSES)
    np.testing.assert_allclose(model.prototypes_, init, atol=1e-12)
    stream(model)
    np.testing.assert_allclose(model.prototypes_, init, atol=1e-12)
    assert_sound(model)


# After fit, and fit after


@every_lvq_instance
def test_going_on_after_fit(name):
    model = instance(name).fit(X, Y)
    before, shape = model.score(X, Y), model.prototypes_.shape
    model.partial_fit(X, Y)
    assert model.prototypes_.shape == shape
    assert_sound(model)
    assert model.score(X, Y) >= before - 0.05
    assert model.n_iter_ == len(model.loss_curve_)


@every_lvq_instance
def test_fit_forgets_the_stream(name):
    model = stream(instance(name, max_iter=5)).fit(X, Y)
    assert_same_state(state(model), state(instance(name, max_iter=5).fit(X, Y)))


@pytest.mark.parametrize("Estimator", [GMLVQClassifier, LGMLVQClassifier])
def test_no_index_names_a_row_that_a_prototype_has_left(Estimator):
    model = Estimator(snap_to_data=True, random_state=0).fit(X, Y)
    model.partial_fit(X, Y)
    indices = getattr(model, "prototype_indices_", None)
    assert indices is None or (model.prototypes_ == X[indices]).all()


@every_lvq_estimator
def test_clipping_goes_by_all_rows_of_the_stream(Estimator):
    """A small batch must not pull the prototypes into its own small box."""
    model = Estimator(clip_prototypes=True, random_state=0)
    model.partial_fit(X, Y, classes=CLASSES)
    before = model.prototypes_.copy()
    for i in range(5):
        model.partial_fit(X[[i]], Y[[i]])
    assert np.abs(model.prototypes_ - before).max() < 0.2
    assert (model.prototypes_ >= X.min(axis=0)).all()
    assert (model.prototypes_ <= X.max(axis=0)).all()


# Weights


@every_lvq_instance
def test_rows_without_weight_are_not_there(name):
    weight = (np.arange(len(X)) % 3 > 0).astype(float)
    there = weight > 0
    one, other = instance(name), instance(name)
    for _ in range(3):
        one.partial_fit(X, Y, classes=CLASSES, sample_weight=weight)
        other.partial_fit(X[there], Y[there], classes=CLASSES)
    assert_same_state(state(one), state(other))


@every_lvq_estimator
def test_a_batch_without_weight_changes_nothing(Estimator):
    model = Estimator(random_state=0).partial_fit(X, Y, classes=CLASSES)
    before = state(model)
    model.set_params(class_weight={0: 0.0}).partial_fit(X[Y == 0], Y[Y == 0])
    assert_same_state(state(model), before)
    # Some versions of scikit-learn refuse weights that are all zero.
    with contextlib.suppress(ValueError):
        model.partial_fit(X, Y, sample_weight=np.zeros(len(X)))
    assert_same_state(state(model), before)


def test_a_first_batch_without_weight():
    """There is nothing to predict with yet, but the classes are known."""
    nothing = dict.fromkeys(CLASSES, 0.0)
    model = GLVQClassifier(class_weight=nothing, random_state=0)
    model.partial_fit(X, Y, classes=CLASSES)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.set_params(class_weight=None).partial_fit(X, Y)
    fresh = GLVQClassifier(random_state=0).partial_fit(X, Y, classes=CLASSES)
    assert_same_state(state(model), state(fresh))


@every_lvq_estimator
def test_weights_of_classes_are_weights_of_rows(Estimator):
    by_class = {0: 1.0, 1: 3.0, 2: 0.5}
    one = Estimator(class_weight=by_class, random_state=0)
    other = Estimator(random_state=0)
    weight = np.array([by_class[c] for c in Y])
    for _ in range(3):
        one.partial_fit(X, Y, classes=CLASSES)
        other.partial_fit(X, Y, classes=CLASSES, sample_weight=weight)
    assert_same_state(state(one), state(other))


@every_lvq_estimator
def test_weights_pull(Estimator):
    """The prototype of a class goes where the weight of its rows is."""
    rows = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 9.0], [0.5, 9.0]])
    y = np.array([0, 0, 1, 1])
    model = Estimator(random_state=0, learning_rate=1e-200)
    model.partial_fit(rows, y, classes=[0, 1], sample_weight=[1, 3, 1, 1])
    np.testing.assert_allclose(model.prototypes_[0], [0.5, 0.0], atol=1e-12)


@every_lvq_estimator
def test_balanced_weights_need_all_rows(Estimator):
    with pytest.raises(ValueError, match="class_weight='balanced'"):
        Estimator(class_weight="balanced").partial_fit(X, Y, classes=CLASSES)


# Nothing but the arrays counts


@every_lvq_instance
def test_string_labels(name):
    names = np.array(["<cat>", "ant", "bee"], dtype=object)
    named = stream(instance(name), X, names[Y], times=2)
    plain = stream(instance(name), times=2)
    assert named.classes_.tolist() == names.tolist()
    np.testing.assert_array_equal(named.prototypes_, plain.prototypes_)
    np.testing.assert_array_equal(
        named.prototype_labels_, names[plain.prototype_labels_]
    )
    np.testing.assert_array_equal(named.predict(X), names[plain.predict(X)])


@every_lvq_instance
def test_pickling_between_two_batches_does_not_show(name):
    whole = stream(instance(name), times=2)
    broken = stream(instance(name))
    broken = stream(pickle.loads(pickle.dumps(broken)))
    assert_same_state(state(broken), state(whole))
    assert all("torch" not in type(value).__module__ for value in vars(broken).values())


@every_lvq_estimator
def test_adam_goes_on_where_it_was(Estimator):
    """Its moments are kept: a pause, with fresh ones, takes another way."""
    model = stream(Estimator(random_state=0))
    paused = copy.deepcopy(model)
    del paused._moments
    model.partial_fit(X, Y)
    paused.partial_fit(X, Y)
    assert not np.allclose(model.prototypes_, paused.prototypes_, atol=1e-4)


@every_lvq_instance
def test_the_global_random_states_are_left_alone(name):
    numpy_before = np.random.get_state(legacy=True)  # noqa: NPY002
    torch_before = torch.get_rng_state()
    stream(instance(name))
    numpy_after = np.random.get_state(legacy=True)  # noqa: NPY002
    np.testing.assert_equal(numpy_after, numpy_before)
    assert torch.equal(torch.get_rng_state(), torch_before)


@every_lvq_estimator
def test_the_same_stream_gives_the_same_model(Estimator):
    one, other = (stream(Estimator(2, random_state=3)) for _ in range(2))
    assert_same_state(state(one), state(other))


@every_lvq_estimator
def test_clones_start_afresh(Estimator):
    model = stream(Estimator(random_state=0))
    copied = clone(model)
    assert state(copied) == {}
    assert_same_state(state(stream(copied)), state(model))


@every_lvq_estimator
def test_single_precision(Estimator):
    low = stream(Estimator(random_state=0), X.astype(np.float32))
    high = stream(Estimator(random_state=0))
    assert low.predict_proba(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(low.predict_proba(X), high.predict_proba(X), atol=1e-3)
    stream(low)  # batches of another precision go on from the same moments
    assert_sound(low)


@every_nearest_estimator
def test_large_steps_keep_a_temperature(Estimator):
    model = Estimator(2, random_state=0, learning_rate=3.0)
    for _ in range(4):
        stream(model, size=20)
        assert_sound(model)


@every_nearest_estimator
def test_the_width_follows_the_stream(Estimator):
    """The mean D to the closest prototype, over all the weight that has come."""
    model = Estimator(random_state=0, learning_rate=1e-200)
    weight = np.linspace(0.5, 2.0, len(X))
    parts = [slice(0, 30), slice(30, 41), slice(41, len(X))]
    for part in parts:
        model.partial_fit(X[part], Y[part], CLASSES, weight[part])
    scores = model.decision_function(X)
    expected = -np.average(scores.max(axis=1), weights=weight)
    assert model.width_ == pytest.approx(expected, rel=1e-9)


# Failures


NAN = np.where(np.arange(X.size).reshape(X.shape) == 5, np.nan, X)
BAD_CALLS = {
    "NaN": (NAN, Y),
    "features": (X[:, :2], Y),
    "labels": (X, Y + 1),
    "classes": (X, Y, [0, 1]),
    "inconsistent": (X, Y[:-1]),
    "egative": (X, Y, CLASSES, -np.ones(len(X))),
}
BAD_PARAMETERS = {
    "class_weight": "balanced",
    "n_prototypes_per_class": [1, 2],
    "device": "abacus",
}


def started(Estimator, how):
    model = Estimator(max_iter=5, random_state=0)
    return {"fit": lambda: model.fit(X, Y), "stream": lambda: stream(model)}[how]()


@pytest.mark.parametrize("how", ["fit", "stream"])
@every_lvq_estimator
def test_a_failing_call_changes_nothing(Estimator, how):
    model = started(Estimator, how)
    before = state(model)
    for message, arguments in BAD_CALLS.items():
        with pytest.raises(ValueError, match=message):
            model.partial_fit(*arguments)
        assert_same_state(state(model), before)
    for name, value in BAD_PARAMETERS.items():
        good = model.get_params()[name]
        with pytest.raises(ValueError, match=name):
            model.set_params(**{name: value}).partial_fit(X, Y)
        model.set_params(**{name: good})
        assert_same_state(state(model), before)
    model.partial_fit(X, Y)
    assert_sound(model)
    assert_same_state(state(model), state(started(Estimator, how).partial_fit(X, Y)))


def test_a_failing_first_call_leaves_no_model():
    """And the next call is the first one: with other features, and its classes."""
    model = GLVQClassifier([1, 1], random_state=0)
    with pytest.raises(ValueError, match="n_prototypes_per_class"):
        model.partial_fit(X[:, :2], Y, classes=CLASSES)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.set_params(n_prototypes_per_class=1)
    with pytest.raises(ValueError, match="classes must be given"):
        model.partial_fit(X, Y)
    model.partial_fit(X, Y, classes=CLASSES)
    fresh = GLVQClassifier(random_state=0).partial_fit(X, Y, classes=CLASSES)
    assert_same_state(state(model), state(fresh))


@every_lvq_estimator
def test_names_of_features_are_checked_later_too(Estimator):
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = Estimator(random_state=0).partial_fit(frame, Y, classes=CLASSES)
    assert model.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame.rename(columns={"d": "e"}), Y)
