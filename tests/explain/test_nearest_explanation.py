"""What a person reads where two prototypes decide."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.explain import (
    Explanation,
    NearestPrototypeExplanation,
    deciding_prototypes,
    nearest_contributions,
)

RNG = np.random.default_rng(0)
W = RNG.normal(size=(6, 4))
OWNERS = np.array([0, 0, 1, 1, 1, 3])  # Class 2 has no prototype.
CLASSES = np.array(["<b>", "owl & cat", "nobody", "plain"], dtype=object)
NAMES = np.array(["petal width", "mass", "x2", "x3"], dtype=object)
X = RNG.normal(size=(12, 4))
OMEGA = RNG.normal(size=(3, 4))
DECISION = "difference of the squared distances"


def brute_force(omega):
    """Squared distances (n, K), and per class the closest: index and distance."""
    sq = np.array([[((omega @ (x - w)) ** 2).sum() for w in W] for x in X])
    closest, least = np.full((len(X), 4), -1), np.full((len(X), 4), np.inf)
    for i in range(len(X)):
        for k in np.argsort(-sq[i]):  # The closest comes last.
            closest[i, OWNERS[k]], least[i, OWNERS[k]] = k, sq[i, k]
    return sq, closest, least


def explained(omega):
    """As an estimator would do it: from a view."""
    view = NearestPrototypeView(W, OWNERS, 4, omega=omega)
    x = view.tensor(X)
    values, indices = (t.numpy() for t in view.nearest(x))
    winning = np.where(np.isinf(values), -1, indices)
    scores = view.class_scores(x).numpy()
    winner, rival = torch.as_tensor(deciding_prototypes(scores, winning)).T
    parts = nearest_contributions(values, indices, len(W))
    terms = view.feature_terms(x, rival) - view.feature_terms(x, winner)
    return NearestPrototypeExplanation(
        X=X,
        classes=CLASSES,
        scores=scores,
        contributions=parts.values,
        baseline=parts.baseline,
        similarities=view.similarities(x).numpy(),
        prototypes=W,
        prototype_labels=CLASSES[OWNERS],
        feature_names=NAMES,
        row_indices=np.arange(len(X)),
        winning_prototypes=winning,
        winning_distances=values,
        feature_terms=terms.numpy(),
        decision=DECISION,
    )


@pytest.fixture(scope="module", params=["plain", "omega"])
def omega(request):
    return np.eye(4) if request.param == "plain" else OMEGA


@pytest.fixture(scope="module")
def explanation(omega):
    return explained(omega)


def naive_terms(omega, x, w):
    """Of ``(x - w)' L (x - w)``, all products in which a feature comes first."""
    step, gram = x - w, omega.T @ omega
    d = range(len(x))
    return np.array([sum(step[f] * gram[f, g] * step[g] for g in d) for f in d])


def test_both_sums_hold(explanation, omega):
    e, (_, closest, least) = explanation, brute_force(omega)
    assert_allclose(e.scores, -least, rtol=1e-9)
    assert_array_equal(e.contributions.sum(-1) + e.baseline, e.scores)
    assert_array_equal(e.baseline, [0, 0, -np.inf, 0])
    assert_array_equal(e.winning_prototypes, closest)
    two = np.sort(e.scores, axis=1)[:, ::-1]
    assert_allclose(e.decision_values, two[:, 0] - two[:, 1], rtol=1e-9)
    assert_array_equal(e.decision_values, e.feature_terms.sum(1))


def test_one_prototype_contributes_to_a_class(explanation, omega):
    sq, closest, _ = brute_force(omega)
    for i, c, k in np.ndindex(len(X), 4, len(W)):
        expected = -sq[i, k] if closest[i, c] == k else 0
        assert explanation.contributions[i, c, k] == pytest.approx(expected)


def test_the_two_that_decide(explanation, omega):
    sq, _, _ = brute_force(omega)
    for i, (winner, rival) in enumerate(explanation.deciding):
        assert winner == sq[i].argmin()
        others = np.where(OWNERS[winner] == OWNERS, np.inf, sq[i])
        assert rival == others.argmin()
        assert set(explanation.top(2)[i]) == {winner, rival}
        away = explanation.deciding_distances[i]
        assert_allclose(away, sq[i, [winner, rival]])
    assert_array_equal(
        explanation.predictions, CLASSES[OWNERS[explanation.deciding[:, 0]]]
    )


def test_feature_terms(explanation, omega):
    for i, (winner, rival) in enumerate(explanation.deciding):
        expected = naive_terms(omega, X[i], W[rival])
        expected -= naive_terms(omega, X[i], W[winner])
        assert_allclose(explanation.feature_terms[i], expected, atol=1e-12)


def test_top_features(explanation):
    size = np.abs(explanation.feature_terms)
    assert explanation.top_features(2).shape == (12, 2)
    assert explanation.top_features(9).shape == (12, 4)
    for i, chosen in enumerate(explanation.top_features(9)):
        assert_array_equal(size[i, chosen], np.sort(size[i])[::-1])
    with pytest.raises(ValueError, match="k=0 must be at least 1"):
        explanation.top_features(0)


def test_indexing_keeps_every_array(explanation):
    e = explanation
    for rows in (3, -1, slice(2, 5), [1, 7], np.arange(12) > 8):
        part, i = e[rows], np.atleast_1d(np.arange(12)[rows])
        assert type(part) is NearestPrototypeExplanation
        for name in ("X", "scores", "feature_terms", "winning_prototypes", "deciding"):
            assert_array_equal(getattr(part, name), getattr(e, name)[i])
        assert_array_equal(part.winning_distances, e.winning_distances[i])
        assert_array_equal(part.decision_values, e.decision_values[i])
        assert_array_equal(part.row_indices, i)
        assert part.decision == DECISION
    assert [type(row) for row in e] == [NearestPrototypeExplanation] * 12
    with pytest.raises(IndexError):
        e[12]


def test_is_an_explanation(explanation):
    assert isinstance(explanation, Explanation)
    expected = "NearestPrototypeExplanation(12 rows, 4 classes, 6 prototypes)"
    assert repr(explanation) == expected
    with pytest.raises(AttributeError):
        explanation.feature_terms = None
    frame = explanation.to_frame()
    groups = frame.groupby(["row", "class"], sort=False)
    total = groups["contribution"].sum() + groups["baseline"].first()
    # In the order of the rows and classes.
    assert_allclose(total.to_numpy().reshape(12, 4), explanation.scores)


# ------------------------------------------------------------------------- tables


def test_features_to_frame(explanation):
    e = explanation
    frame = e[[3, 7]].features_to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == [
        "row",
        "prediction",
        "rival",
        "feature",
        "value",
        "winner_prototype_value",
        "rival_prototype_value",
        "term",
    ]
    assert frame["row"].tolist() == [3] * 4 + [7] * 4
    for i, lines in frame.groupby("row"):
        winner, rival = e.deciding[i]
        assert set(lines["prediction"]) == {CLASSES[OWNERS[winner]]}
        assert set(lines["rival"]) == {CLASSES[OWNERS[rival]]}
        assert lines["feature"].tolist() == NAMES.tolist()
        assert_array_equal(lines["value"], X[i])
        assert_array_equal(lines["winner_prototype_value"], W[winner])
        assert_array_equal(lines["rival_prototype_value"], W[rival])
        assert lines["term"].sum() == pytest.approx(
            e.scores[i].max() - np.sort(e.scores[i])[-2]
        )


# -------------------------------------------------------------------------- words


def test_sentence(explanation, omega):
    sq, _, _ = brute_force(omega)
    for i in (0, 5):
        winner = sq[i].argmin()
        rival = np.where(OWNERS[winner] == OWNERS, np.inf, sq[i]).argmin()
        text, label = str(explanation[i]), CLASSES[OWNERS[winner]]
        assert text.startswith(f"Row {i} is classified as {label!r}: its closest ")
        assert f"of {label!r}, prototype {winner}, is at {sq[i, winner]:.3g}" in text
        other = CLASSES[OWNERS[rival]]
        assert (
            f"the runner-up {other!r}, prototype {rival}, at {sq[i, rival]:.3g}" in text
        )
        lead = sq[i, rival] - sq[i, winner]
        assert f"The {DECISION}, {lead:.3g}, is mostly made of " in text
        terms = explanation.feature_terms[i]
        largest = np.abs(terms).argmax()
        assert f"made of {NAMES[largest]} ({terms[largest]:+.3g}), " in text
    assert len(str(explanation).splitlines()) == 11


def test_sentence_of_one_feature():
    squares = np.array([[1.0, 4.0]])
    e = NearestPrototypeExplanation(
        X=np.array([[1.0]]),
        classes=np.array([0, 1]),
        scores=-squares,
        contributions=nearest_contributions(squares, np.array([[0, 1]]), 2).values,
        baseline=np.zeros(2),
        similarities=np.exp(-squares),
        prototypes=np.array([[0.0], [3.0]]),
        prototype_labels=np.array([0, 1]),
        feature_names=np.array(["x0"]),
        row_indices=np.arange(1),
        winning_prototypes=np.array([[0, 1]]),
        winning_distances=squares,
        feature_terms=np.array([[3.0]]),
        decision="difference of the distances",
    )
    assert str(e) == (
        "Row 0 is classified as class 0: its closest prototype of class 0, prototype "
        "0, is at 1, and that of the runner-up class 1, prototype 1, at 4. The "
        "difference of the distances, 3, is mostly made of x0 (+3)."
    )


def test_a_mixture_claims_no_lead_of_scores(explanation):
    """Posteriors of whole classes differ by another number than the terms add up to."""
    posterior = np.array([0.3, 0.25, 0.0, 0.45])
    sq = explanation.winning_distances[:1]
    mixture = replace(
        explanation[0], scores=posterior[None], decision="log-ratio of the densities"
    )
    assert_array_equal(mixture.deciding, explanation.winning_prototypes[:1, [3, 0]])
    assert_allclose(mixture.deciding_distances, sq[:, [3, 0]])
    total = explanation.feature_terms[0].sum()
    assert f"The log-ratio of the densities, {total:.3g}, is mostly" in str(mixture)
    assert "0.15" not in str(mixture)  # The lead of the scores.


# -------------------------------------------------------------------------- cards


def test_html(explanation):
    html = explanation[:3]._repr_html_()
    assert "<b>" not in html
    tree = ET.fromstring(html)
    tables = tree.findall(".//table")
    assert len(tables) == 3
    for i, table in enumerate(tables):
        head, *lines = table.findall("tr")
        headings = [cell.text for cell in head.findall("th")]
        two = [
            f"prototype {j} of {CLASSES[OWNERS[j]]!r}" for j in explanation.deciding[i]
        ]
        assert headings[1:4] == ["this row", *two]
        assert len(lines) == 4
        for line, f in zip(lines, explanation.top_features(4)[i], strict=True):
            cells = [cell.text for cell in line.findall("td")]
            samples = X[i], *W[explanation.deciding[i]]
            assert cells[0] == NAMES[f]
            assert cells[1:4] == [f"{sample[f]:.3g}" for sample in samples]
            assert cells[5] == f"{explanation.feature_terms[i, f]:+.3g}"


# ------------------------------------------------------------------------ pictures


def test_plot(explanation):
    e = explanation
    figure = e.plot(4, k=2)
    *samples, lower = figure.axes
    shown = [X[4], *W[e.deciding[4]]]
    assert len(samples) == 3
    for ax, values in zip(samples, shown, strict=True):
        assert_allclose([bar.get_width() for bar in ax.patches], values)
    for ax, j, away in zip(
        samples[1:], e.deciding[4], e.deciding_distances[4], strict=True
    ):
        title = f"prototype {j} {CLASSES[OWNERS[j]]!r} squared distance {away:.3g}"
        assert " ".join(ax.get_title().split()) == title
    *sizes, total = [bar.get_width() for bar in lower.patches]
    assert total == pytest.approx(e.decision_values[4])
    assert_allclose(sizes[:2], e.feature_terms[4, e.top_features(2)[4]])
    assert len(sizes) == 3
    assert sum(sizes) == pytest.approx(e.decision_values[4])
    names = [text.get_text().replace("\\$", "$") for text in lower.get_yticklabels()]
    assert names == [*NAMES[e.top_features(2)[4]], "other features", DECISION]


def test_plot_of_every_feature_has_no_rest(explanation):
    lower = explanation.plot(0, k=4).axes[-1]
    assert "other features" not in [t.get_text() for t in lower.get_yticklabels()]
    sizes = [bar.get_width() for bar in lower.patches[:-1]]
    assert sum(sizes) == pytest.approx(explanation.decision_values[0])


def test_plot_of_features_that_share_a_name(explanation):
    same = replace(explanation, feature_names=np.array(["x"] * 4))
    sizes = [bar.get_width() for bar in same.plot(0, k=4).axes[-1].patches[:-1]]
    assert_allclose(np.sort(sizes), np.sort(explanation.feature_terms[0]))


def test_plot_as_images(explanation):
    e = explanation
    figure = e.plot(2, image_shape=(2, 2))
    pictures = [ax.images[0] for ax in figure.axes[:4]]
    shown = [X[2], *W[e.deciding[2]], e.feature_terms[2]]
    for picture, values in zip(pictures, shown, strict=True):
        assert_array_equal(picture.get_array(), values.reshape(2, 2))
    # Zero is in the middle of the colours.
    low, high = pictures[-1].get_clim()
    assert -low == high == pytest.approx(np.abs(e.feature_terms[2]).max())
    with pytest.raises(ValueError, match=r"image_shape=\(3, 3\).*4 numbers"):
        e.plot(0, image_shape=(3, 3))


def test_plot_adds_up_channels(explanation):
    figure = explanation.plot(2, image_shape=(1, 1, 4))
    shown = figure.axes[3].images[0].get_array()
    assert shown.shape == (1, 1)
    assert shown[0, 0] == pytest.approx(explanation.decision_values[2])


def test_plot_leaves_pyplot_alone(explanation, tmp_path):
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    explanation.plot(0).savefig(tmp_path / "features.png")
    explanation.plot(0, image_shape=(2, 2)).savefig(tmp_path / "picture.png")
    assert plt.get_fignums() == before


# --------------------------------------------------------------- classes of nothing


def test_one_class_with_prototypes_leaves_nothing_to_compare():
    scores = np.array([[-1.0, -np.inf], [-2.0, -np.inf]])
    for winning in ([[0, -1], [0, -1]], [[-1, -1], [-1, 0]]):
        with pytest.raises(ValueError, match=r"winning_prototypes\[0\]=\["):
            deciding_prototypes(scores, np.array(winning))


def test_ties_go_to_the_first_class():
    scores = np.array([[-1.0, -1.0, -1.0], [-2.0, -1.0, -1.0], [-1.0, -2.0, -1.0]])
    found = deciding_prototypes(scores, np.tile([10, 20, 30], (3, 1)))
    assert_array_equal(found, [[10, 20], [20, 30], [10, 30]])
    assert_array_equal(found[:, 0] // 10 - 1, scores.argmax(1))
