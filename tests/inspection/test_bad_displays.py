"""Arguments that displays, the report and descriptions refuse by their names."""

from fractions import Fraction

import numpy as np
import pytest
from matplotlib import pyplot as plt

from sklearn_proto import CBCClassifier, GLVQClassifier, GMLVQClassifier
from sklearn_proto.inspection import (
    DecisionRegionDisplay,
    ExplanationDisplay,
    PrototypeDisplay,
    PrototypePathDisplay,
    ReasoningDisplay,
    RelevanceDisplay,
    describe_prototypes,
    report,
)
from tests.conftest import fitted
from tests.data import three_classes

X, Y = three_classes()
NO_NUMBERS = ["bogus", b"2", 1j, {}, [], [[1], [1, 2]], object(), np.ones((2, 2)), int]
NO_COUNTS = [*NO_NUMBERS, 0, -1, 1.5, np.nan, np.inf, "2"]
NO_SHAPES = [4, -1, 1.5, "22", (4,), (2, 2.0), (0, 4), (-2, -2), [[1], [1, 2]], {2: 2}]
NO_SHAPES += [np.ones((2, 2)), np.array([2, 2]), "9" * 10_000]
BAD = {
    "k": NO_COUNTS,
    "row": [*NO_NUMBERS, 60, -1, 1.5],
    "of": [None, 3, ["lead"], np.array(["lead", "lead"])],
    "n_columns": NO_COUNTS,
    "prototypes": ["a", [6], [], [0.5], 3, [[1], [1, 2]]],
    "matrices": ["a", [1], [], [0.5], 3, [[1], [1, 2]]],
    "image_shape": NO_SHAPES,
    "feature_names": ["abcd", 4, ["a"], [["a"] * 4]],
    "grid_resolution": [*NO_COUNTS, 1, 10**30],
    "eps": [*NO_NUMBERS, -1, np.nan, np.inf, 1e308],
    "method": [None, 3, ["auto"], b"auto", {}, "bogus"],
    "norm": [None, "2", 0.5, np.nan, [2]],
    "rows": ["a", [60], [], [[1], [1, 2]]],
    "y": [3, "abc", [0, 1], np.ones((60, 2)), {}],
    "characteristics": [3, "shape", [], [3], ["shape"], {"a": 1}, np.array(1)],
    "groups": [3, [0], "x0", {}, {"a": 3.5}, {"a": [[1]]}, {"a": []}],
    "limits": [3, (1,), (2, 1), ("a", "b"), (np.nan, 1), (0, np.inf)],
    "smoothing": [0, -1, 5e-324, np.nan, "1", None],
    "warp": [-1, 1e308, np.inf, "1"],
    "path": [None, 3, ["a"], "a\0b"],
    "title": [3, ["a"]],
    "ax": ["axes", 3, [], object(), np.ones(2)],
}


@pytest.fixture(autouse=True)
def _no_windows():
    before = plt.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    cbc = CBCClassifier(2, max_iter=5, random_state=0).fit(X, Y)
    flat = CBCClassifier(2, max_iter=5, random_state=0).fit(X[:, :2], Y)
    grown = GLVQClassifier("auto", max_prototypes=3, random_state=0).fit(X, Y)
    gmlvq = GMLVQClassifier(max_iter=2, random_state=0).fit(X, Y)
    path = tmp_path_factory.mktemp("bad") / "report.html"
    return {
        "prototypes": lambda **o: PrototypeDisplay.from_estimator(cbc, **o),
        "explanation": lambda **o: ExplanationDisplay.from_estimator(cbc, X, **o),
        "reasoning": lambda **o: ReasoningDisplay.from_estimator(cbc, **o),
        "relevance": lambda **o: RelevanceDisplay.from_estimator(gmlvq, **o),
        "path": lambda **o: PrototypePathDisplay.from_estimator(grown, **o),
        "regions": lambda **o: DecisionRegionDisplay.from_estimator(
            flat, X[:, :2], **o
        ),
        "parts": lambda **o: PrototypeDisplay.from_estimator(fitted("protopnet"), **o),
        "description": lambda **o: describe_prototypes(
            cbc, X[:3], **{"n_repeats": 1, **o}
        ),
        "report": lambda **o: report(cbc, X, **{"y": Y, "path": path, **o}),
        "plot": lambda **o: cbc.explain(X[:2]).plot(0, **o),
        "parts of a row": lambda **o: fitted("protopnet").explain(X[:2]).plot(**o),
        "codes of a row": lambda **o: fitted("autoencoder").explain(X[:2]).plot(**o),
    }


CASES = [
    ("prototypes", ("n_columns", "prototypes", "image_shape", "feature_names", "ax")),
    ("explanation", ("k", "row", "of", "image_shape", "feature_names", "ax")),
    ("reasoning", ("ax",)),
    ("relevance", ("matrices", "feature_names", "ax")),
    ("path", ("ax",)),
    ("regions", ("grid_resolution", "eps", "method", "norm", "rows", "y", "ax")),
    ("parts", ("image_shape",)),
    (
        "description",
        ("characteristics", "groups", "image_shape", "limits", "smoothing", "warp"),
    ),
    ("report", ("path", "title", "y", "norm", "rows", "image_shape", "feature_names")),
    ("plot", ("k", "image_shape")),
    ("parts of a row", ("k", "image_shape")),
    ("codes of a row", ("k", "image_shape")),
]


@pytest.mark.parametrize(
    ("call", "parameter"), [(call, p) for call, names in CASES for p in names]
)
def test_refused_by_name(calls, call, parameter):
    figures = plt.get_fignums()
    for value in BAD[parameter]:
        options = {parameter: value}
        if parameter == "limits":
            options["image_shape"] = (2, 2)
        with pytest.raises((ValueError, TypeError), match=parameter) as caught:
            calls[call](**options)
        assert len(str(caught.value)) < 2000
    assert plt.get_fignums() == figures


def test_numbers_of_other_kinds(calls):
    calls["prototypes"](n_columns=np.int64(2))
    calls["regions"](eps=Fraction(1, 2), grid_resolution=np.int64(9), norm=1e308)
    calls["explanation"](k=np.int8(2), image_shape=[2, 2])


def test_regions_of_one_point():
    flat = CBCClassifier(max_iter=5, random_state=0).fit(X[:, :2], Y)
    display = DecisionRegionDisplay.from_estimator(flat, X[[0, 0], :2])
    assert np.ptp(display.ax_.get_xlim()) == pytest.approx(2)


def test_complex_rows_are_refused(calls):
    with pytest.raises(ValueError, match="Complex data not supported"):
        calls["explanation"](feature_names=None) and ExplanationDisplay.from_estimator(
            fitted("cbc"), X.astype(complex)
        )
