"""What scikit-learn users rely on, over all configurations."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_proto import GMLVQClassifier
from tests.conftest import fitted
from tests.data import three_classes, two_classes
from tests.instances import (
    FIRST,
    INSTANCES,
    SHALLOW,
    assert_all_registered,
    every_certified_formula,
    every_estimator,
    every_fit,
    every_instance,
    every_shallow_estimator,
    every_shallow_fit,
    every_two_class_fit,
    example,
    instance,
)

X, Y = three_classes()
NAMES = ["a", "b", "c", "d"]


def test_every_public_estimator_is_registered():
    assert_all_registered()


def is_projection(model):
    """Whether transform maps rows to the space of the metric."""
    return isinstance(model, GMLVQClassifier)


def _count(model):
    return len(model.prototypes_)


def assert_same_model(one, other, rows=X):
    """Bit for bit."""
    np.testing.assert_array_equal(one.prototypes_, other.prototypes_)
    np.testing.assert_array_equal(one.predict(rows), other.predict(rows))
    np.testing.assert_array_equal(one.predict_proba(rows), other.predict_proba(rows))
    np.testing.assert_array_equal(one.transform(rows), other.transform(rows))


@every_instance
def test_pickle_keeps_predictions(model):
    assert_same_model(model, pickle.loads(pickle.dumps(model)))


@every_instance
def test_skops_keeps_predictions(model):
    data = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=data)
    own = [name for name in trusted if name.startswith("sklearn_proto.")]
    assert trusted == own, "fitted state must be plain Python and numpy"
    assert_same_model(model, skops.io.loads(data, trusted=trusted))


@every_instance
def test_clone_has_the_parameters_but_not_the_fit(model):
    copy = clone(model)
    assert str(copy.get_params()) == str(model.get_params())
    assert not hasattr(copy, "prototypes_")


@pytest.mark.slow
@every_estimator
def test_grid_search_in_a_pipeline(Estimator):
    model = example(Estimator)
    name = Estimator.__name__.lower()
    pipeline = make_pipeline(StandardScaler(), model)
    # Prototypes may belong to no class from the start: then there are as many in all.
    classless = "n_prototypes" in model.get_params()
    size, counts = "n_prototypes_per_class", [1, 2]
    if classless:
        size, counts = "n_prototypes", [3, 6]
    grid = {f"{name}__{size}": counts, f"{name}__random_state": [0, 1]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, Y)
    assert len(search.cv_results_["params"]) == 4
    # Signals of four numbers are not what a convolutional network is made for.
    assert search.score(X, Y) > (0.5 if hasattr(model, "max_epochs") else 0.7)
    best = search.best_estimator_[-1]
    count = best.get_params()[size]
    assert set(np.unique(best.prototype_labels_)) == {0, 1, 2}
    assert len(best.prototypes_) % (count if classless else 3 * count) == 0


@pytest.fixture
def _every_torch_warning():
    """Torch gives some warnings only once per process: give them every time."""
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(False)


@pytest.mark.usefixtures("_every_torch_warning")
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@every_estimator
def test_frames_keep_their_names(Estimator, frame):
    data = frame(dict(zip(NAMES, X.T, strict=True)))
    model = example(Estimator).fit(data, Y)
    assert model.feature_names_in_.tolist() == NAMES
    assert model.explain(data).feature_names.tolist() == NAMES
    plain = fitted(FIRST[Estimator])
    np.testing.assert_array_equal(model.predict_proba(data), plain.predict_proba(X))
    renamed = frame(dict(zip(["a", "b", "c", "e"], X.T, strict=True)))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(renamed)
    with pytest.raises(ValueError, match="feature names"):
        model.explain(renamed)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@every_shallow_estimator
def test_certificates_check_the_names(Estimator, frame):
    data = frame(dict(zip(NAMES, X.T, strict=True)))
    renamed = frame(dict(zip(["a", "b", "c", "e"], X.T, strict=True)))
    model = example(Estimator, max_iter=2).fit(data, Y)
    with pytest.raises(ValueError, match="feature names"):
        model.certified_radius(renamed)


@every_fit
def test_float32_in_float32_out(name, model):
    x = X.astype(np.float32)
    low = instance(name).fit(x, Y)
    for method in ("predict_proba", "decision_function", "transform"):
        assert getattr(low, method)(x).dtype == np.float32
        assert getattr(model, method)(X).dtype == np.float64
        # X is exact in float32 and predict is float64, so only the output rounds.
        np.testing.assert_allclose(
            getattr(model, method)(x), getattr(model, method)(X), rtol=1e-6, atol=1e-37
        )


@every_certified_formula
def test_radii_are_float64(model):
    assert model.certified_radius(X.astype(np.float32)).dtype == np.float64


@every_shallow_fit
def test_training_on_float32_agrees_with_float64(name):
    """From the same start; Adam works in float32 then."""
    count = INSTANCES[name].n_prototypes_per_class
    init = np.vstack([X[c == Y][:count] for c in range(3)])
    low, high = (instance(name, init=init).fit(x, Y) for x in (X.astype("f4"), X))
    tolerance = 1e-4 if high.solver == "adam" else 1e-5
    np.testing.assert_allclose(
        low.predict_proba(X), high.predict_proba(X), atol=tolerance
    )


@pytest.mark.parametrize("init", ["kmeans", "random"])
@every_shallow_estimator
def test_the_start_does_not_depend_on_the_precision(Estimator, init):
    options = {"init": init, "solver": "adam", "learning_rate": 1e-9, "max_iter": 1}
    low, high = (
        Estimator(2, random_state=0, **options).fit(x, Y)
        for x in (X.astype(np.float32), X)
    )
    np.testing.assert_allclose(low.prototypes_, high.prototypes_, atol=1e-5)


@every_fit
def test_string_labels(name, model):
    labels = np.array(["<cat>", "ant", "bee"], dtype=object)
    named = instance(name).fit(X, labels[Y])
    assert named.classes_.tolist() == labels.tolist()
    np.testing.assert_array_equal(named.predict(X), labels[model.predict(X)])
    assert set(named.prototype_labels_) == set(labels)


@every_two_class_fit
def test_two_classes(name):
    rows, y = two_classes()
    model = instance(name).fit(rows, y)
    decision = model.decision_function(rows)
    assert decision.shape == (len(rows),)
    np.testing.assert_array_equal(
        model.predict(rows), model.classes_[1 * (decision > 0)]
    )
    p = model.predict_proba(rows)
    assert p.shape == (len(rows), 2)
    clear = np.abs(decision) > 1e-9
    np.testing.assert_array_equal((p[:, 1] > p[:, 0])[clear], (decision > 0)[clear])
    assert model.score(rows, y) > 0.6


@every_instance
def test_predictions_agree_with_each_other(model):
    scores, p = model.decision_function(X), model.predict_proba(X)
    assert scores.shape == p.shape == (len(X), 3)
    np.testing.assert_array_equal(model.predict(X), model.classes_[scores.argmax(1)])
    np.testing.assert_array_equal(p.argmax(1), scores.argmax(1))
    np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-12)
    assert model.score(X, Y) == np.mean(model.predict(X) == Y) > 0.6


@every_instance
def test_one_row_equals_many(model):
    """Up to the last bits: BLAS sums in another order for one row."""
    for method in ("decision_function", "predict_proba", "transform"):
        many = getattr(model, method)(X)[::5]
        alone = np.vstack([getattr(model, method)(row[None]) for row in X[::5]])
        np.testing.assert_allclose(alone, many, rtol=1e-9, atol=1e-12)


@every_certified_formula
def test_the_radius_of_one_row_equals_that_of_many(model):
    alone = np.concatenate([model.certified_radius(row[None]) for row in X[:10]])
    # A search for roots goes on until every row of its batch is at its tolerance.
    np.testing.assert_allclose(alone, model.certified_radius(X[:10]), rtol=1e-3)


@pytest.fixture
def _small_batches(monkeypatch):
    """Let every view read seven rows at a time."""
    monkeypatch.setattr(
        "sklearn_proto._views._points.default_rows_per_batch", lambda _: 7
    )
    monkeypatch.setattr("sklearn_proto.deep._deep_classifier._FEWEST_ROWS", 7)


@every_instance
def test_batches_do_not_show(name, model, request):
    whole, explained = model.decision_function(X), model.explain(X)
    request.getfixturevalue("_small_batches")
    few = {} if name in SHALLOW else {"batch_size": 7}
    model = copy.deepcopy(model).set_params(**few)
    np.testing.assert_allclose(model.decision_function(X), whole, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        model.explain(X).contributions, explained.contributions, rtol=1e-9, atol=1e-12
    )


@every_certified_formula
def test_batches_do_not_show_in_radii(model, request):
    radius = model.certified_radius(X)
    request.getfixturevalue("_small_batches")
    np.testing.assert_allclose(model.certified_radius(X), radius, rtol=1e-3)


@every_instance
def test_names_of_the_output_columns(model):
    names = model.get_feature_names_out()
    prefix = type(model).__name__.lower()
    width = model.transform(X).shape[1]
    assert names.tolist() == [f"{prefix}{i}" for i in range(width)]
    assert width == (len(model.omega_) if is_projection(model) else _count(model))


@every_estimator
def test_pandas_output(Estimator):
    model = example(Estimator).set_output(transform="pandas")
    index = np.arange(len(X)) + 100
    frame = model.fit(X, Y).transform(pd.DataFrame(X, index=index).to_numpy())
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == model.get_feature_names_out().tolist()
    model.set_output(transform="default")
    np.testing.assert_array_equal(frame.to_numpy(), model.transform(X))


@every_fit
def test_nothing_relies_on_the_default_device(name, model):
    with torch.device("meta"):
        other = instance(name, device="cpu").fit(X, Y)
        assert_same_model(model, other)
        explanation = other.explain(X[:3])
    np.testing.assert_array_equal(explanation.scores, model.explain(X[:3]).scores)


@every_certified_formula
def test_certificates_do_not_rely_on_the_default_device(model):
    with torch.device("meta"):
        radius = copy.deepcopy(model).set_params(device="cpu").certified_radius(X[:3])
    np.testing.assert_array_equal(radius, model.certified_radius(X[:3]))


@every_instance
def test_explanations_add_up(model):
    e = model.explain(X)
    np.testing.assert_allclose(
        e.contributions.sum(-1) + e.baseline, e.scores, rtol=0, atol=1e-10
    )
    np.testing.assert_array_equal(model.classes_[e.scores.argmax(1)], model.predict(X))
    np.testing.assert_array_equal(e.predictions, model.predict(X))
    np.testing.assert_array_equal(e.scores, model.decision_function(X))
    if not is_projection(model):
        np.testing.assert_array_equal(e.similarities, model.transform(X))
    assert e.similarities.shape == (len(X), _count(model))
    assert (e.similarities >= 0).all()
    assert (e.similarities <= 1).all()
    np.testing.assert_array_equal(e.prototypes, model.prototypes_)


@every_instance
def test_fitted_state_is_numpy_or_plain(model):
    for key, value in vars(model).items():
        assert "torch" not in type(value).__module__, key
