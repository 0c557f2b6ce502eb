"""Properties of the heads for any parameters and any similarities."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from sklearn_proto import _functional as functional
from sklearn_proto._modules import (
    IndefiniteReasoning,
    NormalizedWeights,
    SignedReasoning,
)
from sklearn_proto.explain import agreement_contributions

K, C, Q, N = 3, 2, 2, 4
quick = settings(max_examples=60, deadline=None)
# Beyond +-300 a softmax is one-hot; widths and distances span many magnitudes.
logits = st.floats(-300, 300)
phis = arrays(np.float64, (N, K), elements=st.floats(0, 1))
signed_logits = arrays(np.float64, (C, Q, 2 * K), elements=logits)


def t(array):
    return torch.as_tensor(np.asarray(array), dtype=torch.float64)


def head_with(Head, **parameters):
    concepts = 1 if Head is NormalizedWeights else Q
    head = Head(torch.zeros(C, concepts, K, dtype=torch.float64))
    with torch.no_grad():
        for name, value in parameters.items():
            getattr(head, name).copy_(t(value))
    return head


def assert_agreements(head, phi):
    with torch.no_grad():
        scores = head.affine().scores(t(phi)).numpy()
    assert (scores >= -1e-12).all()
    assert (scores <= 1 + 1e-12).all()


@quick
@given(signed_logits, phis)
def test_signed_agreements_are_probabilities(values, phi):
    head = head_with(SignedReasoning, logits=values)
    assert_agreements(head, phi)
    reasoning = head.arrays()["reasoning_"]
    assert (reasoning >= 0).all()
    np.testing.assert_allclose(reasoning.sum(axis=(-2, -1)), 1.0, rtol=1e-12)


@quick
@given(
    arrays(np.float64, (C, Q, K, 3), elements=st.floats(-20, 20)),
    arrays(np.float64, K, elements=st.floats(-20, 20)),
    phis,
)
def test_indefinite_agreements_are_probabilities(values, prior, phi):
    head = head_with(IndefiniteReasoning, logits=values, prior_logits=prior)
    assert_agreements(head, phi)
    found = head.arrays()
    np.testing.assert_allclose(found["reasoning_"].sum(axis=(-2, -1)), 1, rtol=1e-9)
    np.testing.assert_allclose(found["requiredness_"].sum(-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(found["component_prior_"].sum(), 1.0, rtol=1e-12)


@quick
@given(arrays(np.float64, (C, K), elements=logits), phis)
def test_normalized_weights_are_convex(values, phi):
    head = head_with(NormalizedWeights, logits=values)
    assert_agreements(head, phi)
    np.testing.assert_allclose(head.arrays()["coef_"].sum(1), 1.0, rtol=1e-12)
    assert (head.arrays()["coef_"] >= 0).all()
    assert (head.arrays()["intercept_"] == 0).all()


@quick
@given(signed_logits, phis)
def test_four_evidence_terms_share_out_the_whole(values, phi):
    reasoning = head_with(SignedReasoning, logits=values).arrays()["reasoning_"]
    parts = agreement_contributions(phi, reasoning)
    terms = parts.evidence
    for term in terms.values():
        assert (term >= 0).all()
    agreed = terms["positive_agreement"] + terms["negative_agreement"]
    disagreed = terms["positive_disagreement"] + terms["negative_disagreement"]
    np.testing.assert_allclose(agreed, parts.values, rtol=1e-12)
    np.testing.assert_allclose((agreed + disagreed).sum(-1), 1.0, rtol=1e-12)
    with torch.no_grad():
        affine = head_with(SignedReasoning, logits=values).affine()
        best = functional.best_of_class(affine.scores(t(phi))).numpy()
    np.testing.assert_allclose(agreed.sum(-1) + parts.baseline, best, atol=1e-12)


@quick
@given(
    arrays(np.float64, (N, K), elements=st.floats(0, 1e12)),
    arrays(np.float64, K, elements=st.floats(1e-6, 1e6)),
    st.sampled_from(["sqeuclidean", "euclidean", "tangent"]),
)
def test_similarities_are_in_the_unit_interval(sq, sigma, metric):
    phi = functional.similarities(t(sq), t(sigma), metric).numpy()
    assert ((phi >= 0) & (phi <= 1)).all()
    assert (phi[sq == 0] == 1).all()
    shared = functional.similarities(t(sq), t(sigma), metric, normalized=True).numpy()
    assert ((shared >= 0) & (shared <= 1)).all()
    np.testing.assert_allclose(shared.sum(1), 1.0, rtol=1e-12)


@quick
@given(
    arrays(np.float64, (N, 4), elements=st.floats(-1e6, 1e6)),
    arrays(np.float64, (K, 4), elements=st.floats(-1e6, 1e6)),
)
def test_squared_distances_are_never_negative(x, w):
    assert (functional.squared_distances(t(x), t(w)) >= 0).all()


@quick
@given(arrays(np.float64, (N, C), elements=st.floats(-5, 5)), st.floats(0.01, 100))
def test_log_loss_is_the_likelihood(scores, temperature):
    """Of the probabilities that predict_proba reports."""
    from types import SimpleNamespace

    from sklearn_proto._losses import log_loss

    outputs = SimpleNamespace(scores=t(scores), temperature=t(temperature))
    p = softmax(scores / temperature, axis=1)
    np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-12)
    for c in range(C):
        y = torch.full((N,), c)
        expected = np.exp(-log_loss(outputs, y).numpy())
        np.testing.assert_allclose(expected, p[:, c], rtol=1e-9)
