"""The report says what is true, loads nothing, and shows text as text."""

import struct
import zlib
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sklearn_proto import CBCClassifier, GLVQClassifier, GMLVQClassifier
from sklearn_proto.inspection import report
from sklearn_proto.robustness import certified_accuracy_score
from tests.conftest import fitted
from tests.data import three_classes
from tests.instances import DEEP, every_estimator, example

X, Y = three_classes()
LABELS = np.array(["<b>ant</b>", 'bee & "wasp"', "$c_a^t"], dtype=object)
NAMES = ["<script>alert(1)</script>", "a&b", "c\"'d", "$\\frac{"]
TITLE = "<i>& 'so' \"on\"</i>"
QUICK = {"max_iter": 30, "random_state": 0}
SECTIONS = [
    "Accuracy",
    "Prototypes",
    "Reasoning",
    "Decisions",
    "Certified accuracy",
    "Parameters",
]
VOID = {"meta", "img", "br", "line", "rect"}


class Page(HTMLParser):
    """What a browser would make of it, as far as it is asked for here."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags = [], []
        self.texts, self.tables = {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in self.open:
            self.texts[tag] = self.texts.get(tag, "") + data
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def table(self, first):
        """Table that has this in its corner."""
        return next(t for t in self.tables if t[0] and t[0][0] == first)


@pytest.fixture
def write(tmp_path):
    def written(model, data=X, labels=Y, **options):
        file = report(model, data, labels, tmp_path / "report.html", **options)
        assert file == tmp_path / "report.html"
        return Page(file.read_text(encoding="utf-8"))

    before = plt.get_fignums()
    yield written
    assert plt.get_fignums() == before


@pytest.fixture(scope="module")
def cbc():
    return CBCClassifier(2, **QUICK).fit(X, LABELS[Y])


@pytest.fixture(scope="module")
def full(cbc, tmp_path_factory):
    """Everything by default, and all texts of the user as nasty as they can be."""
    path = tmp_path_factory.mktemp("full") / "report.html"
    report(cbc, X, LABELS[Y], path, feature_names=NAMES, title=TITLE)
    return Page(path.read_text(encoding="utf-8"))


def pixels(picture):
    """Decode a PNG file of true colour as far as to see that it is not blank."""
    kind, data = picture["src"].split(",")
    assert kind == "data:image/png;base64"
    file = b64decode(data)
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    body, at = b"", 8
    while at < len(file):
        (length,) = struct.unpack(">I", file[at : at + 4])
        if file[at + 4 : at + 8] == b"IDAT":
            body += file[at + 8 : at + 8 + length]
        at += 12 + length
    return np.frombuffer(zlib.decompress(body), dtype=np.uint8)


def headings(page, level):
    return [t for t, _ in page.tags].count(level)


@every_estimator
def test_every_estimator(write, Estimator):
    model = example(Estimator).fit(X, Y)
    page = write(model, rows=[0])
    assert headings(page, "h2") == len(SECTIONS)
    for section in SECTIONS:
        assert section in page.texts["h2"]
    assert Estimator.__name__ in page.texts["h1"]
    assert page.texts["title"] == page.texts["h1"].strip()
    assert page.table("property")[-1] == ["prototypes", str(len(model.prototypes_))]
    right = int((model.predict(X) == Y).sum())
    assert f"{right} of 60 rows are classified rightly" in page.texts["p"]
    assert str(model.explain(X[:1])) in page.texts["p"]
    for image in page.all("img"):
        assert len(np.unique(pixels(image))) > 1
        assert image["alt"].strip()
    proven = not any(type(fitted(n)) is Estimator for n in DEEP)
    assert ("Nothing is proven" in page.texts["p"]) is not proven


def test_confusions(full, cbc):
    page = full
    predicted = cbc.predict(X)
    confusions = page.table("true class")
    classes = sorted(LABELS)
    assert confusions[0] == ["true class", *map(repr, classes), "all"]
    for line, truth in zip(confusions[1:], classes, strict=True):
        counts = [int(np.sum((LABELS[Y] == truth) & (predicted == c))) for c in classes]
        assert line == [repr(truth), *map(str, counts), str(sum(counts))]
    accuracy = np.mean(predicted == LABELS[Y])
    assert f"an accuracy of {accuracy:.3f}" in page.texts["p"]
    assert "commonest class would give 0.333" in page.texts["p"]


def test_a_class_that_the_model_does_not_know(write):
    model = GLVQClassifier(**QUICK).fit(X[Y < 2], Y[Y < 2])
    confusions = write(model, rows=[0]).table("true class")
    assert confusions[0] == ["true class", "class 0", "class 1", "class 2", "all"]
    assert confusions[3][3:] == ["0", "20"]


def test_text_is_text(full):
    page = full
    used = {tag for tag, _ in page.tags}
    assert not used & {"script", "b", "i", "iframe", "object", "link", "base", "form"}
    assert page.texts["h1"].strip() == TITLE
    assert "'<b>ant</b>'" in page.texts["p"]


def test_parameters_are_text():
    class Odd:
        def __repr__(self):
            return "<script>" + "x" * 500

    from sklearn_proto.inspection._report._sections import _parameters

    class Step(LogisticRegression):
        """A step with a value that looks like markup."""

    page = Page(_parameters(Step(class_weight=Odd(), C=2.0, tol=1e-4)))
    rows = {row[0]: row[1:] for row in page.tables[0]}
    assert rows["class_weight"][0].startswith("<script>xxx")
    assert len(rows["class_weight"][0]) < 200
    assert rows["C"] == ["2.0", "set"]
    assert rows["tol"] == ["0.0001", "default"]


def test_nothing_is_loaded(full):
    page = full
    for tag, attributes in page.tags:
        for attribute, value in attributes.items():
            assert not attribute.startswith("on"), (tag, attribute)
            if attribute in ("src", "href", "srcset", "poster", "data", "action"):
                assert value.startswith(("data:image/png;base64,", "#section-"))
            if attribute == "style":
                assert "url(" not in value
    assert "url(" not in page.texts["style"]
    assert "@import" not in page.texts["style"]
    policy = next(m for m in page.all("meta") if "http-equiv" in m)
    assert policy["content"].startswith("default-src 'none'; img-src data:;")


def test_it_is_accessible(full):
    page = full
    assert page.all("html")[0]["lang"] == "en"
    assert headings(page, "h1") == 1
    levels = [int(t[1]) for t, _ in page.tags if t in ("h1", "h2", "h3")]
    assert max(np.diff(levels)) == 1
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert link["href"][1:] in ids
    for section in page.all("section"):
        assert section["aria-labelledby"] in ids
    captions = headings(page, "caption")
    cards = page.texts["p"].count("is classified as")
    assert len(page.tables) == captions + cards
    assert {"col", "row"} <= {th.get("scope") for th in page.all("th")}


def test_telling_rows(write):
    model = GMLVQClassifier(**QUICK).fit(X, Y)
    page = write(model)
    scores = np.sort(model.decision_function(X), axis=1)
    lead = scores[:, -1] - scores[:, -2]
    predicted = model.predict(X)
    right, wrong = predicted == Y, predicted != Y
    narrow = np.flatnonzero(right)[lead[right].argmin()]
    mistake = np.flatnonzero(wrong)[lead[wrong].argmax()]
    told = page.texts["h3"]
    assert f"Row {narrow}: the narrowest right decision" in told
    assert f"Row {mistake}: the mistake with the largest lead" in told
    assert "a typical right decision" in told
    verdict = f"Classified as class {predicted[mistake]}, but it is class {Y[mistake]}."
    assert verdict in page.texts["p"]
    assert str(model.explain(X)[narrow]) in page.texts["p"]


def test_telling_rows_of_two_classes(write):
    keep = Y < 2
    model = CBCClassifier(**QUICK).fit(X[keep], Y[keep])
    page = write(model, X[keep], Y[keep])
    lead = np.abs(model.decision_function(X[keep]))
    right = model.predict(X[keep]) == Y[keep]
    narrow = np.flatnonzero(right)[lead[right].argmin()]
    assert f"Row {narrow}: the narrowest right decision" in page.texts["h3"]


def test_a_model_without_mistakes(write):
    model = GLVQClassifier(**QUICK).fit(X, Y)
    page = write(model, X, model.predict(X))
    assert headings(page, "h3") == 2
    assert "mistake" not in page.texts["h3"]


def test_a_model_that_is_never_right(write):
    model = GLVQClassifier(**QUICK).fit(X, Y)
    page = write(model, X, (model.predict(X) + 1) % 3)
    assert headings(page, "h3") == 1
    assert "0 of 60 rows are classified rightly" in page.texts["p"]


def test_rows_that_are_asked_for(write, cbc):
    page = write(cbc, labels=LABELS[Y], rows=[7, 3])
    assert page.texts["h3"].split() == ["Row", "7Row", "3"]
    sentences = str(cbc.explain(X)[[7, 3]]).split("\n")
    for sentence in sentences:
        assert sentence in page.texts["p"]


@pytest.mark.parametrize("norm", [2, np.inf])
def test_certified_accuracy(write, cbc, norm):
    page = write(cbc, labels=LABELS[Y], norm=norm, rows=[0])
    shares = page.table("radius")[1:]
    assert len(shares) == 5
    largest = cbc.certified_radius(X, LABELS[Y], norm=norm).max()
    sizes = np.array([0, 0.1, 0.2, 0.4, 0.8]) * largest
    score = certified_accuracy_score(cbc, X, LABELS[Y], sizes, norm=norm)
    for (size, share), eps, expected in zip(shares, sizes, score, strict=True):
        assert (size, share) == (f"{eps:.3g}", f"{expected:.3f}")


def test_why_nothing_is_proven(write):
    model = make_pipeline(QuantileTransformer(n_quantiles=20), GLVQClassifier(**QUICK))
    page = write(model.fit(X, Y), rows=[0])
    assert "Nothing is proven about this model: " in page.texts["p"]
    assert "QuantileTransformer" in page.texts["p"]
    assert all("radius" not in table[0] for table in page.tables)


def test_a_pipeline(write):
    model = make_pipeline(StandardScaler(), CBCClassifier(2, **QUICK))
    rows = X * [1, 10, 100, 1000]
    page = write(model.fit(rows, Y), rows, rows=[0])
    assert page.table("property")[1] == ["model", "StandardScaler → CBCClassifier"]
    names = [row[0] for row in page.tables[-2]]
    assert names == ["parameter", *StandardScaler().get_params()]
    assert "with_mean" in names
    assert ["n_prototypes_per_class", "2", "set"] in page.tables[-1]
    assert ["alpha", "3e-05", "default"] in page.tables[-1]


def test_steps_that_cannot_be_undone(write):
    model = make_pipeline(SelectKBest(k=2), GLVQClassifier(**QUICK)).fit(X, Y)
    page = write(model, rows=[0])
    assert "as the classifier sees them" in page.texts["figcaption"]
    assert page.table("property")[3] == ["features", "2"]


def test_weights(write):
    model = fitted("rbf")
    weights = write(model, rows=[0]).table("")
    assert weights[0] == ["", "class 0", "class 1", "class 2"]
    for j, line in enumerate(weights[1:-1]):
        assert line[0] == f"prototype {j} of class {model.prototype_labels_[j]}"
        assert line[1:] == [f"{w:.3g}" for w in model.coef_[:, j]]
    assert weights[-1] == ["baseline", *(f"{b:.3g}" for b in model.intercept_)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cbc", "the probability that a class asks a component to be present"),
        ("cbc-indefinite", "The model divides by the definite mass."),
        ("gmlvq", "How features count together"),
    ],
)
def test_reasoning(write, name, words):
    page = write(fitted(name), rows=[0])
    assert words in page.texts["figcaption"]
    assert "nothing besides its prototypes" not in page.texts["p"]


def test_reasoning_of_prototypes_alone(write):
    page = write(fitted("glvq"), rows=[0])
    assert "The model has nothing besides its prototypes" in page.texts["p"]


def test_frames(write):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["north", "east", "south", "west"])
    model = make_pipeline(StandardScaler(), GLVQClassifier(**QUICK)).fit(frame, Y)
    page = write(model, frame, pd.Series(Y), rows=[0])
    assert {row[0] for table in page.tables for row in table} & {"north", "south"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": 0.5}, "norm=0.5 is not allowed"),
        ({"rows": [99]}, r"rows=\[99\].* 0 to 59"),
        ({"image_shape": (3, 3)}, r"image_shape=\(3, 3\)"),
        ({"feature_names": ["a"]}, "feature_names has shape"),
        ({"labels": [0, 1]}, "y has 2 labels, and X 60 rows"),
    ],
)
def test_what_cannot_be_reported(write, cbc, tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        write(cbc, **{"labels": LABELS[Y], **options})
    assert not list(tmp_path.iterdir())


def test_other_models_are_refused(write):
    with pytest.raises(TypeError, match="LogisticRegression has none"):
        write(LogisticRegression().fit(X, Y))
