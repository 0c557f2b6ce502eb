"""The bound at the vertices of the l1 ball, beside the best that it could be."""

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from sklearn_proto import RBFClassifier
from sklearn_proto.robustness._problem import certification_problem
from sklearn_proto.robustness._similarity import _vertices
from sklearn_proto.robustness._similarity._vertices import Vertices
from tests.data import three_classes

X, Y = three_classes()


def best_at_vertices(x, weights, w, width, size):
    """Minimum over means of vertices of log P, less the mean of log N."""
    vertices = size * np.vstack([np.eye(len(x)), -np.eye(len(x))])

    def log_sum(delta, signed):
        terms = (2.0 * delta @ (w - x).T - np.square(x - w).sum(1)) / width
        return logsumexp(terms, axis=-1, b=signed.clip(0.0))

    def gap(share):
        return log_sum(share @ vertices, weights) - share @ log_sum(vertices, -weights)

    n = len(vertices)
    one = {"type": "eq", "fun": lambda share: share.sum() - 1.0}
    start = np.full(n, 1.0 / n)
    return minimize(gap, start, bounds=[(0, 1)] * n, constraints=one, tol=1e-10).fun


def test_the_best_tangent_at_the_vertices_is_nearly_found():
    w = np.random.default_rng(2).normal(size=(6, 3))
    model = RBFClassifier(2, max_iter=1, random_state=0).fit(X[:, :3], Y)
    model.prototypes_, model.sigma_ = w, np.full(6, 1.5)
    model.coef_ = np.array(
        [[2.0, 2, 2, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1]]
    )
    model.intercept_ = np.zeros(3)
    rows = (w[:3] + w[:3].mean(0)) / 2
    assert (model.predict(rows) == model.classes_[0]).all()
    ball = {"norm": 1, "bounds": None, "feature_scale": None}
    ((_, batch),) = certification_problem(model, rows, **ball).batches()
    index = batch.gap_index()
    gaps = batch.gaps(index)
    found = Vertices().radius(gaps).numpy()
    for i, row in enumerate(index.row):
        asked = rows[row], gaps.weights[i].numpy(), w, 1.5
        assert best_at_vertices(*asked, found[i]) > -1e-6
        assert best_at_vertices(*asked, 1.02 * found[i]) < 0


def test_one_helpful_term_makes_the_bound_at_the_vertices_exact():
    """Then the log-ratio is concave: it is least at a vertex, nothing is lost."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(6, 3))
    model = RBFClassifier(2, max_iter=1, random_state=0).fit(X[:, :3], Y)
    model.prototypes_, model.sigma_ = w, rng.uniform(0.5, 0.6, 6)
    model.sigma_[0] = 0.5
    model.coef_ = np.vstack([[3, 0, 0, 0, 0, 0], rng.uniform(0, 1, (2, 6))])
    model.coef_[1:, 0] = 0.0
    model.intercept_ = np.zeros(3)
    rows = w[0] + 0.1 * rng.normal(size=(20, 3))
    assert (model.predict(rows) == model.classes_[0]).all()
    found = model.certified_radius(rows, norm=1, method="vertices")
    exact, sizes = np.full(len(rows), np.inf), np.linspace(0, 4, 8001)
    for vertex in (*np.eye(3), *-np.eye(3)):
        moved = rows + sizes[:, None, None] * vertex
        lost = (model.predict(moved.reshape(-1, 3)) != model.classes_[0]).reshape(
            moved.shape[:2]
        )
        first = np.where(lost.any(axis=0), sizes[lost.argmax(axis=0)], np.inf)
        exact = np.minimum(exact, first)
    assert np.isfinite(exact).all()
    np.testing.assert_allclose(found, exact, atol=6e-4)
    assert (found <= exact).all()


def test_a_box_limits_what_a_vertex_counts():
    loss = torch.tensor([[4.0, 1.0, 2.0, -9.0], [4.0, 1.0, 2.0, -9.0]])
    slack = torch.tensor([[0.25, 9.0, 0.5, 9.0], [9.0, 9.0, 9.0, 9.0]])
    most, worst = _vertices._most_lost(loss, slack)
    # 4 / 4 + 2 / 2 + 1 / 4, and 4.
    torch.testing.assert_close(most, torch.tensor([2.25, 4.0]))
    assert worst.tolist() == [0, 0]
    most, worst = _vertices._most_lost(loss - 5.0, None)
    assert most.tolist() == [0.0, 0.0]
    assert worst.tolist() == [0, 0]
