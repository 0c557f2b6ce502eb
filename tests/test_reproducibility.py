"""The same data gives the same model, however it is presented."""

import numpy as np
import pytest
import torch

from tests.breadth import quick_are
from tests.data import three_classes
from tests.instances import (
    CERTIFIED,
    INSTANCES,
    both_estimators,
    every_fit,
    instance,
)
from tests.test_common import assert_same_model

X, Y = three_classes()


@every_fit
def test_a_weight_is_a_number_of_rows(name):
    """Zero of them as well as two or three."""
    repeats = np.random.default_rng(0).integers(0, 4, len(X))
    assert set(repeats) == {0, 1, 2, 3}
    weighted = instance(name).fit(X, Y, sample_weight=repeats)
    repeated = instance(name).fit(np.repeat(X, repeats, axis=0), np.repeat(Y, repeats))
    assert_same_model(weighted, repeated)


@every_fit
def test_order_of_rows_does_not_matter(name, model):
    order = np.random.default_rng(1).permutation(len(X))
    assert_same_model(model, instance(name).fit(X[order], Y[order]))


@every_fit
def test_fit_is_deterministic_and_leaves_global_generators_alone(name, model):
    numpy_before = np.random.get_state(legacy=True)  # noqa: NPY002
    torch_before = torch.get_rng_state()
    again = instance(name).fit(X, Y)
    again.predict(X)
    again.explain(X)
    if name in CERTIFIED:
        again.certified_radius(X)
    numpy_after = np.random.get_state(legacy=True)  # noqa: NPY002
    np.testing.assert_array_equal(numpy_before[1], numpy_after[1])
    assert numpy_before[2] == numpy_after[2]
    assert torch.equal(torch_before, torch.get_rng_state())
    assert_same_model(model, again)


@both_estimators
def test_random_state_matters(Estimator):
    """Otherwise the test of determinism above would prove nothing."""
    models = [
        Estimator(2, init="random", max_iter=2, random_state=seed).fit(X, Y)
        for seed in (0, 1)
    ]
    assert not np.array_equal(models[0].prototypes_, models[1].prototypes_)


# The layers of a 1-Lipschitz network are large enough for threads, which add up in an
# order of their own.
@pytest.mark.parametrize(
    "name", quick_are(["rbf", "glvq"], [n for n in INSTANCES if "lipschitz" not in n])
)
def test_number_of_threads_does_not_matter(name, model):
    before = torch.get_num_threads()
    assert before == 1
    try:
        torch.set_num_threads(2)
        other = instance(name).fit(X, Y)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert_same_model(model, other)


@both_estimators
def test_class_weight_equals_sample_weight(Estimator):
    keep = np.flatnonzero((Y != 2) | (np.arange(len(Y)) % 3 == 0))
    rows, y = X[keep], Y[keep]
    counts = np.bincount(y)
    balanced = len(y) / (3 * counts)
    by_dict = {0: 1.0, 1: 2.5, 2: 0.5}
    for class_weight, per_class in (
        ("balanced", balanced),
        (by_dict, np.array([1.0, 2.5, 0.5])),
    ):
        options = {"max_iter": 30, "random_state": 0}
        one = Estimator(class_weight=class_weight, **options).fit(rows, y)
        two = Estimator(**options).fit(rows, y, sample_weight=per_class[y])
        np.testing.assert_allclose(
            one.predict_proba(rows), two.predict_proba(rows), rtol=1e-9
        )
        plain = Estimator(**options).fit(rows, y)
        assert not np.allclose(one.predict_proba(rows), plain.predict_proba(rows))


@both_estimators
def test_balanced_counts_sample_weights(Estimator):
    """Weight 2 is the row twice, also where class weights are counted from rows."""
    repeats = 1 + (Y == 0) * 3
    options = {"class_weight": "balanced", "max_iter": 30, "random_state": 0}
    weighted = Estimator(**options).fit(X, Y, sample_weight=repeats)
    repeated = Estimator(**options).fit(
        np.repeat(X, repeats, axis=0), np.repeat(Y, repeats)
    )
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-9
    )
