"""The matrix in front of a classifier is the Jacobian of its pipeline."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA, FastICA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import (
    RFE,
    GenericUnivariateSelect,
    SelectFromModel,
    SelectKBest,
    VarianceThreshold,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

from sklearn_proto import CBCClassifier
from sklearn_proto.robustness import affine_preprocessing, register_affine
from sklearn_proto.robustness._threat_model import _affine_steps
from tests.data import three_classes

D = 6
NAMES = [f"f{i}" for i in range(D)]
X, Y = three_classes(n_features=D)
X = X * [1, 10, 0.1, 3, 1, 2] + [0, 5, -1, 100, 0, 0]


class Final(ClassifierMixin, BaseEstimator):
    """A classifier with a view, and what it was fitted on."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.seen_ = np.asarray(X)
        self.n_features_in_ = self.seen_.shape[1]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def certifiable_view(self):
        return self.seen_


class Doubler(TransformerMixin, BaseEstimator):
    """Affine, but of a class that the package does not know."""

    def fit(self, X, _=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return 2 * X + 1


class Squarer(StandardScaler):
    """Inherits from an affine class and is not affine."""

    def transform(self, X):
        return super().transform(X) ** 2


class Renamed(StandardScaler):
    """Inherits the map as it is."""


def columns(*parts, **options):
    return ColumnTransformer([(f"part{i}", *p) for i, p in enumerate(parts)], **options)


MASK = [True, False, True, False, False, True]
AFFINE = {
    "standard": StandardScaler(),
    "standard-mean": StandardScaler(with_std=False),
    "standard-std": StandardScaler(with_mean=False),
    "standard-neither": StandardScaler(with_mean=False, with_std=False),
    "standard-in-place": StandardScaler(copy=False),
    "standard-subclass": Renamed(),
    "min-max": MinMaxScaler(),
    "min-max-range": MinMaxScaler((-1, 3)),
    "max-abs": MaxAbsScaler(),
    "robust": RobustScaler(quantile_range=(10, 80)),
    "robust-unit-variance": RobustScaler(unit_variance=True),
    "robust-centre": RobustScaler(with_scaling=False),
    "robust-scale": RobustScaler(with_centering=False),
    "pca": PCA(3),
    "pca-all": PCA(),
    "pca-whiten": PCA(3, whiten=True),
    "k-best": SelectKBest(k=2),
    "variance": VarianceThreshold(2.0),
    "univariate": GenericUnivariateSelect(mode="percentile", param=60),
    "rfe": RFE(RandomForestClassifier(5, random_state=0), n_features_to_select=3),
    "from-model": SelectFromModel(RandomForestClassifier(5, random_state=0)),
    "identity": FunctionTransformer(),
    "passthrough": "passthrough",
    "none": None,
    "frozen": FrozenEstimator(StandardScaler().fit(X)),
    "columns": columns((StandardScaler(), [4, 0, -1]), (MinMaxScaler(), [1])),
    "columns-twice": columns((StandardScaler(), [0, 1]), (PCA(2), [1, 2, 3])),
    "columns-slice": columns(("passthrough", slice(3, None)), ("drop", [0])),
    "columns-mask": columns((RobustScaler(), MASK), remainder="passthrough"),
    "columns-mask-array": columns((MaxAbsScaler(), np.array(MASK))),
    "columns-callable": columns((MaxAbsScaler(), lambda _: [2, 1])),
    "columns-none": columns((StandardScaler(), []), remainder="passthrough"),
    "columns-rest": columns(("drop", [2]), remainder=PCA(2, whiten=True)),
    "columns-weights": columns(
        (StandardScaler(), [0, 3]),
        ("passthrough", [5]),
        transformer_weights={"part0": 0.5, "part1": -3.0},
    ),
    "columns-pipeline": columns(
        (make_pipeline(RobustScaler(), PCA(2), "passthrough"), [0, 1, 5]),
        remainder=StandardScaler(),
    ),
    "union": FeatureUnion([("pca", PCA(2)), ("best", SelectKBest(k=1))]),
    "union-passthrough": FeatureUnion(
        [("no", "drop"), ("all", "passthrough"), ("scale", StandardScaler())],
        transformer_weights={"scale": 4.0},
    ),
    "pipeline": make_pipeline(StandardScaler(), None, PCA(4), MinMaxScaler()),
    "pipeline-sparse": make_pipeline(MinMaxScaler(), SelectKBest(k=4), MaxAbsScaler()),
    "pipeline-nested": make_pipeline(
        make_pipeline(MaxAbsScaler(), make_pipeline(PCA(5))),
        columns((SelectKBest(k=1), [0, 4]), remainder="passthrough"),
        PCA(2, whiten=True),
    ),
}
every_step = pytest.mark.parametrize("name", list(AFFINE))


def fitted(step, X=X, y=Y):
    return Pipeline([("step", step), ("final", Final())]).fit(X.copy(), y)


def matrix_of(front, width):
    return np.eye(width) if front.matrix is None else np.eye(width) @ front.matrix.T


def jacobian(transform, at, step=0.5):
    """Differences over a step that is not small: exact for affine maps alone."""
    moves = step * np.eye(len(at))
    return (transform(at + moves) - transform(at - moves)) / (2 * step)


def assert_jacobian(front, points=X[:3], tolerance=1e-10):
    matrix = matrix_of(front, points.shape[1])
    for at in points:
        found = jacobian(front.transform, at)
        np.testing.assert_allclose(
            found, matrix, rtol=0, atol=tolerance * np.abs(matrix).max()
        )


@every_step
def test_matrix_is_the_jacobian(name):
    model = fitted(AFFINE[name])
    front = affine_preprocessing(model)
    assert front.estimator is model[-1]
    assert_jacobian(front)


@every_step
def test_transform_is_that_of_the_pipeline(name):
    model = fitted(AFFINE[name])
    rows = X + 0.25
    before = rows.copy()
    seen = affine_preprocessing(model).transform(rows)
    assert seen.dtype == np.float64
    np.testing.assert_array_equal(rows, before)
    np.testing.assert_array_equal(seen, model[:-1].transform(before.copy()))


@every_step
def test_matrix_is_float64_and_of_the_documented_kind(name):
    matrix = affine_preprocessing(fitted(AFFINE[name])).matrix
    if matrix is not None:
        assert matrix.dtype == np.float64
        assert isinstance(matrix, np.ndarray) or sparse.issparse(matrix)
        assert not sparse.issparse(matrix) or matrix.format == "csr"


IDENTITIES = ["identity", "passthrough", "none", "standard-mean", "robust-centre"]


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity_has_no_matrix(name):
    assert affine_preprocessing(fitted(AFFINE[name])).matrix is None


@pytest.mark.parametrize("name", ["standard", "k-best", "columns", "pipeline-sparse"])
def test_scalers_and_selections_stay_sparse(name):
    assert sparse.issparse(affine_preprocessing(fitted(AFFINE[name])).matrix)


def test_whitening_of_less_than_full_rank():
    rows = np.column_stack([X, X[:, :2]])
    front = affine_preprocessing(fitted(PCA(whiten=True), rows))
    assert_jacobian(front, rows[:2], tolerance=1e-6)
    assert np.abs(front.matrix[:D]).max() < 1e6, "only the last ones are at the floor"


def test_steps_fitted_on_float32_and_integers():
    for kind in (np.float32, np.int64):
        rows = np.round(10 * X).astype(kind)
        for step in (PCA(3, whiten=True), StandardScaler(), SelectKBest(k=3)):
            model = fitted(step, rows)
            assert_jacobian(affine_preprocessing(model))
            expected = model[:-1].transform(rows.astype(float))
            seen = affine_preprocessing(model).transform(rows)
            np.testing.assert_array_equal(seen, expected)


def test_a_classifier_alone():
    final = Final().fit(X, Y)
    front = affine_preprocessing(final)
    assert front.estimator is final
    assert front.matrix is None
    seen = front.transform(X.astype(np.float32))
    assert seen.dtype == np.float64
    np.testing.assert_array_equal(seen, X.astype(np.float32))


def test_wrappers_are_opened():
    """Searches, freezers and pipelines, inside one another."""
    grid = {"standardscaler__with_mean": [True, False]}
    search = GridSearchCV(make_pipeline(StandardScaler(), Final()), grid, cv=2)
    model = make_pipeline(RobustScaler(), FrozenEstimator(search.fit(X, Y))).fit(X, Y)
    front = affine_preprocessing(FrozenEstimator(model))
    inner = search.best_estimator_
    assert front.estimator is inner[-1]
    scales = model[0].scale_ * inner[0].scale_
    np.testing.assert_allclose(matrix_of(front, D), np.diag(1 / scales))
    expected = inner[:-1].transform(model[:-1].transform(X))
    np.testing.assert_array_equal(front.transform(X), expected)


def test_the_real_classifier_sees_what_it_predicts_on():
    model = make_pipeline(StandardScaler(), PCA(3), CBCClassifier(max_iter=20))
    model.fit(X, Y)
    front = affine_preprocessing(model)
    expected = model.predict(X)
    np.testing.assert_array_equal(front.estimator.predict(front.transform(X)), expected)


FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
every_frame = pytest.mark.parametrize("kind", list(FRAMES))


def frame(kind, rows=X, **more):
    return FRAMES[kind]({n: rows[:, i] for i, n in enumerate(NAMES)} | more)


BY_NAME = {
    "names": columns((StandardScaler(), ["f4", "f0"]), (PCA(1), ["f1", "f2"])),
    "slice": columns((StandardScaler(), slice("f1", "f3")), remainder="passthrough"),
    "open": columns(("passthrough", slice(None, "f2")), ("drop", ["f3"])),
    "rest": columns(("drop", ["f0"]), remainder=RobustScaler()),
    "pipeline": make_pipeline(columns((MinMaxScaler(), ["f5", "f1"])), PCA(2)),
    "no-names": make_pipeline(StandardScaler(), SelectKBest(k=3)),
}


@every_frame
@pytest.mark.parametrize("name", list(BY_NAME))
def test_frames(name, kind):
    model = fitted_on_frame(BY_NAME[name], frame(kind))
    front = affine_preprocessing(model)
    matrix = matrix_of(front, D)
    seen = front.transform(frame(kind))
    np.testing.assert_array_equal(seen, model[:-1].transform(frame(kind)))
    moved = front.transform(frame(kind, X + X[::-1]))
    np.testing.assert_allclose(moved - seen, X[::-1] @ matrix, atol=1e-9)


def fitted_on_frame(step, rows):
    return Pipeline([("step", step), ("final", Final())]).fit(rows, Y)


@every_frame
def test_columns_that_are_no_numbers(kind):
    rows = frame(kind, X.astype(np.float32), colour=["red"] * len(X))
    step = columns((StandardScaler(), ["f1", "f0"]), remainder="drop")
    front = affine_preprocessing(fitted_on_frame(step, rows))
    assert front.matrix.shape == (2, D + 1)
    assert (front.matrix.toarray()[:, 2:] == 0).all()
    doubles = frame(kind, X.astype(np.float32).astype(float), colour=["red"] * len(X))
    expected = front.transformers[0].transform(doubles)
    np.testing.assert_array_equal(front.transform(rows), expected)


def test_columns_by_type():
    rows = frame("pandas").assign(colour="red")
    numbers = make_column_selector(dtype_include="number")
    front = affine_preprocessing(
        fitted_on_frame(columns((MinMaxScaler(), numbers)), rows)
    )
    assert front.matrix.shape == (D, D + 1)


def test_objects_in_an_array():
    rows = np.column_stack([X.astype(object), ["red"] * len(X)])
    model = fitted(columns((StandardScaler(), [0, 2])), rows)
    expected = StandardScaler().fit_transform(X[:, [0, 2]])
    np.testing.assert_allclose(affine_preprocessing(model).transform(rows), expected)


@every_frame
def test_output_as_a_frame(kind):
    model = Pipeline([("a", StandardScaler()), ("b", SelectKBest(k=2)), ("c", Final())])
    model.set_output(transform=kind).fit(frame(kind), Y)
    front = affine_preprocessing(model)
    expected = np.asarray(model[:-1].transform(frame(kind)))
    np.testing.assert_array_equal(front.transform(frame(kind)), expected)
    np.testing.assert_array_equal(front.transform(X), expected)


def test_arrays_and_frames_mix_without_a_warning():
    named = affine_preprocessing(fitted_on_frame(StandardScaler(), frame("pandas")))
    plain = affine_preprocessing(fitted(StandardScaler()))
    expected = named.transform(frame("pandas"))
    np.testing.assert_array_equal(named.transform(X), expected)
    np.testing.assert_array_equal(named.transform(X.tolist()), expected)
    expected = plain.transform(X)
    np.testing.assert_array_equal(plain.transform(frame("pandas")), expected)
    alone = affine_preprocessing(CBCClassifier(max_iter=2).fit(frame("pandas"), Y))
    np.testing.assert_array_equal(alone.transform(X), X)


def test_sparse_rows_are_refused_as_predict_refuses_them():
    steps = MaxAbsScaler(), StandardScaler(with_mean=False)
    front = affine_preprocessing(make_pipeline(*steps, Final()).fit(X, Y))
    with pytest.raises(TypeError, match="parse"):
        front.transform(sparse.csr_array(X))


def refused(words, function, *arguments, error=ValueError):
    with pytest.raises(error) as caught:
        function(*arguments)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in {caught.value}"


NOT_AFFINE = {
    "clip": (MinMaxScaler(clip=True), ["MinMaxScaler(clip=True)"]),
    "function": (FunctionTransformer(np.cbrt), ["FunctionTransformer", "cbrt"]),
    "polynomial": (PolynomialFeatures(2), ["PolynomialFeatures"]),
    "subclass": (Squarer(), ["Squarer"]),
    "ica": (FastICA(2, random_state=0, max_iter=2000), ["FastICA"]),
    "deep": (
        columns((make_pipeline(PCA(2), PolynomialFeatures()), [0, 1])),
        ["'part0'", "'polynomialfeatures'", "PolynomialFeatures"],
    ),
    "union": (FeatureUnion([("odd", Squarer())]), ["'odd'", "Squarer"]),
    "frozen": (FrozenEstimator(Squarer().fit(X)), ["Squarer"]),
}


@pytest.mark.parametrize("name", list(NOT_AFFINE))
def test_other_steps_are_named(name):
    step, words = NOT_AFFINE[name]
    words = ["'step'", *words, "affine", "StandardScaler", "PCA", "register_affine"]
    refused(words, affine_preprocessing, fitted(step))


def test_max_abs_with_clip():
    step = MaxAbsScaler()
    if "clip" not in step.get_params():
        pytest.skip("this scikit-learn has no such parameter")
    words = ["'step'", "MaxAbsScaler(clip=True)"]
    refused(words, affine_preprocessing, fitted(step.set_params(clip=True)))


def test_a_class_can_be_registered(monkeypatch):
    monkeypatch.setattr(_affine_steps, "_MATRICES", dict(_affine_steps._MATRICES))
    model = fitted(make_pipeline(PCA(3), Doubler()))
    refused(["'step'", "'doubler'", "Doubler"], affine_preprocessing, model)
    register_affine(Doubler, lambda step: 2 * np.eye(step.n_features_in_))
    assert_jacobian(affine_preprocessing(model))
    register_affine(Doubler, lambda _: 2 * sparse.eye(3, format="coo"))
    assert_jacobian(affine_preprocessing(model))
    register_affine(Squarer, lambda _: None)
    assert affine_preprocessing(fitted(Squarer())).matrix is None


@pytest.mark.parametrize("matrix", [np.ones(3), np.ones((3, 2)), 2.0])
def test_a_registered_matrix_of_another_shape(monkeypatch, matrix):
    monkeypatch.setattr(_affine_steps, "_MATRICES", dict(_affine_steps._MATRICES))
    register_affine(Doubler, lambda _: matrix)
    words = ["'step'", "Doubler", str(np.shape(matrix)), "(n_features_out, 6)"]
    refused(words, affine_preprocessing, fitted(Doubler()))


def test_what_cannot_be_registered():
    refused(["cls", "'PCA'", "class"], register_affine, "PCA", lambda _: None)
    refused(["function", "3", "callable"], register_affine, Doubler, 3)


def test_final_estimators_without_a_view():
    other = LogisticRegression().fit(X, Y)
    words = ["LogisticRegression", "certifiable_view"]
    refused(words, affine_preprocessing, other, error=TypeError)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    refused(words, affine_preprocessing, model, error=TypeError)


def test_not_fitted():
    search = GridSearchCV(CBCClassifier(), {"margin": [1.0]})
    refused(["GridSearchCV", "fit"], affine_preprocessing, search, error=NotFittedError)
    model = make_pipeline(StandardScaler(), CBCClassifier())
    refused(
        ["StandardScaler", "fit"], affine_preprocessing, model, error=NotFittedError
    )


def test_rows_that_the_pipeline_would_refuse():
    front = affine_preprocessing(make_pipeline(StandardScaler(), Final()).fit(X, Y))
    refused(["3 features", "6 features"], front.transform, X[:, :3])
    poisoned = X.copy()
    poisoned[2, 1] = np.nan
    refused(["NaN"], front.transform, poisoned)
    alone = affine_preprocessing(Final().fit(X, Y))
    refused(["3 features", "6 features", "Final"], alone.transform, X[:, :3])
    refused(["NaN"], alone.transform, poisoned)
    named = affine_preprocessing(CBCClassifier(max_iter=2).fit(frame("pandas"), Y))
    refused(["feature names"], named.transform, frame("pandas")[NAMES[::-1]])
