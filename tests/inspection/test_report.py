"""The report says what is true, loads nothing, and shows text as text."""

import re
import struct
import zlib
from base64 import b64decode
from copy import copy
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)

from sklearn_proto import CBCClassifier, GLVQClassifier, GMLVQClassifier
from sklearn_proto.inspection import report
from sklearn_proto.inspection._report._sections import (
    accuracy,
    certificates,
    parameters,
    prototypes,
    reasoning,
)
from sklearn_proto.inspection._report._subject import Subject
from sklearn_proto.inspection._report._telling import telling_rows
from sklearn_proto.inspection._unwrapped_model import unwrap_model
from sklearn_proto.robustness import certified_accuracy_score
from tests.conftest import fitted
from tests.data import three_classes
from tests.instances import DEEP, INSTANCES, every_estimator, example

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


@pytest.mark.slow
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
    proven = Estimator not in {type(INSTANCES[n]) for n in DEEP}
    assert ("Nothing is proven" in page.texts["p"]) is not proven


@pytest.mark.slow
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


def test_a_class_that_the_model_does_not_know():
    model = GLVQClassifier(**QUICK).fit(X[Y < 2], Y[Y < 2])
    confusions = section(accuracy, model).table("true class")
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

    class Step(LogisticRegression):
        """A step with a value that looks like markup."""

    model = Step(class_weight=Odd(), C=2.0, tol=1e-4)
    model.prototypes_ = np.zeros((3, 4))
    model.n_features_in_ = 4
    page = section(parameters, model)
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


def subject(model, data=X, labels=Y, norm=2):
    return Subject(model, unwrap_model(model), data, np.asarray(labels), None, norm)


def section(show, *arguments, **options):
    """One section alone: a whole report takes a second or two to draw."""
    found = show(subject(*arguments, **options))
    assert found.title in SECTIONS
    return Page(found.body)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_telling_rows(n_classes):
    keep = n_classes > Y
    data, labels = X[keep], Y[keep]
    model = GMLVQClassifier(max_iter=3, random_state=0).fit(data, labels)
    scores = np.sort(model.explain(data).scores, axis=1)
    lead = scores[:, -1] - scores[:, -2]
    right = model.predict(data) == labels
    found = {why: i for i, why in telling_rows(subject(model, data, labels)).items()}
    assert (
        found["the narrowest right decision"] == np.where(right, lead, np.inf).argmin()
    )
    mistake = found["the mistake with the largest lead"]
    assert mistake == np.where(right, -np.inf, lead).argmax()
    typical = found["a typical right decision"]
    below = (lead[right] < lead[typical]).sum()
    assert below == right.sum() // 2


def test_verdicts(full, cbc):
    (mistake,) = re.findall(r"Row (\d+): the mistake", full.texts["h3"])
    i = int(mistake)
    predicted, truth = cbc.predict(X)[i], LABELS[Y][i]
    assert f"Classified as {predicted!r}, but it is {truth!r}." in full.texts["p"]
    assert f"{predicted!r}, rightly." in full.texts["p"] or predicted != truth
    assert str(cbc.explain(X)[i]) in full.texts["p"]


def test_a_model_without_mistakes_and_one_that_is_never_right():
    model = GLVQClassifier(**QUICK).fit(X, Y)
    predicted = model.predict(X)
    always = telling_rows(subject(model, X, predicted))
    assert len(always) == 2
    never = telling_rows(subject(model, X, (predicted + 1) % 3))
    assert list(never.values()) == ["the mistake with the largest lead"]
    page = section(accuracy, model, X, (predicted + 1) % 3)
    assert "0 of 60 rows are classified rightly" in page.texts["p"]


@pytest.mark.slow
def test_rows_that_are_asked_for(write, cbc):
    page = write(cbc, labels=LABELS[Y], rows=[7, 3])
    assert page.texts["h3"] == "Row 7Row 3"
    for sentence in str(cbc.explain(X)[[7, 3]]).split("\n"):
        assert sentence in page.texts["p"]


@pytest.mark.parametrize("norm", [2, np.inf])
def test_certified_accuracy(cbc, norm):
    page = section(certificates, cbc, labels=LABELS[Y], norm=norm)
    shares = page.table("radius")[1:]
    assert len(shares) == 5
    largest = cbc.certified_radius(X, LABELS[Y], norm=norm).max()
    sizes = np.array([0, 0.1, 0.2, 0.4, 0.8]) * largest
    score = certified_accuracy_score(cbc, X, LABELS[Y], sizes, norm=norm)
    for (size, share), eps, expected in zip(shares, sizes, score, strict=True):
        assert (size, share) == (f"{eps:.3g}", f"{expected:.3f}")


def test_why_nothing_is_proven():
    model = make_pipeline(QuantileTransformer(n_quantiles=20), GLVQClassifier(**QUICK))
    page = section(certificates, model.fit(X, Y))
    assert "Nothing is proven about this model: " in page.texts["p"]
    assert "QuantileTransformer" in page.texts["p"]
    assert not page.tables


@pytest.mark.slow
def test_a_pipeline(write):
    model = make_pipeline(StandardScaler(), CBCClassifier(2, **QUICK))
    data = X * [1, 10, 100, 1000]
    page = write(model.fit(data, Y), data, rows=[0])
    steps = "StandardScaler \N{RIGHTWARDS ARROW} CBCClassifier"
    assert page.table("property")[1] == ["model", steps]
    names = [row[0] for row in page.tables[-2]]
    assert names == ["parameter", *StandardScaler().get_params()]
    assert ["n_prototypes_per_class", "2", "set"] in page.tables[-1]
    assert ["alpha", "3e-05", "default"] in page.tables[-1]


@pytest.mark.slow
def test_steps_that_cannot_be_undone():
    model = make_pipeline(PolynomialFeatures(2), GLVQClassifier(**QUICK)).fit(X, Y)
    page = section(prototypes, model)
    said = "in the output of PolynomialFeatures, as the classifier sees them"
    assert said in page.texts["figcaption"]
    for undone in (SelectKBest(k=2), StandardScaler()):
        model = make_pipeline(undone, GLVQClassifier(**QUICK)).fit(X, Y)
        page = section(prototypes, model)
        assert "as the classifier sees them" not in page.texts["figcaption"]


def test_latent_prototypes(cbc):
    latent = copy(cbc)
    latent.prototypes_ = np.zeros((6, 7))
    page = section(prototypes, latent)
    assert "The 6 prototypes are latent, of shape (7,)" in page.texts["p"]


def test_more_prototypes_than_are_drawn(monkeypatch, cbc):
    monkeypatch.setattr("sklearn_proto.inspection._report._sections._DRAWN", 4)
    page = section(prototypes, cbc)
    assert "The first 4 of 6 are drawn." in page.texts["figcaption"]
    weights = section(reasoning, fitted("rbf")).table("prototype")
    assert len(weights) == 1 + 4 + 1


def test_weights():
    model = fitted("rbf")
    weights = section(reasoning, model).table("prototype")
    assert weights[0] == ["prototype", "class 0", "class 1", "class 2"]
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
def test_reasoning(name, words):
    page = section(reasoning, fitted(name))
    assert words in page.texts["figcaption"]
    assert "p" not in page.texts


@pytest.mark.parametrize(
    ("name", "words"),
    [("rbf-full", "Weight of each prototype"), ("cbc-components", "a class asks")],
)
def test_a_learned_metric_is_shown_beside_the_head(name, words):
    texts = " ".join(section(reasoning, fitted(name)).texts.values())
    assert words in texts
    assert "How features count together" in texts


def test_reasoning_of_prototypes_alone():
    page = section(reasoning, fitted("glvq"))
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
        ({"labels": [0, 1]}, "y has shape .2,., but X has 60 rows"),
    ],
)
def test_what_cannot_be_reported(write, cbc, tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        write(cbc, **{"labels": LABELS[Y], **options})
    assert not list(tmp_path.iterdir())


def test_other_models_are_refused(write):
    with pytest.raises(TypeError, match="LogisticRegression has none"):
        write(LogisticRegression().fit(X, Y))
