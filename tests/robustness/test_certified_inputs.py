"""What predict takes is certified, and what it refuses is refused in the same way."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.exceptions import DataConversionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from sklearn_proto import CBCClassifier, CBCNetClassifier, GLVQClassifier
from sklearn_proto.robustness import (
    CertifiedAccuracyDisplay,
    SmoothedClassifier,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_radius,
    empirical_radius,
    exact_radius,
)
from tests.data import three_classes
from tests.instances import every_certified_formula

X, Y = three_classes()
X = X.astype(np.float32).astype(np.float64)
ROWS, LABELS = X[::30], Y[::30]
N, D = ROWS.shape

INPUTS = {
    "array": ROWS,
    "list": ROWS.tolist(),
    "float32": ROWS.astype(np.float32),
    "fortran": np.asfortranarray(ROWS),
    "images": ROWS[:, :, None],
    "more images": ROWS[:, None, :, None],
    "frame": pd.DataFrame(ROWS),
    "object": ROWS.astype(object),
    "series": pd.Series(ROWS[:, 0]),
    "row": ROWS[0],
    "number": 3.0,
    "csr": sparse.csr_array(ROWS),
    "csc matrix": sparse.csc_matrix(ROWS),
    "missing": np.where(np.arange(D) == 1, np.nan, ROWS),
    "infinite": np.where(np.arange(D) == 1, np.inf, ROWS),
    "narrow": ROWS[:, 1:],
    "empty": ROWS[:0],
    "words": np.full((N, D), "a"),
    "complex": ROWS + 1j,
    "ragged": [[1.0] * D, [2.0]],
    "none": None,
}


def outcome(function):
    """What a call returns, or the type of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function()
        except Exception as error:  # noqa: BLE001
            return type(error)


@every_certified_formula
def test_the_function_and_the_method_take_what_predict_takes(model):
    expected = certified_radius(model, ROWS)
    for name, rows in INPUTS.items():
        predicted = outcome(lambda rows=rows: model.predict(rows))
        found = outcome(lambda rows=rows: certified_radius(model, rows))
        method = outcome(lambda rows=rows: model.certified_radius(rows))
        if isinstance(predicted, type):
            assert found is predicted, name
            assert method is predicted, name
        else:
            np.testing.assert_array_equal(found, expected, err_msg=name)
            np.testing.assert_array_equal(method, expected, err_msg=name)


@pytest.fixture(scope="module")
def glvq():
    return GLVQClassifier(max_iter=20, random_state=0).fit(X, Y)


@pytest.mark.parametrize("name", INPUTS)
def test_attacks_and_enclosures_take_the_same(glvq, name):
    rows = INPUTS[name]
    predicted = outcome(lambda: glvq.predict(rows))
    quick = {"n_restarts": 0, "max_iter": 1, "random_state": 0}
    attack = outcome(lambda: empirical_radius(glvq, rows, **quick))
    exact = outcome(lambda: exact_radius(glvq, rows))
    scored = outcome(lambda: certified_accuracy_score(glvq, rows, LABELS, 0.1))
    if isinstance(predicted, type):
        assert (attack, exact, scored) == (predicted,) * 3
    else:
        assert attack.perturbed.shape == ROWS.shape
        assert (exact.lower <= attack.radius * (1 + 1e-9)).all()
        assert scored == certified_accuracy_score(glvq, ROWS, LABELS, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("channels_first", [False, True])
def test_images_in_every_layout(channels_first):
    shape = (3, 4, 4) if channels_first else (4, 4, 3)
    images = np.random.default_rng(0).random((20, *shape))
    images[::2, :2, :2, :2] += 1
    y = np.arange(20) % 2
    model = CBCNetClassifier(
        channels_first=channels_first,
        max_epochs=1,
        n_channels=4,
        lipschitz=True,
        random_state=0,
    ).fit(images, y)
    flat = images.reshape(20, -1)
    expected = certified_radius(model, flat)
    assert (expected > 0).any()
    for rows in (images, images.tolist()):
        np.testing.assert_array_equal(certified_radius(model, rows), expected)
        np.testing.assert_array_equal(model.certified_radius(rows), expected)
    box = flat.min(), flat.max()
    boxed = certified_radius(model, images, bounds=box)
    np.testing.assert_array_equal(boxed, certified_radius(model, flat, bounds=box))
    quick = {"n_restarts": 0, "max_iter": 1, "random_state": 0}
    found = empirical_radius(model, images[:2], **quick)
    assert found.perturbed.shape == (2, 48)
    turned = images.transpose(0, 3, 1, 2)
    assert certified_accuracy_score(model, images, y, 0) >= 0
    for ask in (
        model.predict,
        model.certified_radius,
        lambda a: certified_radius(model, a),
    ):
        with pytest.raises(ValueError, match="X holds images of shape"):
            ask(turned)


def test_sparse_rows_are_taken_where_the_pipeline_makes_them_dense():
    model = GLVQClassifier(max_iter=5, random_state=0)
    rows = sparse.csr_array(ROWS)
    lazy = make_pipeline(MaxAbsScaler(), model).fit(X, Y)
    for ask in (lazy.predict, lambda a: certified_radius(lazy, a)):
        with pytest.raises(TypeError, match="parse"):
            ask(rows)


def by_names(frame):
    """A pipeline that picks columns by name, fitted on a frame."""
    steps = make_column_transformer(
        (StandardScaler(), ["a", "c"]), (MinMaxScaler(), ["b", "d"])
    )
    return make_pipeline(steps, CBCClassifier(random_state=0)).fit(frame, Y)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_columns_in_another_order_and_others_beside_them(kind):
    def frame(rows, names):
        at = ["abcd".index(n) if n in "abcd" else 0 for n in names]
        return kind({n: rows[:, i] for n, i in zip(names, at, strict=True)})

    model = by_names(frame(X, "abcd"))
    lo, hi = X.min(0) - 0.1, X.max(0) + 0.1
    ball = {"bounds": (lo, hi), "feature_scale": [1.0, 2.0, 0.5, 0.0]}
    expected = certified_radius(model, frame(ROWS, "abcd"), **ball)
    assert (expected > 0).any()
    quick = {"n_restarts": 1, "max_iter": 3, "random_state": 0}
    attacked = empirical_radius(model, frame(ROWS, "abcd"), **ball, **quick)
    for names in ("dcba", "badcx"):
        rows = frame(ROWS, names)
        np.testing.assert_array_equal(certified_radius(model, rows, **ball), expected)
        found = empirical_radius(model, rows, **ball, **quick)
        np.testing.assert_array_equal(found.radius, attacked.radius)
        assert (expected <= found.radius * (1 + 1e-9)).all()
    plain = GLVQClassifier(max_iter=5).fit(frame(X, "abcd"), Y)
    for ask in (
        plain.predict,
        plain.certified_radius,
        lambda a: exact_radius(plain, a),
    ):
        with pytest.raises(ValueError, match="feature names"):
            ask(frame(ROWS, "dcba"))


COLUMN = LABELS[:, None]
WITH_LABELS = {
    "certified": lambda m, y: certified_radius(m, ROWS, y),
    "method": lambda m, y: m.certified_radius(ROWS, y),
    "exact": lambda m, y: exact_radius(m, ROWS, y).lower,
    "score": lambda m, y: certified_accuracy_score(m, ROWS, y, 0.1),
    "curve": lambda m, y: certified_accuracy_curve(m, ROWS, y)[1],
    "attack": lambda m, y: empirical_radius(m, ROWS, y, random_state=0).radius,
    "display": lambda m, y: CertifiedAccuracyDisplay.from_estimator(m, ROWS, y).eps,
}


@pytest.mark.parametrize("name", WITH_LABELS)
def test_a_column_of_labels_is_taken_with_the_warning_of_a_fit(glvq, name):
    ask = WITH_LABELS[name]
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        found = ask(glvq, COLUMN)
    np.testing.assert_array_equal(found, ask(glvq, LABELS))
    with pytest.raises(ValueError, match="y"):
        ask(glvq, np.column_stack([LABELS, LABELS]))


def test_a_vote_takes_a_column_of_labels_too():
    model = SmoothedClassifier(GLVQClassifier(max_iter=5), n_samples=20, random_state=0)
    model.fit(X, Y)
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        found = model.certified_radius(ROWS, COLUMN)
    np.testing.assert_array_equal(found, model.certified_radius(ROWS, LABELS))
