"""Prototypes that are distributions, and what is uncertain because of them."""

import pickle
from functools import cache
from math import log

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy, norm
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.validation import check_random_state

from sklearn_proto import (
    ProbPSENNClassifier,
    SampledExplanation,
    Uncertainty,
)
from sklearn_proto._losses import divergence, expected_log_loss
from sklearn_proto._modules import GaussianPrototypes, WholeOutputs, sampled_distances
from sklearn_proto.explain import joined, uncertainty_of
from sklearn_proto.metrics import risk_coverage_curve
from tests.data import three_classes
from tests.test_common import assert_same_model

X, Y = load_digits(n_class=3, return_X_y=True)
X, Y = X[:150], Y[:150]
IMAGES = X.reshape(-1, 8, 8)
QUICK = {
    "n_channels": 8,
    "n_latent_channels": 3,
    "warmup_epochs": 2,
    "max_epochs": 6,
    "batch_size": 32,
    "learning_rate": 0.01,
    "random_state": 0,
}
OWNERS = np.array([0, 1, 1, 2])


def quick(counts=2, **options):
    return ProbPSENNClassifier(counts, **{**QUICK, **options})


@cache
def of_images():
    return quick().fit(IMAGES, Y)


@cache
def of_digits():
    """All ten digits, with a fifth held out."""
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X, y, stratify=y, test_size=0.2, random_state=0)
    model = ProbPSENNClassifier(
        image_shape=(8, 8), warmup_epochs=4, max_epochs=12, random_state=0
    )
    return model.fit(parts[0], parts[2]), parts[1], parts[3]


# Prototypes, and the terms of the objective.


def gaussians(sigma=0.3, n_samples=50, q=3):
    means = torch.tensor(np.random.default_rng(0).normal(size=(4, q)))
    found = GaussianPrototypes(
        means, sigma, OWNERS, draws=5, n_samples=n_samples, seed=7
    )
    return found.eval()


def naive_probabilities(codes, samples):
    """Class probabilities (S, n, 3), one at a time."""
    p = np.zeros((len(samples), len(codes), 3))
    for s, prototypes in enumerate(samples):
        for i, z in enumerate(codes):
            mass = softmax([-np.sum((z - w) ** 2) for w in prototypes])
            for k, c in enumerate(OWNERS):
                p[s, i, c] += mass[k]
    return p


def test_probabilities_are_those_of_the_definition():
    prototypes = gaussians()
    codes = np.random.default_rng(1).normal(size=(6, 3))
    samples = prototypes.samples()
    d = sampled_distances(torch.tensor(codes), samples)
    p = naive_probabilities(codes, samples.detach().numpy())
    np.testing.assert_allclose(prototypes.log_odds(d).detach().exp(), p, rtol=1e-10)
    found = prototypes.class_masses(prototypes.masses(d)).detach()
    np.testing.assert_allclose(found, p, rtol=1e-10)
    scores = prototypes.class_scores(d).detach()
    np.testing.assert_allclose(scores, p.mean(0), rtol=1e-10)


def test_samples_have_the_mean_and_the_deviation():
    prototypes = gaussians(sigma=0.3, n_samples=20_000)
    with torch.no_grad():
        samples = prototypes.samples().numpy()
    assert samples.shape == (20_000, 4, 3)
    means = prototypes.means.detach().numpy()
    np.testing.assert_allclose(samples.mean(0), means, atol=5 * 0.3 / 20_000**0.5)
    np.testing.assert_allclose(samples.std(0), 0.3, rtol=0.03)
    # Expected distances have a closed form.
    codes = torch.tensor(np.random.default_rng(2).normal(size=(5, 3)))
    with torch.no_grad():
        sampled = sampled_distances(codes, prototypes.samples()).mean(0)
        exact = prototypes.expected_distances(codes)
    np.testing.assert_allclose(sampled, exact, rtol=0.03)


def test_samples_change_in_training_only():
    prototypes = gaussians()
    torch.testing.assert_close(prototypes.samples(), prototypes.samples())
    prototypes.train()
    assert prototypes.samples().shape == (5, 4, 3)
    assert not torch.equal(prototypes.samples(), prototypes.samples())


def outputs_of(prototypes, n=5):
    codes = torch.tensor(np.random.default_rng(1).normal(size=(n, 3)))
    d = sampled_distances(codes, prototypes.samples())
    nothing = torch.zeros(n, 1, 1, 1)
    return WholeOutputs(nothing, nothing, d, prototypes.log_odds(d), prototypes)


def test_the_loss_is_an_expectation_over_samples():
    found = outputs_of(gaussians())
    y, weight = torch.tensor([0, 1, 2, 1, 0]), torch.tensor([1.0, 2.0, 1.0, 3.0, 1.0])
    log_p = found.scores.detach().numpy()
    rows = -log_p[:, np.arange(5), y].mean(0)
    wanted = np.average(rows, weights=weight)
    value = expected_log_loss(found, y, weight.double()).item()
    assert value == pytest.approx(wanted, rel=1e-10)


def test_divergence_against_numerical_integration():
    prototypes = gaussians(q=2)
    with torch.no_grad():
        prototypes.log_sigma.copy_(torch.tensor(np.log([[0.3, 2.0]] * 4)))
    grid = np.linspace(-25, 25, 200_001)
    total = 0.0
    with torch.no_grad():
        for mean, sigma in zip(prototypes.means, prototypes.sigma, strict=True):
            for m, s in zip(mean.tolist(), sigma.tolist(), strict=True):
                p = norm(m, s)
                terms = p.pdf(grid) * (p.logpdf(grid) - norm.logpdf(grid))
                total += terms.sum() * (grid[1] - grid[0])
    value = divergence(outputs_of_(prototypes), None, None).item()
    assert value == pytest.approx(total / 4, rel=1e-6)


def outputs_of_(prototypes):
    nothing = torch.zeros(1)
    return WholeOutputs(nothing, nothing, nothing, nothing, prototypes)


def test_gradients_of_the_samples():
    """The reparametrisation, against finite differences with the same noise."""
    prototypes = gaussians(n_samples=3)
    y, weight = torch.tensor([0, 1, 2, 1, 0]), torch.ones(5, dtype=torch.float64)

    def value():
        found = outputs_of(prototypes)
        return expected_log_loss(found, y, weight) + divergence(found, y, weight)

    value().backward()
    for parameter in (prototypes.means, prototypes.log_sigma):
        exact = parameter.grad[1, 2].item()
        with torch.no_grad():
            parameter[1, 2] += 1e-6
            up = value().item()
            parameter[1, 2] -= 2e-6
            down = value().item()
            parameter[1, 2] += 1e-6
        assert exact == pytest.approx((up - down) / 2e-6, rel=1e-5)


# Uncertainty.


def test_uncertainty_against_brute_force():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.5, 0.5, 0.5], size=(40, 6))
    distances = rng.random((40, 6, 5))
    nearest = distances.argmin(2)
    found = uncertainty_of(p, distances)
    for i in range(6):
        total = entropy(np.mean([p[s, i] for s in range(40)], axis=0))
        aleatoric = np.mean([entropy(p[s, i]) for s in range(40)])
        # Mutual information is also a mean divergence from the mean.
        information = np.mean([entropy(p[s, i], p[:, i].mean(0)) for s in range(40)])
        counts = [np.sum(nearest[:, i] == k) for k in range(5)]
        assert found.total[i] == pytest.approx(total, rel=1e-10)
        assert found.aleatoric[i] == pytest.approx(aleatoric, rel=1e-10)
        assert found.epistemic[i] == pytest.approx(information, rel=1e-8)
        assert found.explanation[i] == pytest.approx(entropy(counts), rel=1e-10)
        np.testing.assert_allclose(found.nearest_frequencies[i], np.array(counts) / 40)
        closest = [min(distances[s, i]) for s in range(40)]
        assert found.distance[i] == pytest.approx(np.mean(closest))


def test_uncertainty_of_known_cases():
    agree = np.array([[[1.0, 0.0]], [[1.0, 0.0]]])
    disagree = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    doubt = np.full((2, 1, 2), 0.5)
    cases = [
        (agree, 0, 0, 0),
        (disagree, log(2), 0, log(2)),
        (doubt, log(2), log(2), 0),
    ]
    for p, *wanted in cases:
        found = uncertainty_of(p, np.array([[[1.0, 2.0]], [[5.0, 3.0]]]))
        assert found.distance[0] == 2.0
        got = [found.total[0], found.aleatoric[0], found.epistemic[0]]
        np.testing.assert_allclose(got, wanted, atol=1e-15)
        assert found.explanation[0] == pytest.approx(log(2))
    both = joined([uncertainty_of(p, np.zeros((2, 1, 2))) for p, *_ in cases])
    assert len(both) == 3
    np.testing.assert_allclose(both.total, [0, log(2), log(2)], atol=1e-15)


def test_uncertainty_of_a_model_is_that_of_its_samples():
    model = of_images()
    found = model.predict_uncertainty(IMAGES)
    assert isinstance(found, Uncertainty)
    codes, samples = codes_and_samples(model)
    d = ((codes[None, :, None] - samples[:, None]) ** 2).sum(-1)
    p = softmax(-d, axis=-1).reshape(len(samples), len(X), 3, 2).sum(-1)
    total = entropy(p.mean(0), axis=-1)
    np.testing.assert_allclose(found.total, total, atol=1e-10)
    aleatoric = entropy(p, axis=-1).mean(0)
    np.testing.assert_allclose(found.epistemic, total - aleatoric, atol=1e-10)
    often = (d.argmin(-1)[:, :, None] == np.arange(6)).mean(0)
    np.testing.assert_array_equal(found.nearest_frequencies, often)
    assert found.explanation.max() > 0
    np.testing.assert_allclose(found.distance, d.min(-1).mean(0), atol=1e-10)


def codes_and_samples(model):
    """Codes of the rows, and samples made here from the fitted means and deviations."""
    view = model.certifiable_view()
    codes = view.network.encode(view.tensor(X)).numpy()
    noise = np.random.RandomState(model._seed).standard_normal(
        (model.n_samples, *model.prototypes_.shape)
    )
    return codes, model.prototypes_ + model.sigma_ * noise


# The model.


@pytest.mark.slow
def test_digits():
    model, X_test, y_test = of_digits()
    assert model.score(X_test, y_test) > 0.93
    found = model.predict_uncertainty(X_test)
    right = model.predict(X_test) == y_test
    assert found.total[~right].mean() > 2 * found.total[right].mean()
    noise = np.random.default_rng(0).permuted(X_test, axis=1)
    strange = model.predict_uncertainty(noise)
    for kind, least in (("total", 0.88), ("epistemic", 0.88), ("explanation", 0.8)):
        known, unknown = getattr(found, kind), getattr(strange, kind)
        assert (unknown[:, None] > known).mean() > least, kind
    # The brightest noise is certain of something, and like nothing.
    bright = np.random.default_rng(0).uniform(0, 16, X_test.shape)
    distance = model.predict_uncertainty(bright).distance
    assert (distance[:, None] > found.distance).mean() > 0.95
    labels, sure = model.predict_with_rejection(X_test, coverage=0.8)
    assert right[sure].mean() > right.mean()
    np.testing.assert_array_equal(labels, model.predict(X_test))


def test_probabilities_are_the_scores():
    model = of_images()
    codes, samples = codes_and_samples(model)
    d = ((codes[None, :, None] - samples[:, None]) ** 2).sum(-1)
    p = softmax(-d, axis=-1).mean(0).reshape(len(X), 3, 2).sum(-1)
    np.testing.assert_allclose(model.predict_proba(IMAGES), p, atol=1e-10)
    np.testing.assert_array_equal(model.decision_function(X), model.predict_proba(X))
    two = quick().fit(X[Y < 2], Y[Y < 2])
    p = two.predict_proba(X)
    np.testing.assert_array_equal(two.decision_function(X), p[:, 1] - p[:, 0])


def test_the_samples_are_always_the_same():
    model = of_images()
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    again = pickle.loads(pickle.dumps(model))
    assert_same_model(model, again, X)
    few = again.set_params(n_samples=3).predict_proba(X)
    assert not np.array_equal(few, model.predict_proba(X))
    other = quick(random_state=1).fit(IMAGES, Y)
    assert other._seed != model._seed


def test_predictions_converge_with_samples():
    """As one over the root of their number."""
    model = pickle.loads(pickle.dumps(of_images()))
    best = model.set_params(n_samples=20_000).predict_proba(X[:20])
    errors = [
        np.abs(model.set_params(n_samples=n).predict_proba(X[:20]) - best).mean()
        for n in (10, 1000)
    ]
    assert errors[1] < errors[0] / 4


def test_without_deviation_it_is_the_point_model():
    model = quick(init_sigma=0.0).fit(IMAGES, Y)
    np.testing.assert_array_equal(model.sigma_, 0.0)
    view = model.certifiable_view()
    # The point model: the softmax of minus the squared distances, and nothing else.
    p = torch.softmax(-view.distances(view.tensor(X)), 1)
    grouped = p.view(len(X), 3, 2).sum(2)
    batches = [grouped[rows] for rows, _ in view.batches(X)]
    assert len(batches) > 1
    np.testing.assert_allclose(model.predict_proba(X), grouped, rtol=1e-12)
    for n_samples in (1, 3, 1000):
        same = pickle.loads(pickle.dumps(model)).set_params(n_samples=n_samples)
        np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(X))
    found = model.predict_uncertainty(X)
    np.testing.assert_array_equal(found.epistemic, 0.0)
    np.testing.assert_array_equal(found.explanation, 0.0)
    np.testing.assert_array_equal(found.total, found.aleatoric)
    np.testing.assert_array_equal(model.decoded_deviations_, 0.0)


def test_deviations_that_vanish_lead_to_the_point_model():
    """Not another code path: the limit of the sampled one."""
    points, model = (quick(init_sigma=s, max_epochs=0).fit(X, Y) for s in (0.0, 1e-9))
    np.testing.assert_array_equal(points.prototypes_, model.prototypes_)
    np.testing.assert_allclose(
        model.predict_proba(X), points.predict_proba(X), rtol=1e-6
    )


@pytest.mark.slow
def test_the_prior_widens_the_prototypes():
    widths = [
        quick(lambda_kl=weight, max_epochs=20).fit(IMAGES, Y).sigma_.mean()
        for weight in (0.01, 10.0)
    ]
    assert widths[0] < widths[1] < 1.0


def test_deviation_images():
    model = of_images()
    assert model.deviation_images_.shape == (6, 8, 8)
    codes = codes_and_samples(model)[1][:, 2]
    view = model.certifiable_view()
    looks = view.network.decode(view.tensor(codes)).numpy()
    found = model.decoded_deviations_[2]
    np.testing.assert_allclose(found, looks.std(0), rtol=1e-8)
    np.testing.assert_array_equal(model.deviation_images_[2].ravel(), found)
    assert found.max() > 0


def test_prototypes_of_each_class():
    model = quick([1, 3, 2]).fit(X, Y)
    assert model.prototype_labels_.tolist() == [0, 1, 1, 1, 2, 2]
    assert model.score(X, Y) > 0.9
    with pytest.raises(ValueError, match=r"n_prototypes_per_class.*\(2,\).*3 classes"):
        quick([1, 2]).fit(X, Y)


def test_colour_images_first_and_last():
    rng = np.random.default_rng(0)
    colours = IMAGES[..., None] + np.round(8 * rng.random((len(X), 8, 8, 3))) / 8
    first_axis = np.moveaxis(colours, 3, 1)
    last = quick(max_epochs=2).fit(colours, Y)
    first = quick(max_epochs=2, channels_first=True).fit(first_axis, Y)
    np.testing.assert_array_equal(
        first.predict_proba(first_axis), last.predict_proba(colours)
    )
    np.testing.assert_array_equal(first.deviation_images_, last.deviation_images_)


def test_weight_two_is_the_row_twice():
    repeats = np.random.default_rng(0).integers(0, 3, len(X))
    weighted = quick().fit(IMAGES, Y, sample_weight=repeats)
    repeated = quick().fit(np.repeat(IMAGES, repeats, 0), np.repeat(Y, repeats))
    assert_same_model(weighted, repeated, X)


def test_default_device():
    with torch.device("meta"):
        other = quick(device="cpu").fit(IMAGES, Y)
        assert_same_model(of_images(), other, X)
        found = other.predict_uncertainty(X)
    np.testing.assert_array_equal(found.total, of_images().predict_uncertainty(X).total)


def test_checkpoints_continue_with_the_same_samples(tmp_path):
    whole = quick(checkpoint_dir=tmp_path).fit(IMAGES, Y)
    assert_same_model(whole, of_images(), X)
    for finished in tmp_path.glob("*/stage-02"):
        finished.rename(finished.with_name("gone"))
    assert_same_model(quick(checkpoint_dir=tmp_path).fit(IMAGES, Y), whole, X)


@pytest.mark.slow
def test_grid_search_in_a_pipeline():
    pipeline = make_pipeline(MinMaxScaler(), quick(image_shape=(8, 8)))
    grid = {"probpsennclassifier__lambda_kl": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, Y)
    assert search.score(X, Y) > 0.9


# Rejection.


def test_rejection_by_coverage():
    model = of_images()
    for kind in ("total", "aleatoric", "epistemic", "explanation", "distance"):
        u = getattr(model.predict_uncertainty(X), kind)
        for coverage, count in (
            (0.0, 0),
            (0.5, 75),
            (0.7, 105),
            (0.701, 106),
            (1, 150),
        ):
            _, sure = model.predict_with_rejection(X, coverage=coverage, kind=kind)
            assert sure.sum() == count
            if 0 < count < 150:
                assert u[sure].max() <= u[~sure].min()


def test_rejection_by_uncertainty():
    model = of_images()
    u = model.predict_uncertainty(X).total
    limit = np.sort(u)[40]
    labels, sure = model.predict_with_rejection(IMAGES, max_uncertainty=limit)
    assert sure.sum() == 41
    np.testing.assert_array_equal(sure, u <= limit)
    np.testing.assert_array_equal(labels, model.predict(X))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "coverage=None and max_uncertainty=None"),
        ({"coverage": 0.5, "max_uncertainty": 1.0}, "exactly one"),
        ({"coverage": 1.5}, "coverage=1.5"),
        ({"coverage": np.nan}, "coverage=nan"),
        ({"coverage": "half"}, "coverage='half'"),
        ({"max_uncertainty": -0.1}, "max_uncertainty=-0.1"),
        ({"coverage": 0.5, "kind": "bogus"}, "kind='bogus'.*'total'"),
    ],
)
def test_bad_rejection(options, words):
    with pytest.raises(ValueError, match=words):
        of_images().predict_with_rejection(X, **options)


def test_risk_coverage_curve_against_brute_force():
    rng = np.random.default_rng(0)
    y, found = rng.integers(0, 3, (2, 60))
    u = rng.integers(0, 12, 60) / 4
    coverages, risks, thresholds = risk_coverage_curve(y, found, u)
    np.testing.assert_array_equal(thresholds, np.unique(u))
    for coverage, risk, threshold in zip(coverages, risks, thresholds, strict=True):
        chosen = u <= threshold
        assert coverage == pytest.approx(chosen.mean())
        assert risk == pytest.approx((y != found)[chosen].mean())
    assert coverages[-1] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 1], [0], [0.1, 0.2]), "y_true has shape"),
        (([], [], []), "at least"),
        (([0, 1], [0, 1], [0.1]), "uncertainty has shape"),
        (([0, 1], [0, 1], [0.1, np.nan]), "finite"),
    ],
)
def test_bad_risk_coverage(arguments, words):
    with pytest.raises(ValueError, match=words):
        risk_coverage_curve(*arguments)


# Explanations.


def test_explanation():
    model, e = of_images(), of_images().explain(IMAGES)
    assert isinstance(e, SampledExplanation)
    np.testing.assert_allclose(e.contributions.sum(-1), e.scores, atol=1e-12)
    np.testing.assert_array_equal(e.scores, model.predict_proba(X))
    foreign = model.prototype_labels_ != model.classes_[:, None]
    assert (e.contributions[:, foreign] == 0).all()
    np.testing.assert_allclose(e.contributions.sum((1, 2)), 1.0)
    found = model.predict_uncertainty(X)
    for name in ("total", "aleatoric", "epistemic", "explanation", "distance"):
        np.testing.assert_array_equal(getattr(e, name), getattr(found, name))
    np.testing.assert_allclose(e.nearest_frequencies.sum(1), 1.0)
    assert e[5].total.shape == (1,)
    assert "nearest_frequency" in e[:2].to_frame()


def test_sentence_and_pictures():
    e = of_images().explain(IMAGES)
    row = e[int(e.total.argmax())]
    j = row.top(1)[0, 0]
    often = f"prototype {j} of class {row.prototype_labels[j]}, the nearest in "
    words = str(row)
    assert f"{often}{row.nearest_frequencies[0, j]:.0%} of the samples" in words
    assert f"{row.total[0]:.2g} of at most 1.1 nats" in words
    assert f"of which {row.epistemic[0]:.2g} come from" in words
    assert words.endswith(f"is nearest is {row.explanation[0]:.2g}.")
    figure = row.plot(0, k=1)
    titles = [ax.get_title() for ax in figure.axes if ax.images]
    wanted = ["this row", "reconstruction", f"prototype {j}", "its deviation"]
    assert titles == wanted
    assert row._repr_html_().count("<img") == 5 * 4


def test_rows_of_numbers():
    rows, y = three_classes(40)
    model = quick(max_epochs=40, n_channels=16, learning_rate=0.02).fit(rows, y)
    assert model.score(rows, y) > 0.8
    assert not hasattr(model, "deviation_images_")
    assert model.decoded_deviations_.shape == (6, 4)
    # Between the classes it is less certain than at their prototypes.
    centre = rows.mean(0, keepdims=True)
    at = model.predict_uncertainty(model.decoded_prototypes_).total
    assert model.predict_uncertainty(centre).total[0] > at.mean()
    assert "nearest in" in str(model.explain(rows[:1]))


def test_global_generators_stay_as_they_are():
    before = check_random_state(None).get_state()[1].copy()
    torch_before = torch.get_rng_state()
    model = quick(max_epochs=1).fit(X, Y)
    model.predict_uncertainty(X)
    model.explain(X[:2])
    np.testing.assert_array_equal(before, check_random_state(None).get_state()[1])
    assert torch.equal(torch_before, torch.get_rng_state())
