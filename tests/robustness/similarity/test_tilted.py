"""The tilted bound: exact for two terms, and below every flip by brute force."""

import numpy as np
import pytest

from sklearn_proto import CBCClassifier
from sklearn_proto.robustness import certified_radius
from tests.data import three_classes
from tests.views import nearest_prototype


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_nearest_prototypes_get_the_distance_to_the_hyperplane(norm):
    """One concept per prototype with a weight of one: LVQ needs nothing of its own."""
    rng = np.random.default_rng(0)
    w, rows = rng.normal(size=(5, 3)), rng.normal(size=(30, 3))
    model = nearest_prototype(w)
    found = certified_radius(model, rows, norm=norm, method="tilted")
    dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
    for x, radius in zip(rows, found, strict=True):
        square = ((x - w) ** 2).sum(1)
        i = square.argmin()
        others = [j for j in range(5) if j != i]
        exact = min(
            (square[j] - square[i]) / (2 * np.linalg.norm(w[j] - w[i], ord=dual))
            for j in others
        )
        assert radius == pytest.approx(exact, rel=2e-4)
        assert radius <= exact


@pytest.mark.parametrize("norm", [1, 2, 3, np.inf])
def test_no_point_of_a_fine_grid_flips_within_the_radius(norm):
    X, y = three_classes()
    X = X[:, :2]
    model = CBCClassifier(2, max_iter=30, random_state=0).fit(X, y)
    rows = X[:8]
    radius = model.certified_radius(rows, norm=norm, method="tilted")
    assert (radius > 0).mean() > 0.7
    side = np.linspace(-1, 1, 201)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    grid = grid[np.linalg.norm(grid, norm, axis=1) <= 1]
    for x, size in zip(rows, radius, strict=True):
        assert (model.predict(x + size * grid) == model.predict([x])).all()


def test_terms_that_all_see_the_same_perturbation_cost_less():
    """Moving each distance alone is what it improves on."""
    X, y = three_classes()
    model = CBCClassifier(3, max_iter=30, random_state=0).fit(X, y)
    alone = model.certified_radius(X, method="interval")
    together = model.certified_radius(X, method="tilted")
    right = alone > 0
    assert np.median(together[right] / alone[right]) > 1.3
