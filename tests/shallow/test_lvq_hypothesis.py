"""Properties of learning vector quantisation for any numbers."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_proto import GLVQClassifier
from sklearn_proto._losses import glvq_loss, triplet_loss
from sklearn_proto._modules import Distances
from sklearn_proto._training import fit_temperature
from sklearn_proto.shallow._matrices import canonical
from tests import references

N, K, C, D = 5, 6, 3, 4
OWNERS = np.arange(K) % C
quick = settings(max_examples=60, deadline=None)
# Ties and zeros are likely, and magnitudes differ widely.
distances = arrays(
    np.float64, (N, K), elements=st.sampled_from([0.0, 1e-9, 0.5, 1.0, 2.0, 3e4, 1e9])
)
labels = arrays(np.int64, N, elements=st.integers(0, C - 1))
entries = st.floats(-3, 3, allow_subnormal=False)


def outputs(d):
    d = torch.as_tensor(d).clone().requires_grad_()
    return Distances(d, torch.as_tensor(OWNERS), torch.ones((), dtype=torch.float64))


def check_loss(loss, cost, d, y):
    out = outputs(d)
    found = loss(out, torch.as_tensor(y))
    expected = [
        cost(*references.own_and_rival(row, OWNERS, label))
        for row, label in zip(d, y, strict=True)
    ]
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    found.sum().backward()
    assert torch.isfinite(out.dissimilarities.grad).all()


@quick
@given(distances, labels, st.floats(0.1, 30))
def test_relative_distances(d, y, beta):
    for activation in ("identity", "sigmoid"):

        def loss(out, y, activation=activation):
            return glvq_loss(out, y, activation=activation, beta=beta)

        def cost(own, rival, activation=activation):
            return references.glvq_cost(own, rival, activation, beta)

        check_loss(loss, cost, d, y)


@quick
@given(distances, labels, st.floats(0, 10))
def test_triplets(d, y, margin):
    check_loss(
        lambda out, y: triplet_loss(out, y, margin=margin),
        lambda own, rival: references.triplet_cost(own, rival, margin),
        d,
        y,
    )


@quick
@given(distances, labels)
def test_the_closest_of_each_class(d, y):
    found = outputs(d).of_classes(C + 1).detach().numpy()
    expected = references.of_classes(d, OWNERS, range(C + 1))
    np.testing.assert_array_equal(found, expected)


@quick
@given(
    st.integers(1, D).flatmap(lambda r: arrays(np.float64, (r, D), elements=entries))
)
def test_one_form_for_equal_metrics(omega):
    """The same distances, from orthogonal rows in falling order of length."""
    form = canonical(omega)
    assert form.shape == omega.shape
    np.testing.assert_allclose(form.T @ form, omega.T @ omega, atol=1e-12)
    gram = form @ form.T
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-12)
    assert (np.diff(np.diag(gram)) <= 1e-12).all()


@quick
@given(
    arrays(np.float64, (N, C), elements=st.floats(-1e6, 1e6)),
    labels,
    arrays(np.float64, N, elements=st.floats(1e-3, 1e3)),
)
def test_any_scores_have_a_temperature(scores, y, weight):
    temperature = fit_temperature(scores, y, weight)
    assert 0 < temperature < np.inf
    found = references.smoothed_log_loss(scores, y, weight, temperature)
    spread = np.ptp(scores, axis=1).mean() or 1.0
    for other in spread * np.array([0.01, 1.0, 100.0]):
        # The search is for a local minimum of a function with a single one.
        worst = references.smoothed_log_loss(scores, y, weight, other)
        assert found <= worst + 1e-6 * max(1.0, abs(worst))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7)), min_size=1, max_size=12),
    st.integers(1, 3),
    st.lists(st.integers(0, 11), max_size=4),
)
def test_any_split_of_any_stream(rows, count, cuts):
    """Equal rows, single rows, absent classes: nothing is ever NaN."""
    y = np.array([label for label, _ in rows])
    X = np.array([[float(place), float(place % 3)] for _, place in rows])
    model = GLVQClassifier(count, random_state=0, learning_rate=0.1)
    for part in np.split(np.arange(len(y)), sorted(c for c in cuts if c < len(y))):
        if len(part):
            model.partial_fit(X[part], y[part], classes=[0, 1, 2])
            p = model.predict_proba(X)
            assert np.isfinite(p).all()
            np.testing.assert_allclose(p.sum(axis=1), 1.0)
    found = np.bincount(model.prototype_labels_, minlength=3)
    assert (found <= count).all()
    np.testing.assert_array_equal(found > 0, np.bincount(y, minlength=3) > 0)
