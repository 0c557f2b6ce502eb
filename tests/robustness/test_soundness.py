"""What once broke a certificate: rounding, signed zeros, norms and scales."""

import copy
import functools

import mpmath
import numpy as np
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto._functional import lp_distances, lp_norm
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness import affine_preprocessing, certified_radius
from sklearn_proto.robustness._enclosure import not_beyond
from tests.breadth import quick_are
from tests.robustness.similarity.test_random_certificates import methods_of
from tests.views import ViewClassifier, nearest_prototype

NORMS = [1, 1.05, 1.5, 2, 2.001, 2.5, 3, 10, np.inf]
X, Y = load_wine(return_X_y=True)
X = X[::3] / X.std(axis=0)
Y = Y[::3]


def every_method(model, rows, norm):
    return [*methods_of(model, rows, norm=norm), "auto", "exact"]


@pytest.mark.slow
@pytest.mark.parametrize("norm", [1, 1.5, 2, 3, np.inf])
def test_rows_on_prototypes(norm):
    """Where the slope of a log-ratio is 0, its curvature decides alone."""
    w = np.array([[1.0, 1.3], [-0.9, 0.8], [0.4, 0.2], [-0.3, 0.2], [-0.2, 0.4]])
    w = np.vstack([w, [[1.03, 0.64]]])
    coefficients = np.zeros((2, 1, 6))
    coefficients[0, 0, 5] = coefficients[1, 0, :5] = 1
    model = ViewClassifier(
        SimilarityView(
            w, np.full(6, 0.09), coefficients, np.zeros((2, 1)), "sqeuclidean"
        )
    )
    rng = np.random.default_rng(0)
    lines = np.vstack([w[:, None] - w, rng.normal(size=(400, 2))[:, None] + 0 * w])
    lines = lines.reshape(-1, 2)
    lines = lines[np.abs(lines).max(1) > 0]
    lines /= np.linalg.norm(lines, norm, axis=1)[:, None]
    label = model.predict(w)
    for method in every_method(model, w, norm):
        radius = certified_radius(model, w, norm=norm, method=method)
        for share in (0.6, 0.8, 0.9, 0.97, 0.999):
            moved = w[:, None] + share * radius[:, None, None] * lines
            found = model.predict(moved.reshape(-1, 2)).reshape(len(w), -1)
            assert (found == label[:, None]).all(), (method, share)


@pytest.mark.parametrize("far", [1.0, 1e4, 1e7])
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean"])
def test_rows_nearly_on_a_prototype_while_another_is_far(far, metric):
    w = np.array([[0.0], [1.0], [far]]) - far / 3
    coefficients = np.eye(2, 3)[:, None]
    view = SimilarityView(w, np.ones(3), coefficients, np.zeros((2, 1)), metric)
    model = ViewClassifier(view)
    rows = w[0] + 10 ** np.random.default_rng(0).uniform(-8, -3, (60, 1))
    truth = (w[0, 0] + w[1, 0]) / 2 - rows[:, 0]
    for method in every_method(model, rows, 2):
        assert (certified_radius(model, rows, method=method) <= truth).all(), method


@pytest.mark.parametrize("n", quick_are([1], [1, 25, 26]))
def test_prototypes_that_nearly_coincide_in_batches_of_any_size(n):
    gap, rng = 1e-7, np.random.default_rng(0)
    view = SimilarityView(
        np.array([[0.0, 0], [gap, 0], [25, 1]]),
        np.ones(3),
        np.eye(2, 3)[:, None],
        np.zeros((2, 1)),
        "sqeuclidean",
    )
    model = ViewClassifier(view)
    rows = np.c_[-(10 ** rng.uniform(-4, -1, n)), rng.normal(size=n) * 1e-3]
    truth = gap / 2 - rows[:, 0]
    for method in every_method(model, rows, 2):
        assert (certified_radius(model, rows, method=method) <= truth).all(), method


@functools.cache
def plain():
    model = make_pipeline(StandardScaler(), RBFClassifier(max_iter=30, random_state=0))
    return model.fit(X, Y)


@functools.cache
def radii_in_the_first_unit(norm):
    """Radii of some rows by every method."""
    model, some = plain(), X[::10]
    methods = methods_of(model, some, norm=norm)
    return {m: certified_radius(model, some, norm=norm, method=m) for m in methods}


@pytest.mark.parametrize("norm", quick_are([1, 2, np.inf], NORMS))
@pytest.mark.parametrize("scale", quick_are([1e150], [1e-150, 1e-12, 1e9, 1e150]))
def test_the_unit_of_the_features_is_the_unit_of_the_radius(norm, scale):
    """Scaled back by a pipeline the model is the same, whatever the unit."""
    model = plain()
    scaled = copy.deepcopy(model)
    scaled[0].mean_, scaled[0].scale_ = model[0].mean_ * scale, model[0].scale_ * scale
    some = X[::10]
    for method, expected in radii_in_the_first_unit(norm).items():
        found = certified_radius(scaled, some * scale, norm=norm, method=method)
        np.testing.assert_allclose(found, expected * scale, rtol=1e-6)
    others = [X[model.predict(X) != label] for label in model.predict(some)]
    nearest = [
        np.linalg.norm(o - x, norm, axis=1).min()
        for o, x in zip(others, some, strict=True)
    ]
    radius = certified_radius(scaled, some * scale, norm=norm) / scale
    assert (radius <= nearest).all()
    assert np.median(radius) > 0


@pytest.mark.slow
@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_budgets_of_features_that_are_far_from_the_origin(norm):
    """The digits of differences survive a map that is applied to them alone."""
    for away in (0.0, 1e5, 1e9):
        model = nearest_prototype(np.array([[-1.0, 0.5], [1.0, 0.0]]) + away)
        budget = np.array([0.3, 2.0])
        rng = np.random.default_rng(1)
        rows = away + rng.normal(size=(6, 2))
        for method in every_method(model, rows, norm):
            radius = certified_radius(
                model, rows, norm=norm, method=method, feature_scale=budget
            )
            w = model.prototypes_
            middle = [float(m) for m in w.mean(0)]
            step = w[1] - w[0]
            dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
            span = np.linalg.norm(step * budget, dual)
            with mpmath.workdps(60):
                truth = [
                    abs(
                        sum(
                            mpmath.mpf(s) * (mpmath.mpf(x) - m)
                            for s, x, m in zip(step, row, middle, strict=True)
                        )
                    )
                    / mpmath.mpf(span)
                    for row in rows
                ]
            assert (radius <= np.array(truth, dtype=float) * (1 + 1e-14)).all()
            if method == "auto":
                assert np.median(radius) > 0.1


@pytest.mark.parametrize("width", quick_are([1e-40, 1.0], [1e-40, 1e-12, 1.0, 1e12]))
def test_widths_of_any_size(width):
    """The bisector does not depend on it."""
    model = nearest_prototype([[-1.0, 0.5], [1.0, 0.0]], sigma=width)
    rows = np.random.default_rng(0).normal(size=(10, 2))
    step = np.array([2.0, -0.5])
    truth = np.abs((rows - [0.0, 0.25]) @ step) / np.linalg.norm(step)
    for method in every_method(model, rows, 2):
        assert (certified_radius(model, rows, method=method) <= truth).all(), method


def test_a_boundary_so_far_out_that_rounding_grows_on_the_way():
    """Near a boundary at 1e6 scales, similarities are off by far more than here."""
    width, ratio = 1e6, 3.0
    coefficients = np.array([[[1.0, 0.0]], [[0.0, ratio]]])
    view = SimilarityView(
        np.array([[1.0], [-1.0]]),
        np.full(2, width),
        coefficients,
        np.zeros((2, 1)),
        "sqeuclidean",
        normalized=True,
    )
    model = ViewClassifier(view)
    rows = np.array([[0.0], [-1.0], [10.0]])
    # phi_1 / phi_2 = exp(4 x / width)
    truth = width * np.log(ratio) / 4 - rows[:, 0]
    for method in ("auto", "trust_region", "tilted", "second_order", "exact"):
        radius = certified_radius(model, rows, method=method)
        assert (radius < truth).all()
        assert (radius > 1).all()
        for less in (0.0, 1e-15, 1e-12, 1e-9):
            moved = rows + (radius * (1 - less))[:, None]
            assert (model.predict(moved) == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", [RBFClassifier, CBCClassifier])
def test_a_radius_hardly_depends_on_the_rows_beside_it(Estimator):
    """By how much the guide states: products of matrices have other last digits."""
    model = Estimator(2, max_iter=50, random_state=0).fit(X, Y)
    rows = np.vstack([X[::2], X[::2] + 1e-3])
    for method in ("auto", "tilted", "second_order", "interval"):
        together = certified_radius(model, rows, method=method)
        for size in (1, 26):
            apart = [
                certified_radius(model, rows[i : i + size], method=method)
                for i in range(0, len(rows), size)
            ]
            rtol = 1e-3 if method == "auto" else 1e-9
            np.testing.assert_allclose(np.concatenate(apart), together, rtol=rtol)


@pytest.mark.parametrize("away", [0.0, 1e3, 1e8])
@pytest.mark.parametrize("make", [StandardScaler, MinMaxScaler, lambda: PCA(2)])
def test_rounding_of_the_steps_in_front(make, away):
    """Their map in 60 digits is within the bound, and the bound is of use."""
    shifted = X[:, :4] + away
    model = make_pipeline(make(), RBFClassifier(max_iter=3, random_state=0))
    model.fit(shifted, Y)
    step = model[0]
    made, bound = affine_preprocessing(model).transform_with_rounding(shifted)
    with mpmath.workdps(60):
        for row, z, most in zip(shifted, made, bound, strict=True):
            x = [mpmath.mpf(v) for v in row]
            if isinstance(step, PCA):
                off = [a - mpmath.mpf(m) for a, m in zip(x, step.mean_, strict=True)]
                exact = [
                    mpmath.fdot(zip(off, map(mpmath.mpf, c), strict=True))
                    for c in step.components_
                ]
            elif isinstance(step, MinMaxScaler):
                both = zip(x, step.scale_, step.min_, strict=True)
                exact = [a * mpmath.mpf(s) + mpmath.mpf(m) for a, s, m in both]
            else:
                both = zip(x, step.mean_, step.scale_, strict=True)
                exact = [(a - mpmath.mpf(m)) / mpmath.mpf(s) for a, m, s in both]
            error = mpmath.norm(
                [a - mpmath.mpf(b) for a, b in zip(exact, z, strict=True)]
            )
            assert error <= most
    assert bound.max() < 1e-12 * (1 + away)


def test_a_proof_beyond_a_change_is_an_error():
    upper = torch.tensor([1.0, 2.0])
    torch.testing.assert_close(
        not_beyond(upper, torch.tensor([0.5, 2.0])), torch.tensor([0.5, 2.0])
    )
    with pytest.raises(RuntimeError, match=r"row 1 .* certified up to 2\.5"):
        not_beyond(upper, torch.tensor([1.0, 2.5]))


def norm_in_60_digits(row, p):
    sizes = [abs(mpmath.mpf(float(v))) for v in row]
    if p == np.inf:
        return max(sizes)
    return mpmath.fsum(s ** mpmath.mpf(p) for s in sizes) ** (1 / mpmath.mpf(p))


@pytest.mark.parametrize("p", [1.0, 1.05, 2.0, 3.0, 21.0, 4002.0, np.inf])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_norms_of_rows_of_any_scale(p, dtype):
    rng = np.random.default_rng(0)
    scales = 10.0 ** rng.integers(-30, 30, size=(20, 1))
    rows = torch.as_tensor(rng.normal(size=(20, 5)) * scales).to(dtype)
    with mpmath.workdps(60):
        expected = [float(norm_in_60_digits(row, p)) for row in rows]
    rtol = 30 * torch.finfo(dtype).eps
    np.testing.assert_allclose(lp_norm(rows, p).double(), expected, rtol=rtol)
    if dtype == torch.float64:
        points = torch.zeros(1, 5, dtype=dtype)
        found = torch.stack([lp_distances(row[None], points, p)[0, 0] for row in rows])
        np.testing.assert_allclose(found, expected, rtol=rtol)
    assert lp_norm(torch.zeros(2, 3, dtype=dtype), p).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("p", [1.0, 2.0, 2.5, 21.0, 4002.0, np.inf])
def test_distances_of_many_rows_are_those_of_differences(p):
    rng = np.random.default_rng(0)
    points = torch.as_tensor(rng.normal(size=(40, 3)) + 100)
    step = torch.as_tensor(rng.normal(size=3)) * 1e-9
    found = lp_distances(points + step, points, p).diagonal()
    truth = lp_norm((points + step) - points, p)
    torch.testing.assert_close(found, truth, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("norm", [1, 2, 2.001, np.inf])
def test_a_budget_for_a_feature_that_the_model_does_not_see(norm):
    """No change within it moves the row: what leads does so for ever."""
    model = make_pipeline(
        ColumnTransformer([("kept", StandardScaler(), [0, 1])]),
        CBCClassifier(max_iter=5, random_state=0),
    ).fit(X[:, :3], Y)
    scale = np.array([0.0, 0.0, 2.0])
    for method in methods_of(model, X[:9, :3], norm=norm, feature_scale=scale):
        radius = certified_radius(
            model, X[:9, :3], norm=norm, method=method, feature_scale=scale
        )
        assert ((radius == np.inf) | (radius == 0)).all(), method
