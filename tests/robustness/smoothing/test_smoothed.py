"""Randomized smoothing: its closed form on linear models, and its contract."""

import dataclasses
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binomtest, norm
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_proto import CBCClassifier, RBFClassifier
from sklearn_proto.robustness import (
    SmoothedClassifier,
    certified_accuracy_score,
    certified_radius,
    exact_radius,
)
from sklearn_proto.robustness._smoothing._votes import lower_confidence_bound
from tests.data import three_classes, two_classes

X, Y = three_classes()
TWO, SIGNS = two_classes()
NAMES = ["a", "b", "c", "d"]
QUICK = {"n_samples": 60, "n_samples_selection": 20, "random_state": 0}


class Halfspaces(ClassifierMixin, BaseEstimator):
    """Class 1 where ``coef @ x + intercept > 0``; records what it is asked."""

    def __init__(self, coef=(1.0, 0.0), intercept=0.0):
        self.coef = coef
        self.intercept = intercept

    def fit(self, _X, _y):
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = len(self.coef)
        self.seen_ = []
        return self

    def predict(self, X):
        self.seen_.append(X.copy())
        return (X @ np.asarray(self.coef) + self.intercept > 0).astype(int)

    def distance(self, X):
        w = np.asarray(self.coef)
        return np.abs(X @ w + self.intercept) / np.linalg.norm(w)


def smoothed(estimator, X=X, y=Y, **parameters):
    return SmoothedClassifier(estimator, **{**QUICK, **parameters}).fit(X, y)


def smoothed_halfspace(d=3, **parameters):
    """A linear model in d dimensions whose normal has length 3."""
    w = np.random.default_rng(5).normal(size=d)
    linear = Halfspaces(tuple(3 * w / np.linalg.norm(w)), intercept=0.6)
    rows = np.zeros((2, d))
    return smoothed(linear, rows, [0, 1], **parameters)


def refused(words, function, *arguments, error=ValueError, **options):
    """All of the words are in the message."""
    with pytest.raises(error) as caught:
        function(*arguments, **options)
    for word in words:
        assert str(word) in str(caught.value)


# scikit-learn's own checks ------------------------------------------------------


@parametrize_with_checks(
    [
        SmoothedClassifier(LogisticRegression(), n_samples=50),
        SmoothedClassifier(LogisticRegression(), noise_augmentation=2, n_samples=50),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_tags_are_those_of_the_inner_estimator():
    inner = DecisionTreeClassifier()
    tags = get_tags(SmoothedClassifier(inner))
    assert tags.input_tags.allow_nan
    assert tags.classifier_tags is not None
    assert not get_tags(SmoothedClassifier(LogisticRegression())).input_tags.allow_nan
    rows = X.copy()
    rows[::7, 1] = np.nan
    model = smoothed(inner, rows)
    assert (model.certified_radius(rows) > 0).any()


# Against what is known in closed form -------------------------------------------


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.5])
@pytest.mark.parametrize("n", [1, 17, 1000])
def test_bound_is_the_one_sided_exact_interval(n, alpha):
    k = np.unique(np.linspace(0, n, 9).astype(int))
    for bound, successes in zip(lower_confidence_bound(k, n, alpha), k, strict=True):
        test = binomtest(int(successes), n, alternative="greater")
        expected = test.proportion_ci(1 - alpha, method="exact").low
        np.testing.assert_allclose(bound, expected, rtol=1e-8, atol=1e-14)


def test_bound_of_a_unanimous_vote():
    """P(all n votes) = p^n, so p^n = alpha at the bound."""
    np.testing.assert_allclose(
        lower_confidence_bound(np.array([0, 50]), 50, 0.01), [0, 0.01 ** (1 / 50)]
    )


@pytest.mark.parametrize("noise_std", [0.2, 1.0])
def test_votes_have_the_probability_of_a_halfspace(noise_std):
    """Phi(distance / noise_std), because a projection of the noise is normal."""
    n = 4000
    model = smoothed_halfspace(noise_std=noise_std, n_samples_selection=n)
    rows = np.random.default_rng(0).normal(scale=0.3, size=(60, 3))
    p = norm.cdf(model.estimator_.distance(rows) / noise_std)
    right = model.estimator_.predict(rows)
    share = model.predict_proba(rows)[np.arange(60), right]
    z = (share - p) / np.sqrt(p * (1 - p) / n)
    usual = p < 0.99
    assert np.abs(z[usual]).max() < 4.5
    # Rows have independent noise, so the deviations spread as independent ones do.
    assert 0.7 < z[usual].std() < 1.3
    assert abs(z[usual].mean()) < 0.6


@pytest.mark.parametrize("noise_std", [0.25, 1.0])
def test_radius_is_at_most_the_distance_to_the_hyperplane(noise_std):
    model = smoothed_halfspace(noise_std=noise_std, n_samples=500)
    rows = np.random.default_rng(1).normal(scale=2 * noise_std, size=(300, 3))
    certificate = model.certify(rows)
    exact = model.estimator_.distance(rows)
    assert (certificate.radius <= exact).mean() >= 1 - 0.01
    kept = ~certificate.abstained
    assert kept.mean() > 0.7
    np.testing.assert_array_equal(
        certificate.prediction[kept], model.estimator_.predict(rows)[kept]
    )


def test_the_bound_fails_as_often_as_alpha_allows():
    """With alpha = 0.3 about 30 % of the rows may exceed the exact distance."""
    model = smoothed_halfspace(noise_std=1.0, n_samples=100, alpha=0.3)
    rows = np.random.default_rng(2).normal(size=(1500, 3))
    exact = model.estimator_.distance(rows)
    rows, exact = rows[exact > 0.5], exact[exact > 0.5]
    failures = (model.certified_radius(rows) > exact).mean()
    deviation = np.sqrt(0.3 * 0.7 / len(rows))
    assert 0.1 < failures < 0.3 + 3 * deviation


def test_more_samples_come_near_the_distance():
    model = smoothed_halfspace(noise_std=1.0)
    rows = np.random.default_rng(3).normal(size=(40, 3))
    exact = model.estimator_.distance(rows)
    rows, exact = (
        rows[(exact > 0.5) & (exact < 1.5)],
        exact[(exact > 0.5) & (exact < 1.5)],
    )
    means = []
    for n in (100, 1000, 20_000):
        ratio = model.set_params(n_samples=n).certified_radius(rows) / exact
        means.append(ratio.mean())
    assert means == sorted(means)
    assert 0.9 < means[-1] < 1


def test_abstains_near_the_boundary_and_nowhere_far_from_it():
    model = smoothed_halfspace(noise_std=0.5, n_samples=400)
    w = np.asarray(model.estimator_.coef)
    boundary = -model.estimator_.intercept * w / (w @ w)
    steps = np.linspace(-1.5, 1.5, 31)
    certificate = model.certify(boundary + steps[:, None] * w / np.linalg.norm(w))
    assert certificate.abstained[np.abs(steps) < 0.01].all()
    assert not certificate.abstained[np.abs(steps) > 0.3].any()
    np.testing.assert_array_equal(certificate.abstained, certificate.p_lower <= 0.5)
    np.testing.assert_array_equal(certificate.radius == 0, certificate.abstained)


def test_nothing_is_certified_below_the_samples_that_alpha_needs():
    """alpha^(1/n) > 1/2 needs n > log2(1 / alpha): 10 votes for 0.001."""
    far = np.full((1, 3), 100.0)
    with pytest.warns(UserWarning, match=r"n_samples=9 .* alpha=0\.001.*n_samples=10"):
        nothing = smoothed_halfspace(n_samples=9, alpha=0.001)
    assert nothing.certify(far).abstained.all()
    assert not smoothed_halfspace(n_samples=10, alpha=0.001).certify(far).abstained[0]


@pytest.mark.parametrize("alpha", [0.5, 0.3, 0.25, 1e-3, 1e-9])
def test_the_warning_names_the_smallest_number_that_certifies(alpha):
    least = next(n for n in range(2, 99) if alpha ** (1 / n) > 0.5)
    with pytest.warns(UserWarning, match=f"at least n_samples={least}") as caught:
        smoothed_halfspace(n_samples=least - 1, alpha=alpha)
    assert caught[0].filename == __file__
    smoothed_halfspace(n_samples=least, alpha=alpha)


def test_largest_radius_is_that_of_a_unanimous_vote():
    model = smoothed_halfspace(noise_std=0.25, n_samples=1000, alpha=0.001)
    radius = model.certified_radius(np.full((1, 3), 100.0))
    expected = 0.25 * norm.ppf(0.001 ** (1 / 1000))
    np.testing.assert_allclose(radius, expected, rtol=1e-9)


def test_several_classes_are_certified_against_one_half():
    """Cells of width 1 along an axis: the probability of a cell is known."""

    class Cells(Halfspaces):
        def fit(self, X, y):
            super().fit(X, y)
            self.classes_ = np.arange(5)
            return self

        def predict(self, X):
            return np.clip(np.floor(X[:, 0]), 0, 4).astype(int)

    rows = np.column_stack([np.linspace(1.1, 3.9, 20), np.zeros(20)])
    model = smoothed(Cells(), [[0, 0], [1, 1]], [0, 1], n_samples=800, noise_std=0.4)
    certificate = model.certify(rows)
    cell = certificate.prediction
    x = rows[:, 0]
    p = norm.cdf((cell + 1 - x) / 0.4) - norm.cdf((cell - x) / 0.4)
    assert (certificate.p_lower <= p).mean() >= 0.95
    assert (certificate.radius <= np.maximum(0, 0.4 * norm.ppf(p))).mean() >= 0.95


# The contract of the methods ----------------------------------------------------


def test_certificate_is_frozen_and_complete():
    certificate = smoothed(GaussianNB()).certify(X)
    for field in ("prediction", "radius", "abstained", "p_lower"):
        assert getattr(certificate, field).shape == (len(X),)
    assert len(certificate) == len(X)
    assert certificate.abstained.dtype == bool
    with pytest.raises(dataclasses.FrozenInstanceError):
        certificate.radius = 0


@pytest.mark.parametrize("random_state", [0, None, np.random.RandomState(3)])
def test_methods_agree_about_the_class(random_state):
    model = smoothed(GaussianNB(), random_state=random_state, noise_std=2.0)
    certificate = model.certify(X)
    np.testing.assert_array_equal(certificate.prediction, model.predict(X))
    np.testing.assert_array_equal(certificate.radius, model.certified_radius(X))
    proba = model.predict_proba(X)
    np.testing.assert_array_equal(model.classes_[proba.argmax(1)], model.predict(X))
    np.testing.assert_allclose(proba.sum(1), 1)
    np.testing.assert_allclose(proba * 20, np.round(proba * 20), atol=1e-12)
    right = certificate.prediction == Y
    assert 0 < right.sum() < len(Y)
    expected = np.where(right, certificate.radius, 0)
    np.testing.assert_array_equal(model.certified_radius(X, Y), expected)


def test_selection_and_estimation_use_different_noise():
    model = smoothed_halfspace(n_samples=7, n_samples_selection=5, alpha=0.1)
    model.estimator_.seen_.clear()
    model.certify(np.array([[0.1, 0.2, 0.3]]))
    seen = np.vstack(model.estimator_.seen_)
    assert len(np.unique(seen, axis=0)) == 12
    model.estimator_.seen_.clear()
    model.predict(np.array([[0.1, 0.2, 0.3]]))
    np.testing.assert_array_equal(np.vstack(model.estimator_.seen_), seen[:5])


def test_rows_get_independent_noise():
    rows = np.random.default_rng(0).normal(size=(2, 3))
    model = smoothed_halfspace(n_samples_selection=5000, noise_std=0.5, batch_size=5000)
    model.estimator_.seen_.clear()
    model.predict(rows)
    first, second = (np.asarray(b) for b in model.estimator_.seen_)
    noise = np.hstack([first - rows[0], second - rows[1]]) / 0.5
    np.testing.assert_allclose(noise.mean(0), 0, atol=5 / np.sqrt(5000))
    np.testing.assert_allclose(np.cov(noise.T), np.eye(6), atol=0.1)


def test_norms():
    model = smoothed(GaussianNB())
    one, two, top = (model.certified_radius(X, norm=p) for p in (1, 2, np.inf))
    assert (two > 0).any()
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(top, two / np.sqrt(X.shape[1]))


def test_functions_of_the_package_take_it():
    model = smoothed(GaussianNB())
    radius = model.certified_radius(X, Y)
    np.testing.assert_array_equal(certified_radius(model, X, Y), radius)
    expected = (radius >= 0.1).mean()
    assert certified_accuracy_score(model, X, Y, 0.1) == expected
    box = X.min(axis=0), X.max(axis=0)
    np.testing.assert_array_equal(model.certified_radius(X, Y, bounds=box), radius)


# Reproducible, and the same however it is batched --------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 80, 81, 1000, 10**6])
def test_batches_do_not_matter(batch_size):
    rows = X[:12]
    expected = smoothed(GaussianNB(), noise_std=1.0).certify(rows)
    found = smoothed(GaussianNB(), noise_std=1.0, batch_size=batch_size).certify(rows)
    np.testing.assert_array_equal(found.prediction, expected.prediction)
    np.testing.assert_array_equal(found.p_lower, expected.p_lower)


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_no_more_noisy_rows_at_once_than_the_batch_size(batch_size):
    model = smoothed_halfspace(batch_size=batch_size)
    model.estimator_.seen_.clear()
    model.certify(np.random.default_rng(0).normal(size=(9, 3)))
    sizes = [len(batch) for batch in model.estimator_.seen_]
    assert max(sizes) <= batch_size
    assert sum(sizes) == 9 * (60 + 20)


def test_memory_does_not_grow_with_the_samples():
    rows = np.random.default_rng(0).normal(size=(4, 500))
    dummy = DummyClassifier().fit(rows, [0, 0, 1, 1])
    model = smoothed(FrozenEstimator(dummy), rows, [0, 0, 1, 1], n_samples=20_000)
    model.set_params(batch_size=200)
    tracemalloc.start()
    try:
        model.certify(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All the noise would be 320 MB, a batch of it is 0.8 MB.
    assert peak < 8 * 2**20


def test_other_rows_and_their_order_do_not_matter():
    model = smoothed(GaussianNB(), noise_std=1.5)
    whole = model.certify(X).p_lower
    np.testing.assert_array_equal(model.certify(X[::-1]).p_lower, whole[::-1])
    np.testing.assert_array_equal(model.certify(X[7:9]).p_lower, whole[7:9])
    np.testing.assert_array_equal(model.certify(X[[7, 7]]).p_lower, whole[[7, 7]])


def test_seeds():
    proba = [smoothed(GaussianNB(), random_state=s).predict_proba(X) for s in (0, 0, 1)]
    np.testing.assert_array_equal(proba[0], proba[1])
    assert (proba[0] != proba[2]).any()
    model = smoothed(GaussianNB(), random_state=None, noise_std=2.0)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    other = clone(model).fit(X, Y)
    assert (model.predict_proba(X) != other.predict_proba(X)).any()


def test_the_global_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    smoothed(GaussianNB(), random_state=0, noise_augmentation=1).certify(X)
    after = np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(after, before)


def test_float32_is_kept_for_the_inner_estimator():
    linear = Halfspaces()
    model = smoothed(linear, np.zeros((2, 2), np.float32), [0, 1])
    model.predict(np.ones((3, 2), np.float32))
    assert {batch.dtype for batch in model.estimator_.seen_} == {np.dtype("float32")}
    single = model.predict_proba(np.full((1, 2), 0.125, np.float32))
    double = model.predict_proba(np.full((1, 2), 0.125))
    np.testing.assert_array_equal(single, double)


def test_pickle():
    model = smoothed(GaussianNB(), random_state=None, noise_std=2.0)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.certify(X).p_lower, model.certify(X).p_lower)


# Any estimator ------------------------------------------------------------------


def test_prototypes_under_smoothing():
    model = smoothed(RBFClassifier(2, max_iter=30, random_state=0), noise_std=0.3)
    assert model.score(X, Y) > 0.8
    assert (model.certified_radius(X) > 0).mean() > 0.8


def test_a_provable_radius_is_a_lower_bound_on_agreement():
    """Inside the provable ball every vote agrees, so wide balls give full votes."""
    inner = CBCClassifier(2, max_iter=30, random_state=0).fit(X, Y)
    provable = inner.certified_radius(X)
    model = smoothed(FrozenEstimator(inner), noise_std=0.02)
    wide = provable > 0.02 * 6  # Less than one in 10^6 draws of 4 features is longer.
    assert wide.mean() > 0.5
    assert (model.predict_proba(X[wide]).max(axis=1) == 1).all()
    np.testing.assert_array_equal(model.predict(X[wide]), inner.predict(X[wide]))


def test_over_a_pipeline_radii_are_in_raw_units():
    """Stretching the features and the noise stretches the radii."""
    inner = make_pipeline(StandardScaler(), GaussianNB())
    radius = smoothed(inner, noise_std=0.5).certified_radius(X)
    stretched = smoothed(inner, 100 * X, noise_std=50.0).certified_radius(100 * X)
    # The noise is keyed by the values of the row, so it is not the same noise.
    np.testing.assert_allclose(stretched.mean() / 100, radius.mean(), rtol=0.1)


def test_over_and_inside_a_pipeline():
    cbc = CBCClassifier(max_iter=20, random_state=0)
    over = smoothed(make_pipeline(StandardScaler(), cbc))
    assert over.score(X, Y) > 0.7
    assert (over.certified_radius(X) > 0).mean() > 0.5
    inside = make_pipeline(StandardScaler(), SmoothedClassifier(cbc, **QUICK))
    inside.fit(X, Y)
    assert inside.score(X, Y) > 0.7
    scaled = inside[0].transform(X)
    np.testing.assert_array_equal(inside[-1].predict(scaled), inside.predict(X))


def test_frozen_estimator_is_not_fitted_again():
    inner = GaussianNB().fit(X, Y)
    model = smoothed(FrozenEstimator(inner), X[:5], Y[:5])
    assert model.estimator_.estimator is inner
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    same = smoothed(GaussianNB())
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))
    augmented = smoothed(FrozenEstimator(inner), noise_augmentation=2)
    np.testing.assert_array_equal(augmented.predict(X), model.predict(X))


@pytest.mark.parametrize("inner", [KNeighborsClassifier(3), GaussianNB()])
def test_one_class_is_nothing_to_certify(inner):
    words = ["SmoothedClassifier", "2 classes", "[7]"]
    refused(words, smoothed, inner, X, np.full(len(X), 7))


def test_a_frozen_estimator_knows_its_own_classes():
    inner = FrozenEstimator(GaussianNB().fit(X, Y))
    model = smoothed(inner, X[:1], Y[:1])
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


def test_fitted_estimator_is_cloned():
    inner = GaussianNB().fit(X[:, :2], Y)
    model = smoothed(inner)
    assert inner.n_features_in_ == 2
    assert model.estimator_.n_features_in_ == 4


@pytest.mark.parametrize(
    "labels", [["no", "yes"], [-1, 1], [False, True], [0.0, 2.0]], ids=str
)
def test_labels_of_any_type(labels):
    labels = np.asarray(labels)
    model = smoothed(GaussianNB(), TWO, labels[SIGNS])
    np.testing.assert_array_equal(model.classes_, labels)
    reference = smoothed(GaussianNB(), TWO, SIGNS).predict(TWO)
    np.testing.assert_array_equal(model.predict(TWO), labels[reference])
    assert model.certify(TWO).prediction.dtype == labels.dtype


def test_grid_search_over_inner_and_outer_parameters():
    grid = {"estimator__n_neighbors": [1, 5], "noise_std": [0.1, 0.5]}
    search = GridSearchCV(SmoothedClassifier(KNeighborsClassifier(), **QUICK), grid)
    assert search.fit(X, Y).best_score_ > 0.6


# Training -----------------------------------------------------------------------


def test_augmentation_adds_noisy_copies():
    class Recorder(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            self.rows_, self.labels_, self.weights_ = X, y, sample_weight
            return super().fit(X, y, sample_weight)

    weight = np.arange(1.0, len(X) + 1)
    model = SmoothedClassifier(Recorder(), noise_std=0.5, noise_augmentation=20)
    inner = model.set_params(random_state=0).fit(X, Y, sample_weight=weight).estimator_
    np.testing.assert_array_equal(inner.rows_[: len(X)], X)
    np.testing.assert_array_equal(inner.labels_, np.tile(Y, 21))
    np.testing.assert_array_equal(inner.weights_, np.tile(weight, 21))
    noise = inner.rows_[len(X) :] - np.tile(X, (20, 1))
    np.testing.assert_allclose(noise.mean(0), 0, atol=0.5 * 5 / np.sqrt(len(noise)))
    np.testing.assert_allclose(np.cov(noise.T), 0.25 * np.eye(4), atol=0.04)


def test_augmentation_helps_where_the_estimator_overfits():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2))
    labels = (rows[:, 0] > 0).astype(int)
    tree = DecisionTreeClassifier(min_samples_leaf=20, random_state=0)
    rows[:, 1] = 0.01 * labels  # A feature that the noise drowns.
    plain = smoothed(tree, rows, labels, noise_std=0.5)
    taught = smoothed(tree, rows, labels, noise_std=0.5, noise_augmentation=10)
    assert taught.score(rows, labels) > plain.score(rows, labels) + 0.1


def test_weights_reach_the_inner_estimator():
    weight = np.where(Y == 0, 2.0, 1.0)
    twice = np.concatenate([np.arange(len(Y)), np.flatnonzero(Y == 0)])
    weighted = SmoothedClassifier(GaussianNB(), **QUICK, noise_augmentation=2)
    repeated = clone(weighted).fit(X[twice], Y[twice])
    weighted.fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(weighted.estimator_.theta_, repeated.estimator_.theta_)
    # The parameters of a Pipeline pass through, and are repeated too.
    pipeline = clone(weighted).set_params(estimator=make_pipeline(GaussianNB()))
    pipeline.fit(X, Y, gaussiannb__sample_weight=weight)
    np.testing.assert_array_equal(
        pipeline.estimator_[-1].theta_, weighted.estimator_.theta_
    )


def test_metadata_routing():
    weight = np.where(Y == 0, 5.0, 1.0)
    with config_context(enable_metadata_routing=True):
        inner = GaussianNB().set_fit_request(sample_weight=True)
        for estimator in (inner, make_pipeline(StandardScaler(), inner)):
            scaler = StandardScaler().set_fit_request(sample_weight=False)
            if estimator is not inner:
                estimator.set_params(standardscaler=scaler)
            model = SmoothedClassifier(estimator, **QUICK)
            outer = make_pipeline(model).fit(X, Y, sample_weight=weight)
            fitted = outer[-1].estimator_
            fitted = fitted if estimator is inner else fitted[-1]
            np.testing.assert_allclose(fitted.class_prior_[0], 5 / 7)
        refusing = GaussianNB().set_fit_request(sample_weight=False)
        with pytest.raises(TypeError, match="sample_weight"):
            SmoothedClassifier(refusing).fit(X, Y, sample_weight=weight)


# Frames -------------------------------------------------------------------------


def frame(kind):
    return (
        pd.DataFrame(X, columns=NAMES) if kind == "pandas" else pl.DataFrame(X, NAMES)
    )


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_reach_the_inner_estimator(kind):
    """Warnings are errors here, so names must be right at every step."""
    rows = frame(kind)
    by_name = make_column_transformer((StandardScaler(), ["d", "a"]))
    inner = make_pipeline(by_name, GaussianNB())
    model = smoothed(inner, rows, noise_augmentation=1)
    assert list(model.feature_names_in_) == NAMES
    assert list(model.estimator_.feature_names_in_) == NAMES
    plain = smoothed(GaussianNB(), X[:, [3, 0]]).predict(X[:, [3, 0]])
    assert (model.predict(rows) == plain).mean() > 0.9
    assert (model.certified_radius(rows) > 0).any()


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_give_what_arrays_give(kind):
    model = smoothed(GaussianNB(), frame(kind))
    expected = smoothed(GaussianNB()).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(frame(kind)), expected)
    frozen = FrozenEstimator(GaussianNB().fit(frame(kind), Y))
    again = smoothed(frozen, frame(kind))
    np.testing.assert_array_equal(again.predict_proba(frame(kind)), expected)


def test_frames_whose_columns_are_numbers():
    rows = pd.DataFrame(X.astype(int), index=np.arange(len(X)) + 1000)
    model = smoothed(GaussianNB(), rows)
    assert not hasattr(model, "feature_names_in_")
    np.testing.assert_array_equal(model.predict(rows), model.predict(X.astype(int)))


# Bad input ----------------------------------------------------------------------

OUT_OF_RANGE = {
    "noise_std": [0.0, -1.0, np.nan, np.inf, None, "3"],
    "n_samples": [0, 2.5, None],
    "n_samples_selection": [0, -1],
    "alpha": [0.0, 1.0, np.nan],
    "noise_augmentation": [-1, 0.5],
    "batch_size": [0, "bogus"],
    "random_state": ["bogus"],
}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(p, v) for p, values in OUT_OF_RANGE.items() for v in values],
)
def test_parameter_out_of_range(parameter, value):
    bad = SmoothedClassifier(GaussianNB(), **{parameter: value})
    refused([parameter, value], bad.fit, X, Y)
    changed = smoothed(GaussianNB()).set_params(**{parameter: value})
    refused([parameter, value], changed.certify, X)


@pytest.mark.parametrize(
    "estimator", [LinearRegression(), StandardScaler(), "bogus", None, GaussianNB]
)
def test_not_a_classifier(estimator):
    refused(["estimator", "classifier"], SmoothedClassifier(estimator).fit, X, Y)


@pytest.mark.parametrize("norm", [0, 0.5, 3, -1, np.nan, "2", None, True, "fro"])
def test_norm(norm):
    model = smoothed(GaussianNB())
    words = ["norm", repr(norm), "1", "2", "inf"]
    refused(words, model.certified_radius, X, norm=norm)


def test_method_bounds_and_labels():
    radius = smoothed(GaussianNB()).certified_radius
    refused(["method", "'interval'", "smoothing"], radius, X, method="interval")
    refused(["bounds", "row"], radius, X, bounds=(0, 1))
    refused(["bounds", "lower <= upper"], radius, X, bounds=(1, 0))
    refused(["bounds", "(4,)"], radius, X, bounds=([0, 0], [1, 1]))
    refused(["bounds", "lower"], radius, X, bounds=3)
    refused(["y", "(50,)", "60 rows"], radius, X, Y[:50])


def test_rows():
    model = smoothed(GaussianNB())
    rows = X.copy()
    rows[3, 1] = np.nan
    methods = (
        model.predict,
        model.predict_proba,
        model.certify,
        model.certified_radius,
    )
    for method in methods:
        refused(["NaN", "X"], method, rows)
        refused(["3 features", "4 features"], method, X[:, :3])
    fit = SmoothedClassifier(GaussianNB(), noise_augmentation=1).fit
    refused(["continuous"], fit, X, Y + 0.5)
    refused(["sample_weight", "(50,)"], fit, X, Y, sample_weight=np.ones(50))


def test_not_fitted():
    model = SmoothedClassifier(GaussianNB())
    words = ["SmoothedClassifier", "fit"]
    for name in ("predict", "predict_proba", "certify", "certified_radius"):
        refused(words, getattr(model, name), X, error=NotFittedError)
    unfitted = SmoothedClassifier(FrozenEstimator(GaussianNB()))
    refused(["GaussianNB", "fit"], unfitted.fit, X, Y, error=NotFittedError)


def test_frozen_on_other_features():
    frozen = FrozenEstimator(GaussianNB().fit(X[:, :3], Y))
    words = ["4 features", "3 features", "estimator"]
    refused(words, SmoothedClassifier(frozen).fit, X, Y)


# Behind affine steps ------------------------------------------------------------

SCALES = np.array([0.5, 4.0, 10.0])


def stretched(steps, **parameters):
    """A vote behind steps, and the rows that it is fitted on."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 3)) / SCALES
    model = make_pipeline(*steps, smoothed_inner(**parameters))
    return model.fit(rows, np.arange(40) % 2), rows


def smoothed_inner(**parameters):
    return SmoothedClassifier(
        Halfspaces((1.0, 2.0, -1.0), 0.1), **{**QUICK, **parameters}
    )


def test_the_last_step_of_a_pipeline_is_certified_in_raw_units():
    model, rows = stretched([StandardScaler()])
    z, inner = model[0].transform(rows), model[-1]
    longest = (1 / model[0].scale_).max()
    expected = inner.certified_radius(z) / longest
    found = certified_radius(model, rows)
    assert (found > 0).any()
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (found <= expected).all()
    y = model.predict(rows)
    y[:20] = 1 - y[:20]
    held = certified_radius(model, rows, y)
    np.testing.assert_array_equal(held, np.where(np.arange(40) < 20, 0, found))
    # A box only leaves perturbations out; other norms through their l2 balls.
    box = rows.min(0), rows.max(0)
    np.testing.assert_array_equal(certified_radius(model, rows, bounds=box), found)
    sharper = certified_radius(model, rows, norm=np.inf)
    assert (sharper <= found).all()
    weights = 1 / model[0].scale_
    np.testing.assert_allclose(
        sharper, inner.certified_radius(z) / np.linalg.norm(weights), rtol=1e-9
    )
    budget = np.array([2.0, 1.0, 0.0])
    scaled = certified_radius(model, rows, feature_scale=budget)
    longest = (budget / model[0].scale_).max()
    np.testing.assert_allclose(scaled, inner.certified_radius(z) / longest, rtol=1e-9)


def test_behind_a_rotation_lengths_are_singular_values():
    model, rows = stretched([StandardScaler(), PCA(3)], noise_std=0.5)
    inner = model[-1].certified_radius(model[:-1].transform(rows))
    matrix = model[1].components_ / model[0].scale_
    expected = inner / np.linalg.norm(matrix, 2)
    np.testing.assert_allclose(certified_radius(model, rows), expected, rtol=1e-9)


def test_behind_other_steps_it_is_refused_in_a_true_sentence():
    model, rows = stretched([PolynomialFeatures(1, include_bias=False)])
    refused(["PolynomialFeatures", "affine"], certified_radius, model, rows)
    model, rows = stretched([StandardScaler()])
    words = ["SmoothedClassifier", "certified_radius of its own"]
    refused(words, exact_radius, model, rows, error=TypeError)
    refused(["method"], certified_radius, model, rows, method="interval")


def test_a_search_over_a_vote_is_certified():
    inner, rows = smoothed_inner(), np.random.default_rng(0).normal(size=(20, 3))
    y = np.arange(20) % 2
    search = GridSearchCV(inner, {"noise_std": [0.5]}, cv=2).fit(rows, y)
    expected = search.best_estimator_.certified_radius(rows)
    np.testing.assert_array_equal(certified_radius(search, rows), expected)
