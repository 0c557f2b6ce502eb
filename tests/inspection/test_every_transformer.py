"""Pictures behind every transformer that scikit-learn has."""

import inspect as reflection

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.utils import all_estimators

from sklearn_proto import CBCClassifier, GLVQClassifier, GMLVQClassifier
from sklearn_proto.inspection import (
    DecisionRegionDisplay,
    ExplanationDisplay,
    PrototypeDisplay,
    ReasoningDisplay,
    RelevanceDisplay,
    explain,
    report,
)
from sklearn_proto.inspection._report._sections import prototypes
from sklearn_proto.inspection._report._subject import Subject
from sklearn_proto.inspection._unwrapped_model import unwrap_model
from tests.breadth import quick_are
from tests.data import three_classes

X, Y = three_classes()
X = X - X.min() + 1.0
QUICK = {"max_iter": 5, "random_state": 0}
TEXTS = [f"{'chest pain' if i % 2 else 'headache'} since day {i}" for i in range(24)]
TOKENS = [text.split() for text in TEXTS]
DICTS = [{"place": text.split()[0], "day": i} for i, text in enumerate(TEXTS)]
HALF = (X[:24, 0] > np.median(X[:24, 0])).astype(int)


@pytest.fixture(autouse=True)
def _no_windows():
    before = plt.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


VOTERS = [("a", LogisticRegression()), ("b", LogisticRegression())]
NEEDS = {
    "ColumnTransformer": {"transformers": [("scale", StandardScaler(), [0, 2])]},
    "FeatureUnion": {"transformer_list": [("a", StandardScaler()), ("b", PCA(2))]},
    "FeatureHasher": {"n_features": 16},
    "HashingVectorizer": {"n_features": 32},
    "SparseCoder": {"dictionary": np.eye(4)},
    "MissingIndicator": {"features": "all"},
    "LinearDiscriminantAnalysis": {"n_components": 1},
    "StackingClassifier": {"estimators": VOTERS},
    "StackingRegressor": {"estimators": [("a", LinearRegression())]},
    "VotingClassifier": {"estimators": VOTERS},
    "VotingRegressor": {"estimators": [("a", LinearRegression())]},
}
ROWS = {
    "CountVectorizer": TEXTS,
    "TfidfVectorizer": TEXTS,
    "HashingVectorizer": TEXTS,
    "DictVectorizer": DICTS,
    "FeatureHasher": DICTS,
    "KernelCenterer": X[:24] @ X[:24].T,
}
# What has no transform, or makes other things than rows of numbers of rows.
NOT_A_STEP = {
    "IsotonicRegression",
    "LabelBinarizer",
    "LabelEncoder",
    "MultiLabelBinarizer",
    "PatchExtractor",
    "TSNE",
    # They transform labels as well where a pipeline fits them.
    "CCA",
    "PLSCanonical",
    "PLSRegression",
    "PLSSVD",
}
SMALL = {"n_components": 2, "n_quantiles": 9, "max_iter": 20, "random_state": 0}
SMALL |= {"n_estimators": 3, "n_clusters": 2, "k": 2, "cv": 2, "n_splits": 2}


def made(name, Transformer):
    """Small instance of a transformer."""
    accepted = reflection.signature(Transformer).parameters
    given = {p: value for p, value in SMALL.items() if p in accepted}
    if "estimator" in accepted:
        given["estimator"] = LogisticRegression()
    return Transformer(**given | NEEDS.get(name, {}))


TRANSFORMERS = {
    name: cls
    for name, cls in all_estimators(type_filter="transformer")
    if name not in NOT_A_STEP
}
# Of whole rows, parts of them, some columns, new ones, and texts.
OFTEN = ["StandardScaler", "ColumnTransformer", "SelectKBest", "PCA", "TfidfVectorizer"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", quick_are(OFTEN, TRANSFORMERS))
def test_every_transformer(name):
    rows = ROWS.get(name, X[:24])
    model = make_pipeline(
        made(name, TRANSFORMERS[name]),
        FunctionTransformer(lambda Z: Z.toarray() if sparse.issparse(Z) else Z),
        GLVQClassifier(**QUICK),
    ).fit(rows, HALF)
    seen = np.asarray(model[:-1].transform(rows), dtype=float)
    drawn = PrototypeDisplay.from_estimator(model, rows)
    row = ExplanationDisplay.from_estimator(model, rows, 3)
    reading = unwrap_model(model)
    shown = reading.shown(rows)
    assert shown.shape[1] == drawn.prototypes.shape[1] == len(reading.feature_names)
    np.testing.assert_array_equal(row.samples[0], shown[3])
    raw = all(stop.level == 0 for stop in reading.way.stops)
    # What is shown is of the row itself, or what the named step made of it.
    assert bool(row.units) is not raw
    if raw:
        (stop,) = reading.way.stops
        np.testing.assert_array_equal(shown, np.asarray(rows)[:, stop.columns])
    # What the prototypes are drawn as is what the classifier compares rows with.
    if reading.way.stops[0].level == len(model) - 1:
        np.testing.assert_allclose(reading.shown(rows), seen)
        np.testing.assert_array_equal(drawn.prototypes, model[-1].prototypes_)
    # What each bar adds is of the feature that it names.
    terms = model[-1].explain(seen[[3]]).feature_terms
    assert row.sizes.sum() == pytest.approx(terms.sum())


# Units and names


pd = pytest.importorskip("pandas")
NAMES = ["north", "east", "south", "west"]
FRAME = pd.DataFrame(X * [1, 10, 100, 1000], columns=NAMES)
BACKWARDS = NAMES[::-1]


def fitted(*steps, final=None):
    return make_pipeline(*steps, final or GLVQClassifier(**QUICK))


@pytest.mark.parametrize(
    "front",
    [
        make_column_transformer((StandardScaler(), BACKWARDS)),
        make_column_transformer(
            (StandardScaler(), ["west"]),
            remainder=MinMaxScaler(),
            verbose_feature_names_out=False,
        ),
        make_union(StandardScaler()),
        make_pipeline(StandardScaler(), make_pipeline(MinMaxScaler())),
        make_column_transformer(
            (
                make_pipeline(StandardScaler(), QuantileTransformer(n_quantiles=9)),
                BACKWARDS,
            )
        ),
        ColumnTransformer(
            [("a", StandardScaler(), BACKWARDS)], transformer_weights={"a": 3.0}
        ),
    ],
    ids=["columns", "remainder", "union", "nested", "inside", "weights"],
)
def test_the_way_back_leads_to_the_raw_units(front):
    model = fitted(front).fit(FRAME, Y)
    drawn = PrototypeDisplay.from_estimator(model, FRAME)
    assert drawn.feature_names.tolist() == NAMES
    assert drawn.units == ""
    # What is drawn is seen as the prototypes are.
    again = model[:-1].transform(pd.DataFrame(drawn.prototypes, columns=NAMES))
    np.testing.assert_allclose(again, model[-1].prototypes_, rtol=1e-6)
    row = ExplanationDisplay.from_estimator(model, FRAME, 5)
    np.testing.assert_array_equal(row.samples[0], FRAME.iloc[5])
    seen = model[:-1].transform(FRAME.iloc[[5]])
    explained = model[-1].explain(np.asarray(seen))
    by_name = dict(zip(row.labels, row.sizes, strict=True))
    sources = [front.get_feature_names_out(NAMES).tolist()]
    for name, term in zip(sources[0], explained.feature_terms[0], strict=True):
        assert by_name[name.split("__")[-1]] == pytest.approx(term)


def test_columns_that_are_left_out_are_not_shown():
    front = make_column_transformer((StandardScaler(), ["west", "north"]))
    model = fitted(front).fit(FRAME, Y)
    drawn = PrototypeDisplay.from_estimator(model, FRAME)
    assert drawn.feature_names.tolist() == ["north", "west"]
    scaler = front.fit(FRAME).transformers_[0][1]
    raw = scaler.inverse_transform(model[-1].prototypes_)[:, ::-1]
    np.testing.assert_allclose(drawn.prototypes, raw)
    scaled = fitted(StandardScaler(), SelectKBest(k=2)).fit(FRAME, Y)
    kept = np.flatnonzero(scaled[1].get_support())
    drawn = PrototypeDisplay.from_estimator(scaled, FRAME)
    assert drawn.feature_names.tolist() == [NAMES[j] for j in kept]
    raw = scaled[-1].prototypes_ * scaled[0].scale_[kept] + scaled[0].mean_[kept]
    np.testing.assert_allclose(drawn.prototypes, raw)
    told = PrototypeDisplay.from_estimator(scaled, FRAME, feature_names=list("abcd"))
    assert told.feature_names.tolist() == ["abcd"[j] for j in kept]


def test_a_step_in_the_middle_that_makes_frames():
    table = FRAME.assign(sex=np.where(X[:, 0] > X[:, 1], "male", "female"))
    encode = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["sex"]),
        ("passthrough", ["north", "east"]),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    model = fitted(encode, StandardScaler()).fit(table, Y)
    row = ExplanationDisplay.from_estimator(model, table, 5)
    shown = dict(zip(row.feature_names, row.samples[0], strict=True))
    assert shown["north"] == table["north"][5]
    assert shown["sex_male"] == (table["sex"][5] == "male")
    assert shown["sex_female"] == (table["sex"][5] == "female")


def test_a_table_of_numbers_and_categories():
    table = FRAME.assign(sex=np.where(X[:, 0] > X[:, 1], "male", "female"))
    front = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["east"]),
        (StandardScaler(), ["north"]),
        (OneHotEncoder(), ["sex"]),
        verbose_feature_names_out=False,
    )
    model = fitted(front).fit(table, Y)
    row = ExplanationDisplay.from_estimator(model, table, 0)
    shown = dict(zip(row.feature_names, row.samples[0], strict=True))
    assert shown["north"] == table["north"][0]
    assert shown["sex_male"] == (table["sex"][0] == "male")
    assert row.units == "partly in the output of StandardScaler and OneHotEncoder"
    # An imputer cannot be undone, so its column stays as the classifier sees it.
    assert shown["east"] == pytest.approx(front.transform(table)[0, 0])
    seen = model[:-1].transform(table.iloc[[0]])
    terms = model[-1].explain(np.asarray(seen)).feature_terms[0]
    by_name = dict(zip(row.labels, row.sizes, strict=True))
    for name, term in zip(front.get_feature_names_out(), terms, strict=True):
        assert by_name[name] == pytest.approx(term)


def test_imputed_rows_are_in_raw_units():
    holes = FRAME.copy()
    holes.iloc[::7, 1] = np.nan
    model = fitted(SimpleImputer(), StandardScaler()).fit(holes, Y)
    drawn = PrototypeDisplay.from_estimator(model, holes)
    assert drawn.units == "in the output of SimpleImputer"
    assert drawn.feature_names.tolist() == NAMES
    raw = model[1].inverse_transform(model[-1].prototypes_)
    np.testing.assert_allclose(drawn.prototypes, raw)


def test_what_a_component_adds_has_the_name_of_the_component():
    model = fitted(StandardScaler(), PCA(2)).fit(FRAME, Y)
    row = ExplanationDisplay.from_estimator(model, FRAME, 5)
    assert set(row.labels) == {"pca0", "pca1"}
    np.testing.assert_array_equal(row.samples[0], FRAME.iloc[5])
    assert row.feature_names.tolist() == NAMES


def test_two_parts_that_contradict_each_other_are_shown_as_they_are_seen():
    union = FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())])
    model = fitted(union).fit(FRAME, Y)
    model[-1].prototypes_ = model[-1].prototypes_ + np.eye(1, 8, 5)
    reading = unwrap_model(model)
    assert reading.way.where == ("MinMaxScaler",)
    assert len(reading.feature_names) == 8


@pytest.mark.slow
def test_words():
    """Components of words are drawn as words."""
    model = fitted(TfidfVectorizer(), TruncatedSVD(3)).fit(TEXTS, HALF)
    for rows in (TEXTS, np.array(TEXTS, dtype=object), pd.Series(TEXTS)):
        row = ExplanationDisplay.from_estimator(model, rows, 2)
        words = model[0].get_feature_names_out()
        assert row.feature_names.tolist() == words.tolist()
        assert row.units == "in the output of TfidfVectorizer"
        expected = model[0].transform(TEXTS)[2].toarray()[0]
        np.testing.assert_allclose(row.samples[0], expected)
        plt.close("all")


@pytest.mark.slow
def test_a_report_of_texts(tmp_path):
    model = fitted(TfidfVectorizer(), TruncatedSVD(3)).fit(TEXTS, HALF)
    text = report(model, TEXTS, HALF, tmp_path / "a.html", rows=[0]).read_text()
    assert "in the output of TfidfVectorizer" in text


def test_a_report_says_what_could_not_be_undone():
    model = fitted(SelectKBest(k=2), QuantileTransformer(n_quantiles=9)).fit(X, Y)
    model[1].inverse_transform = None
    page = prototypes(Subject(model, unwrap_model(model), X, Y, None, 2.0))
    assert "in the output of QuantileTransformer" in page.body


def test_explanations_behind_a_pipeline():
    model = fitted(StandardScaler()).fit(FRAME, Y)
    found, inner = explain(model, FRAME), model[-1].explain(model[:-1].transform(FRAME))
    np.testing.assert_array_equal(found.X, FRAME)
    np.testing.assert_array_equal(found.scores, inner.scores)
    np.testing.assert_array_equal(found.feature_terms, inner.feature_terms)
    raw = model[0].inverse_transform(inner.prototypes)
    np.testing.assert_allclose(found.prototypes, raw)
    first = NAMES[inner.top_features(1)[0, 0]]
    assert f"is mostly made of {first} (" in str(found[0])


# Frames of other columns


@pytest.mark.parametrize(
    "draw",
    [
        lambda m, F: PrototypeDisplay.from_estimator(m, F),
        lambda m, F: ExplanationDisplay.from_estimator(m, F),
        lambda m, F: report(m, F, Y, "never.html"),
    ],
    ids=["prototypes", "explanation", "report"],
)
def test_columns_in_another_order_are_refused_as_predict_refuses_them(draw):
    for model in (GLVQClassifier(**QUICK), fitted(StandardScaler())):
        model.fit(FRAME, Y)
        for wrong in (FRAME[BACKWARDS], FRAME.rename(columns={"east": "oast"})):
            with pytest.raises(ValueError) as by_predict:
                model.predict(wrong)
            with pytest.raises(ValueError) as by_display:
                draw(model, wrong)
            assert str(by_display.value) == str(by_predict.value)


def test_regions_of_a_frame_in_another_order():
    frame = FRAME[["north", "east"]]
    model = CBCClassifier(**QUICK).fit(frame, Y)
    with pytest.raises(ValueError, match="same order"):
        DecisionRegionDisplay.from_estimator(model, frame[["east", "north"]])


def test_columns_in_another_order_where_predict_takes_them_by_name():
    front = make_column_transformer((StandardScaler(), NAMES))
    model = fitted(front).fit(FRAME, Y)
    mixed = FRAME[BACKWARDS].assign(more="text")
    row = ExplanationDisplay.from_estimator(model, mixed, 5)
    np.testing.assert_array_equal(row.samples[0], FRAME.iloc[5])


# Models inside of others


def wrapped(kind):
    data, labels = X[Y < 2], np.array(["ill", "well"])[Y[Y < 2]]
    base = fitted(StandardScaler(), final=CBCClassifier(**QUICK)).fit(data, labels)
    frozen = FrozenEstimator(base)
    wrapper = {
        "calibrated": lambda: CalibratedClassifierCV(frozen),
        "jointly": lambda: CalibratedClassifierCV(base, ensemble=False, cv=2),
        "tuned": lambda: TunedThresholdClassifierCV(base, cv=2),
        "fixed": lambda: FixedThresholdClassifier(frozen, threshold=0.99),
        "frozen": lambda: frozen,
        "search": lambda: GridSearchCV(
            FixedThresholdClassifier(base), {"threshold": [0.2]}, cv=2
        ),
    }[kind]()
    return wrapper.fit(data, labels), data, labels


@pytest.mark.parametrize(
    "kind",
    quick_are(
        ["calibrated"],
        ["calibrated", "jointly", "tuned", "fixed", "frozen", "search"],
    ),
)
def test_the_one_model_inside_is_drawn_and_the_outer_prediction_said(kind, tmp_path):
    model, data, labels = wrapped(kind)
    row = ExplanationDisplay.from_estimator(model, data, 1)
    np.testing.assert_array_equal(row.samples[0], data[1])
    ReasoningDisplay.from_estimator(model)
    if kind != "frozen":
        label = str(model.predict(data[[1]])[0])
        (p,) = model.predict_proba(data[[1]])[0][model.classes_ == label]
        assert f"predicts {label!r}, probability {p:.2f}" in row.title
    text = report(model, data, labels, tmp_path / "a.html", rows=[1]).read_text()
    assert f"Classified as &#x27;{model.predict(data[[1]])[0]}&#x27;" in text
    right = int((model.predict(data) == labels).sum())
    assert f"{right} of {len(labels)} rows are classified rightly" in text


def test_several_models_inside_are_refused():
    model = CalibratedClassifierCV(CBCClassifier(**QUICK), cv=2).fit(X, Y)
    with pytest.raises(TypeError, match=r"holds 2 models.*FrozenEstimator"):
        PrototypeDisplay.from_estimator(model)


def test_relevances_behind_an_affine_front_have_raw_names():
    front = make_column_transformer(
        (StandardScaler(), BACKWARDS), verbose_feature_names_out=False
    )
    model = fitted(front, final=GMLVQClassifier(**QUICK)).fit(FRAME, Y)
    drawn = RelevanceDisplay.from_estimator(model)
    assert drawn.feature_names.tolist() == BACKWARDS
