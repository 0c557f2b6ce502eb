"""What a person reads."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_proto import CBCClassifier, Explanation, RBFClassifier
from tests.data import three_classes

X, Y = three_classes()
LABELS = np.array(["<b>", "owl & cat", "plain"], dtype=object)


@pytest.fixture(scope="module", params=[RBFClassifier, CBCClassifier])
def model(request):
    return request.param(2, max_iter=30, random_state=0).fit(X, LABELS[Y])


@pytest.fixture(scope="module")
def explanation(model):
    return model.explain(X[:12])


def lead(e):
    order = np.sort(e.scores, axis=1)
    return order[:, -1] - order[:, -2]


def test_shapes(explanation):
    e = explanation
    assert isinstance(e, Explanation)
    assert len(e) == 12
    assert e.contributions.shape == (12, 3, 6)
    assert e.scores.shape == (12, 3)
    assert e.similarities.shape == (12, 6)
    assert e.baseline.shape == (3,)
    assert e.prototypes.shape == (6, 4)
    assert e.feature_names.tolist() == ["x0", "x1", "x2", "x3"]
    assert repr(e) == "Explanation(12 rows, 3 classes, 6 prototypes)"


def test_indexing(explanation):
    e = explanation
    for rows in (3, -1, slice(2, 5), [1, 7], np.array([4]), np.arange(12) > 8):
        part = e[rows]
        expected = np.atleast_1d(np.arange(12)[rows])
        assert_array_equal(part.row_indices, expected)
        assert_array_equal(part.X, X[expected])
        assert_array_equal(part.scores, e.scores[expected])
        assert_array_equal(part.contributions, e.contributions[expected])
        assert_array_equal(part.similarities, e.similarities[expected])
        for name, term in part.evidence.items():
            assert_array_equal(term, e.evidence[name][expected])
    assert e[5:][1].row_indices.tolist() == [6]
    with pytest.raises(IndexError):
        e[12]


def test_iteration(explanation):
    rows = list(explanation)
    assert [len(row) for row in rows] == [1] * 12
    assert [row.row_indices[0] for row in rows] == list(range(12))


def test_is_frozen(explanation):
    with pytest.raises(AttributeError):
        explanation.scores = None


def test_one_row_equals_that_row_of_many(model, explanation):
    alone = model.explain(X[4:5])
    assert len(alone) == 1
    assert_allclose(alone.contributions, explanation[4].contributions, rtol=1e-9)
    with pytest.raises(ValueError, match="2D array"):
        model.explain(X[4])


def test_decisive_adds_up_to_the_lead(explanation):
    e = explanation
    baseline = e.baseline[e.winners] - e.baseline[e.runners_up]
    assert_allclose(e.decisive.sum(axis=1) + baseline, lead(e), atol=1e-12)


def test_top(explanation):
    e = explanation
    assert e.top(3).shape == (12, 3)
    assert e.top(100).shape == (12, 6)
    size = np.abs(e.decisive)
    for i, chosen in enumerate(e.top(3)):
        rest = np.setdiff1d(np.arange(6), chosen)
        assert (np.diff(size[i, chosen]) <= 0).all()
        assert size[i, chosen].min() >= size[i, rest].max()


def test_frame(explanation):
    e = explanation
    frame = e.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 12 * 3 * 6
    groups = frame.groupby(["row", "class"], sort=True)
    assert len(groups) == 12 * 3
    total = groups["contribution"].sum() + groups["baseline"].first()
    assert_allclose(total, groups["score"].first(), atol=1e-12)
    # Sorted labels are the order of the classes.
    assert_allclose(groups["score"].first().to_numpy().reshape(12, 3), e.scores)
    assert (frame["prediction"].to_numpy()[::18] == e.predictions).all()
    one = frame[(frame["row"] == 7) & (frame["class"] == "plain")]
    assert_array_equal(one["prototype"], np.arange(6))
    assert_array_equal(one["prototype_label"], e.prototype_labels)
    assert_allclose(one["similarity"], e.similarities[7])
    assert_allclose(one["contribution"], e.contributions[7, 2])
    for name, term in e.evidence.items():
        assert_allclose(one[name], term[7, 2])


def test_frame_of_a_part_keeps_the_row_numbers(explanation):
    assert explanation[[3, 9]].to_frame()["row"].unique().tolist() == [3, 9]


def test_evidence_of_cbc():
    model = CBCClassifier(max_iter=20, random_state=0).fit(X, Y)
    e = model.explain(X)
    term = e.evidence
    assert_allclose(
        term["positive_agreement"] + term["negative_agreement"], e.contributions
    )
    assert_allclose(sum(term.values()).sum(-1), 1.0)
    assert_allclose(
        term["positive_agreement"][5, 1],
        e.similarities[5] * model.reasoning_[1, 0, :, 0],
    )
    assert_allclose(
        term["negative_disagreement"][5, 1],
        e.similarities[5] * model.reasoning_[1, 0, :, 1],
    )
    assert (e.baseline == 0).all()


def test_sentence(explanation):
    e = explanation
    for i in (0, 5):
        text = str(e[i])
        best, second = np.argsort(-e.scores[i])[:2]
        start = f"Row {i} is classified as {LABELS[best]!r}: score "
        assert text.startswith(start)
        assert f"for {LABELS[second]!r}" in text
        assert f"a lead of {lead(e)[i]:.3g}" in text
        first = e.top(1)[i, 0]
        assert f"prototype {first} of {e.prototype_labels[first]!r}" in text
        assert f"similarity {e.similarities[i, first]:.2f}" in text
        side = "for" if e.decisive[i, first] >= 0 else "against"
        assert f"{side} it by {abs(e.decisive[i, first]):.3g}" in text


def test_sentences_of_many_rows(explanation):
    lines = str(explanation).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "... and 2 more rows."
    assert len(str(explanation[:10]).splitlines()) == 10


def test_html_escapes_labels(explanation):
    html = explanation._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert "owl & cat" not in html
    assert "owl &amp; cat" in html
    assert html.count("is classified as") == 10
    assert "... and 2 more rows" in html


def test_html_is_well_formed(explanation):
    from xml.etree import ElementTree as ET

    tree = ET.fromstring(explanation[:3]._repr_html_())
    bars = tree.findall(".//rect")
    assert len(bars) == 3 * 5
    for bar in bars:
        left, width = float(bar.get("x")), float(bar.get("width"))
        assert 0 <= left <= left + width <= 200.1


def bar_sizes(figure):
    """Widths of the parts in the lower panel, whose last bar is their sum."""
    *parts, total = [bar.get_width() for bar in figure.axes[-1].patches]
    assert total == pytest.approx(sum(parts))
    return parts


def test_plot(explanation):
    e = explanation
    figure = e.plot(4, k=3)
    best, second = np.argsort(-e.scores[4])[:2]
    title = figure.get_suptitle()
    assert LABELS[best] in title
    assert f"rather than {LABELS[second]!r}" in title
    samples = figure.axes[:-1]
    assert len(samples) == 1 + 3
    assert samples[0].get_title() == "this row"
    for ax, j in zip(samples[1:], e.top(3)[4], strict=True):
        assert f"prototype {j}" in ax.get_title()
        assert f"similarity {e.similarities[4, j]:.2f}" in ax.get_title()
        assert_allclose([bar.get_width() for bar in ax.patches], e.prototypes[j])
    assert sum(bar_sizes(figure)) == pytest.approx(lead(e)[4])
    assert_allclose(bar_sizes(figure)[-4:-1], e.decisive[4][e.top(3)[4]])
    last = figure.axes[-1].get_yticklabels()[-1].get_text()
    assert last == f"lead over {LABELS[second]!r}"
    numbers = [text.get_text() for text in figure.axes[-1].texts]
    assert numbers[-1] == f"{lead(e)[4]:.3g}"


def test_plot_of_every_prototype(explanation):
    figure = explanation.plot(0, k=50)
    assert len(figure.axes) == 1 + 6 + 1
    assert sum(bar_sizes(figure)) == pytest.approx(lead(explanation)[0])


def test_plot_as_images(explanation):
    figure = explanation.plot(0, k=2, image_shape=(2, 2))
    pictures = [ax.images[0].get_array() for ax in figure.axes[:-1]]
    assert_array_equal(pictures[0], X[0].reshape(2, 2))
    for picture, j in zip(pictures[1:], explanation.top(2)[0], strict=True):
        assert_array_equal(picture, explanation.prototypes[j].reshape(2, 2))
    with pytest.raises(ValueError, match=r"image_shape=\(3, 3\).*4 numbers"):
        explanation.plot(0, image_shape=(3, 3))


def test_plot_leaves_pyplot_alone(explanation):
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    explanation.plot(0)
    assert plt.get_fignums() == before


def test_plot_can_be_saved(explanation, tmp_path):
    target = tmp_path / "row.png"
    explanation.plot(0).savefig(target)
    assert target.read_bytes()[:4] == b"\x89PNG"


def test_labels_that_are_numbers():
    model = RBFClassifier(max_iter=5, random_state=0).fit(X, Y + 10)
    text = str(model.explain(X[:1]))
    assert f"classified as class {model.predict(X[:1])[0]}:" in text


def test_numpy_strings_read_as_plain_ones():
    labels = np.array(["ant", "bee", "cat"])[Y]
    text = str(RBFClassifier(max_iter=5, random_state=0).fit(X, labels).explain(X[:1]))
    assert "np.str_" not in text


def test_two_classes():
    keep = Y < 2
    model = CBCClassifier(max_iter=10, random_state=0).fit(X[keep], Y[keep])
    e = model.explain(X[keep])
    assert e.scores.shape == (keep.sum(), 2)
    gap = e.scores[:, 1] - e.scores[:, 0]
    assert_allclose(gap, model.decision_function(X[keep]), atol=1e-15)
    assert_array_equal(e.runners_up, 1 - e.winners)
