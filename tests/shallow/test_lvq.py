"""Learning vector quantisation against loops, finite differences and geometry."""

from functools import singledispatch

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, load_wine
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from torch.autograd import gradcheck
from torch.func import functional_call

from sklearn_proto import (
    GLVQClassifier,
    GMLVQClassifier,
    GTLVQClassifier,
    LGMLVQClassifier,
    RSLVQClassifier,
)
from sklearn_proto._base import PrototypeClassifier
from sklearn_proto._losses import (
    glvq_loss,
    mixture_loss,
    temperature_loss,
    triplet_loss,
)
from sklearn_proto._modules import (
    ClassPosterior,
    Euclidean,
    LocalMatrices,
    Manhattan,
    NearestPrototypes,
    PrototypeNetwork,
    RadialKernel,
    Relevances,
    SharedMatrix,
    SquaredEuclidean,
    TangentSpaces,
)
from tests import references
from tests.data import three_classes, two_classes
from tests.instances import FOR_TWO_CLASSES, LVQ, every_lvq_instance, instance

X, Y = three_classes()
# Between the classes, on a training row, and far outside.
ROWS = np.vstack([X, 0.5 * X + 0.5 * X[::-1], 40.0 * X])

NEAREST = [name for name in LVQ if "rslvq" not in name]
every_nearest_instance = pytest.mark.parametrize("name", NEAREST)
ESTIMATORS = [
    GLVQClassifier,
    GMLVQClassifier,
    LGMLVQClassifier,
    GTLVQClassifier,
    RSLVQClassifier,
]
every_lvq_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)
NEAREST_ESTIMATORS = [E for E in ESTIMATORS if E is not RSLVQClassifier]
every_nearest_estimator = pytest.mark.parametrize("Estimator", NEAREST_ESTIMATORS)


@singledispatch
def dissimilarities(model, rows):
    """D (n, K) by loops, from nothing but the fitted arrays."""
    raise NotImplementedError(type(model))


@dissimilarities.register
def _(model: GLVQClassifier, rows):
    w = model.prototypes_
    by_metric = {
        "sqeuclidean": lambda: references.distances(rows, w) ** 2,
        "euclidean": lambda: references.distances(rows, w),
        "manhattan": lambda: references.manhattan(rows, w),
    }
    return by_metric[model.metric]()


@dissimilarities.register
def _(model: GMLVQClassifier, rows):
    omegas = [model.omega_] * len(model.prototypes_)
    return references.mapped_squares(rows, model.prototypes_, omegas)


@dissimilarities.register
def _(model: LGMLVQClassifier, rows):
    classes = model.classes_.tolist()
    which = {
        "prototype": range(len(model.prototypes_)),
        "class": [classes.index(label) for label in model.prototype_labels_],
    }[model.localization]
    omegas = [model.omega_[m] for m in which]
    return references.mapped_squares(rows, model.prototypes_, omegas)


@dissimilarities.register
def _(model: GTLVQClassifier, rows):
    return references.distances(rows, model.prototypes_, model.tangents_) ** 2


@dissimilarities.register
def _(model: RSLVQClassifier, rows):
    return references.distances(rows, model.prototypes_) ** 2


def frozen(Estimator, init, rows=X, y=Y, **parameters):
    """The start of a fit: steps so small that no sum of floats changes."""
    count = len(init) // len(np.unique(y))
    steps = {"solver": "adam", "learning_rate": 1e-200, "max_iter": 1}
    model = Estimator(count, init=init, random_state=0, **steps, **parameters)
    return model.fit(rows, y)


def standardised(load):
    rows, y = load(return_X_y=True)
    return StandardScaler().fit_transform(rows), y


# Predictions


@every_nearest_instance
def test_the_closest_prototype_gives_its_label(model):
    d = dissimilarities(model, ROWS)
    rounding = 1e-9 * np.maximum(1.0, np.square(ROWS).sum(axis=1))
    for row, found, tolerance in zip(d, model.predict(ROWS), rounding, strict=True):
        own = model.prototype_labels_ == found
        assert row[own].min() <= row.min() + tolerance


@every_nearest_instance
def test_scores_are_minus_the_closest_of_each_class(model):
    d = dissimilarities(model, ROWS)
    expected = -references.of_classes(d, model.prototype_labels_, model.classes_)
    scale = np.square(ROWS).sum(axis=1, keepdims=True)
    error = np.abs(model.decision_function(ROWS) - expected)
    assert (error <= 1e-9 * np.maximum(np.abs(expected), 1e-6 * scale + 1e-3)).all()


@pytest.mark.parametrize("name", [n for n in NEAREST if n in FOR_TWO_CLASSES])
def test_two_classes_score_the_difference(name):
    rows, y = two_classes()
    model = instance(name).fit(rows, y)
    d = dissimilarities(model, rows)
    first, second = references.of_classes(d, model.prototype_labels_, [0, 1]).T
    np.testing.assert_allclose(
        model.decision_function(rows), first - second, rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("labels", [["z", "a", "m"], [7, -1, 3]])
@every_lvq_estimator
def test_a_tie_goes_to_the_first_class(Estimator, labels):
    """Where the prototypes of all classes meet, D is zero in every metric."""
    meeting = np.ones((3, 4))
    model = frozen(Estimator, meeting, y=np.array(labels)[Y])
    assert model.predict(meeting).tolist() == [min(labels)] * 3
    np.testing.assert_allclose(model.predict_proba(meeting), 1 / 3, rtol=1e-12)


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "manhattan"])
def test_a_tie_of_two_classes_of_three(metric):
    """On the axis of symmetry of a triangle, away from its top."""
    corners = np.array([[0.0, 7.0], [-1.0, 0.0], [1.0, 0.0]])
    model = GLVQClassifier(init=corners, metric=metric).fit(corners, [0, 1, 2])
    model.prototypes_ = corners
    axis = np.column_stack([np.zeros(9), np.linspace(-3, 2, 9)])
    assert model.predict(axis).tolist() == [1] * 9


@every_nearest_instance
def test_similarities_decay_with_the_distance(model):
    """exp(-D / width_), width_ the mean D to the closest prototype.

    That is what transform returns, but for GMLVQ, which projects instead.
    """
    d = dissimilarities(model, X)
    assert model.width_ == pytest.approx(d.min(axis=1).mean(), rel=1e-9)
    similarities = PrototypeClassifier.transform(model, X)
    np.testing.assert_allclose(
        similarities, np.exp(-d / model.width_), rtol=1e-9, atol=1e-12
    )


# Losses


def mean_cost(model, rows, y, weight=None):
    d = dissimilarities(model, rows)
    pairs = [
        references.own_and_rival(*row)
        for row in zip(d, [model.prototype_labels_] * len(d), y, strict=True)
    ]
    if model.loss == "triplet":
        costs = [references.triplet_cost(*pair, model.margin) for pair in pairs]
    else:
        costs = [
            references.glvq_cost(*pair, model.activation, model.beta) for pair in pairs
        ]
    return np.average(costs, weights=weight)


LOSSES = [
    {"loss": "glvq", "activation": "identity"},
    {"loss": "glvq", "activation": "sigmoid", "beta": 3.0},
    {"loss": "triplet", "margin": 0.7},
]
MODELS = {
    "sqeuclidean": GLVQClassifier(2),
    "euclidean": GLVQClassifier(2, metric="euclidean"),
    "manhattan": GLVQClassifier(2, metric="manhattan"),
    "matrix": GMLVQClassifier(2),
    "rank": GMLVQClassifier(2, n_components=2),
    "diagonal": GMLVQClassifier(2, relevance="diagonal"),
    "local": LGMLVQClassifier(2),
    "class": LGMLVQClassifier(2, localization="class", n_components=3),
    "tangent": GTLVQClassifier(2, n_tangents=2),
}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda p: p.get("activation", p["loss"]))
@pytest.mark.parametrize("metric", list(MODELS))
def test_the_fit_minimises_the_mean_cost(metric, loss):
    """The best value of the curve is the cost of the arrays that fit returns."""
    model = clone(MODELS[metric]).set_params(**loss, max_iter=10, random_state=0)
    model.fit(X, Y)
    assert mean_cost(model, X, Y) == pytest.approx(min(model.loss_curve_), rel=1e-7)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@every_nearest_estimator
def test_the_mean_is_weighted(Estimator):
    weight = np.linspace(0.1, 3.0, len(X))
    model = Estimator(max_iter=10, random_state=0).fit(X, Y, sample_weight=weight)
    expected = mean_cost(model, X, Y, weight)
    assert expected == pytest.approx(min(model.loss_curve_), rel=1e-7)


@pytest.mark.parametrize("sigma", ["auto", 2.0, [0.5, 1.0, 2.0, 3.0, 4.0, 5.0]])
def test_the_mixture_maximises_the_posterior_of_the_labels(sigma):
    model = RSLVQClassifier(2, sigma=sigma, max_iter=10, random_state=0).fit(X, Y)
    p = references.class_posteriors(
        X, model.prototypes_, model.sigma_, model.prototype_labels_, model.classes_
    )
    expected = -np.mean(np.log(p[np.arange(len(X)), Y]))
    assert expected == pytest.approx(min(model.loss_curve_), rel=1e-9)


@every_lvq_instance
def test_training_beats_its_start(name):
    curve = instance(name, max_iter=20).fit(X, Y).loss_curve_
    assert min(curve) < curve[0]
    assert np.isfinite(curve).all()


# Gradients

K, D, C = 6, 4, 3
OWNERS = torch.arange(K) % C
LABELS = torch.arange(8) % C


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


METRICS = {
    "sqeuclidean": SquaredEuclidean,
    "euclidean": Euclidean,
    "manhattan": Manhattan,
    "matrix": lambda: SharedMatrix(random(D, D, seed=3)),
    "rank": lambda: SharedMatrix(random(2, D, seed=3)),
    "diagonal": lambda: Relevances(random(D, seed=3)),
    "local": lambda: LocalMatrices(random(K, 3, D, seed=3), torch.arange(K)),
    "class": lambda: LocalMatrices(random(C, D, D, seed=3), OWNERS),
    "tangent": lambda: TangentSpaces(random(K, D, 2, seed=3)),
}
ROW_LOSSES = {
    "identity": lambda out, y: glvq_loss(out, y, activation="identity", beta=1.0),
    "sigmoid": lambda out, y: glvq_loss(out, y, activation="sigmoid", beta=4.0),
    "triplet": lambda out, y: triplet_loss(out, y, margin=50.0),
}
every_metric = pytest.mark.parametrize("metric", list(METRICS))
every_row_loss = pytest.mark.parametrize("loss", list(ROW_LOSSES))


def nearest_network(metric):
    return NearestPrototypes(random(K, D), OWNERS, METRICS[metric]())


def mixture_network(n_sigmas):
    sigma = torch.linspace(1.0, 3.0, n_sigmas, dtype=torch.float64)
    member = (torch.arange(C)[:, None, None] == OWNERS).double()
    kernel = RadialKernel(random(K, D), sigma, "sqeuclidean", normalized=True)
    return PrototypeNetwork(kernel, ClassPosterior(member))


def assert_gradients(network, function):
    """Finite differences of `function(outputs)` in everything that is trained."""
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    values = tuple(p.detach().clone().requires_grad_() for p in trained.values())
    x = random(8, D, seed=1)

    def call(*tensors):
        state = dict(zip(trained, tensors, strict=True))
        return function(functional_call(network, state, (x,)))

    assert gradcheck(call, values, atol=1e-7, rtol=1e-5)


@every_metric
def test_gradients_of_the_dissimilarities(metric):
    network = nearest_network(metric)
    assert_gradients(network, lambda out: out.dissimilarities)


@every_row_loss
@every_metric
def test_gradients_of_the_losses(metric, loss):
    assert_gradients(nearest_network(metric), lambda out: ROW_LOSSES[loss](out, LABELS))


@pytest.mark.parametrize("n_sigmas", [1, K])
def test_gradients_of_the_mixture(n_sigmas):
    assert_gradients(mixture_network(n_sigmas), lambda out: mixture_loss(out, LABELS))


@every_metric
def test_the_temperature_learns_and_nothing_else_from_its_loss(metric):
    network = nearest_network(metric)
    network.log_temperature.requires_grad = True
    temperature_loss(network(random(8, D, seed=1)), LABELS).sum().backward()
    for name, p in network.named_parameters():
        if name != "log_temperature":
            assert p.grad is None or not p.grad.any(), name
    for p in network.parameters():
        p.requires_grad = p is network.log_temperature
    assert_gradients(network, lambda out: temperature_loss(out, LABELS))


@every_row_loss
@every_metric
def test_gradients_are_finite_on_a_prototype(metric, loss):
    network = nearest_network(metric)
    losses = ROW_LOSSES[loss](network(network.prototypes.detach()), OWNERS)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    for name, p in network.named_parameters():
        assert p.grad is None or torch.isfinite(p.grad).all(), name


@every_row_loss
@every_metric
def test_gradients_are_finite_where_all_prototypes_meet(metric, loss):
    """d+ = d- = 0: the quotient is 0 / 0."""
    network = nearest_network(metric)
    with torch.no_grad():
        network.prototypes.copy_(network.prototypes[:1].clone().expand(K, D))
    losses = ROW_LOSSES[loss](network(network.prototypes.detach()), OWNERS)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    for name, p in network.named_parameters():
        assert p.grad is None or torch.isfinite(p.grad).all(), name


@pytest.mark.parametrize("far", [0.0, 1e6])
def test_gradients_of_the_mixture_are_finite(far):
    network = mixture_network(K)
    losses = mixture_loss(network(network.prototypes.detach() + far), OWNERS)
    losses.sum().backward()
    assert torch.isfinite(losses).all()
    for name, p in network.named_parameters():
        assert p.grad is None or torch.isfinite(p.grad).all(), name


# One metric for all: GMLVQ

RELEVANCES = [{}, {"n_components": 2}, {"relevance": "diagonal"}]
every_relevance = pytest.mark.parametrize("options", RELEVANCES)


@pytest.mark.parametrize("n_components", [None, 1, 2, 3, 4])
def test_the_relevance_matrix(n_components):
    model = GMLVQClassifier(n_components=n_components, random_state=0).fit(X, Y)
    rank = n_components or 4
    matrix = model.relevance_matrix_
    assert model.omega_.shape == (rank, 4)
    np.testing.assert_allclose(matrix, model.omega_.T @ model.omega_, atol=1e-15)
    np.testing.assert_array_equal(model.relevance_, np.diag(matrix))
    assert np.trace(matrix) == pytest.approx(1.0, rel=1e-12)
    spectrum = np.linalg.eigvalsh(matrix)[::-1]
    np.testing.assert_allclose(spectrum[rank:], 0.0, atol=1e-15)
    # Rows of omega are the axes of the ellipsoid, the longest first.
    gram = model.omega_ @ model.omega_.T
    np.testing.assert_allclose(gram, np.diag(spectrum[:rank]), atol=1e-14)


@every_relevance
def test_distances_in_the_projection_are_the_scores(options):
    model = GMLVQClassifier(2, random_state=0, **options).fit(X, Y)
    projected = model.transform(X)
    np.testing.assert_allclose(projected, X @ model.omega_.T, atol=1e-13)
    w = model.transform(model.prototypes_)
    squares = references.distances(projected, w) ** 2
    closest = references.of_classes(squares, model.prototype_labels_, model.classes_)
    np.testing.assert_allclose(-closest, model.decision_function(X), atol=1e-12)


def test_diagonal_relevances_weigh_features_alone():
    model = GMLVQClassifier(relevance="diagonal", random_state=0).fit(X, Y)
    matrix = model.relevance_matrix_
    np.testing.assert_array_equal(matrix, np.diag(np.diag(matrix)))
    assert model.relevance_.sum() == pytest.approx(1.0, rel=1e-12)
    assert (model.relevance_ >= 0).all()
    lambdas = [np.diag(np.sqrt(model.relevance_))] * 3
    d = references.mapped_squares(X, model.prototypes_, lambdas)
    np.testing.assert_allclose(-model.decision_function(X), d, atol=1e-12)


@pytest.mark.parametrize("relevance", ["full", "diagonal"])
def test_noise_features_count_little(relevance):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=300)
    rows = rng.normal(size=(300, 8))
    rows[:, 3] += 4 * y
    model = GMLVQClassifier(relevance=relevance, random_state=0).fit(rows, y)
    assert model.relevance_[3] > 0.7, "of 1, where an even share is 0.125"
    assert model.score(rows, y) > 0.95


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_two_components_are_enough_for_three_classes(load):
    rows, y = standardised(load)
    full, flat = (
        GMLVQClassifier(n_components=r, random_state=0).fit(rows, y) for r in (None, 2)
    )
    assert flat.score(rows, y) >= full.score(rows, y) - 0.01
    assert flat.score(rows, y) > 0.96


def test_the_projection_serves_neighbours():
    rows, y = load_wine(return_X_y=True)
    projection = GMLVQClassifier(n_components=2, random_state=0)
    chain = make_pipeline(StandardScaler(), projection, KNeighborsClassifier())
    chain.fit(rows[::2], y[::2])
    assert chain[:-1].transform(rows).shape == (len(rows), 2)
    assert chain.score(rows[1::2], y[1::2]) > 0.9


@every_relevance
def test_columns_of_the_projection(options):
    model = GMLVQClassifier(random_state=0, max_iter=5, **options)
    frame = model.set_output(transform="pandas").fit(X, Y).transform(X)
    names = [f"gmlvqclassifier{i}" for i in range(options.get("n_components", 4))]
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == names == model.get_feature_names_out().tolist()
    np.testing.assert_allclose(frame.to_numpy(), X @ model.omega_.T, atol=1e-13)


# Metrics of their own: LGMLVQ and GTLVQ


@pytest.mark.parametrize("n_components", [None, 2])
@pytest.mark.parametrize(("localization", "n"), [("prototype", 6), ("class", 3)])
def test_local_relevance_matrices(localization, n, n_components):
    model = LGMLVQClassifier(
        2, localization=localization, n_components=n_components, random_state=0
    ).fit(X, Y)
    rank = n_components or 4
    assert model.omega_.shape == (n, rank, 4)
    assert model.relevance_matrix_.shape == (n, 4, 4)
    assert model.relevance_.shape == (n, 4)
    for omega, matrix, relevance in zip(
        model.omega_, model.relevance_matrix_, model.relevance_, strict=True
    ):
        np.testing.assert_allclose(matrix, omega.T @ omega, atol=1e-15)
        np.testing.assert_array_equal(relevance, np.diag(matrix))
        assert np.trace(matrix) == pytest.approx(1.0, rel=1e-12)
        gram = omega @ omega.T
        np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-14)
        assert (np.diff(np.diag(gram)) <= 1e-15).all()
    assert np.ptp(model.relevance_, axis=0).max() > 0.01, "they differ"


def crossing_clouds():
    """Two classes of one centre, long in orthogonal directions."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2)) * [5.0, 0.3]
    y = np.repeat([0, 1], 150)
    rows[y == 1] = rows[y == 1][:, ::-1]
    return rows, y


@pytest.mark.parametrize("localization", ["prototype", "class"])
def test_local_matrices_separate_crossing_clouds(localization):
    """Which no single plane does, so neither one prototype a class with one metric."""
    rows, y = crossing_clouds()
    local = LGMLVQClassifier(localization=localization, random_state=0).fit(rows, y)
    assert local.score(rows, y) > 0.95
    assert local.relevance_[0].argmax() == 1
    assert local.relevance_[1].argmax() == 0
    for Estimator in (GLVQClassifier, GMLVQClassifier):
        assert Estimator(random_state=0).fit(rows, y).score(rows, y) < 0.85


@pytest.mark.parametrize("m", [1, 2, 3])
def test_tangents_are_orthonormal_and_cost_nothing(m):
    model = GTLVQClassifier(2, n_tangents=m, random_state=0).fit(X, Y)
    assert model.tangents_.shape == (6, 4, m)
    rng = np.random.default_rng(0)
    for k, basis in enumerate(model.tangents_):
        np.testing.assert_allclose(basis.T @ basis, np.eye(m), atol=1e-12)
        moved = X + 3 * rng.normal(size=(len(X), m)) @ basis.T
        np.testing.assert_allclose(
            model.transform(moved)[:, k], model.transform(X)[:, k], rtol=1e-9
        )
        d = dissimilarities(model, moved)[:, k]
        np.testing.assert_allclose(d, dissimilarities(model, X)[:, k], atol=1e-12)


def parallel_lines():
    """Three parallel lines in space, each row anywhere along its line."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 80)
    along = np.array([1.0, 1.0, 1.0]) / np.sqrt(3)
    across = np.array([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0], [2.0, -2.0, 0.0]])
    rows = rng.uniform(-50, 50, size=(len(y), 1)) * along + across[y]
    return rows + 0.1 * rng.normal(size=rows.shape), y, along


def test_one_tangent_prototype_holds_a_whole_line():
    rows, y, along = parallel_lines()
    model = GTLVQClassifier(random_state=0).fit(rows, y)
    assert model.score(rows, y) == 1.0
    np.testing.assert_allclose(np.abs(model.tangents_[:, :, 0] @ along), 1, atol=1e-2)
    assert GLVQClassifier(random_state=0).fit(rows, y).score(rows, y) < 0.8


# Posteriors: RSLVQ


@pytest.mark.parametrize("name", ["rslvq", "rslvq-many-sigmas"])
def test_posteriors_of_the_mixture(model):
    expected = references.class_posteriors(
        ROWS, model.prototypes_, model.sigma_, model.prototype_labels_, model.classes_
    )
    p = model.predict_proba(ROWS)
    np.testing.assert_allclose(p, expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(model.decision_function(ROWS), p, rtol=1e-12)


@pytest.mark.parametrize("far", [1e3, 1e6, -1e6])
def test_posteriors_far_from_every_prototype(far):
    model = RSLVQClassifier(2, random_state=0).fit(X, Y)
    p = model.predict_proba(X + far)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)
    assert np.isfinite(model.transform(X + far)).all()


def test_widths_that_are_given():
    widths = [0.5, 1.0, 2.0]
    kept = RSLVQClassifier(sigma=widths, learn_sigma=False, random_state=0).fit(X, Y)
    np.testing.assert_allclose(kept.sigma_, widths, rtol=1e-14)
    learned = RSLVQClassifier(sigma=widths, random_state=0).fit(X, Y)
    assert not np.allclose(learned.sigma_, widths)
    shared = RSLVQClassifier(sigma=1.5, random_state=0).fit(X, Y).sigma_
    assert shared.shape == (3,)
    assert np.ptp(shared) == 0
    assert shared[0] != pytest.approx(1.5)


def test_the_width_to_start_from():
    """A row at a typical distance from its prototype gets a similarity of 0.01."""
    model = frozen(RSLVQClassifier, X[[0, 1, 2]])
    nearest = (references.distances(X, model.prototypes_) ** 2).min(axis=1)
    typical = nearest.mean() + nearest.std()
    np.testing.assert_allclose(np.exp(-typical / model.sigma_), 0.01, rtol=1e-9)


# Options of a fit


@every_lvq_instance
def test_snapped_prototypes_are_rows(name):
    model = instance(name, snap_to_data=True, max_iter=10).fit(X, Y)
    rows = model.prototype_indices_
    np.testing.assert_array_equal(model.prototypes_, X[rows])
    np.testing.assert_array_equal(model.prototype_labels_, Y[rows])
    assert model.score(X, Y) > 0.6


def test_a_snapped_mixture_of_fixed_width():
    model = RSLVQClassifier(snap_to_data=True, learn_sigma=False, random_state=0)
    model.fit(X, Y)
    np.testing.assert_array_equal(model.prototypes_, X[model.prototype_indices_])


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@every_lvq_estimator
def test_clipped_prototypes_stay_in_the_box(Estimator, solver):
    low, high = X.min(axis=0), X.max(axis=0)
    init = np.vstack([X[c == Y].mean(axis=0) for c in range(3)]) + 20
    options = {"init": init, "solver": solver, "max_iter": 3}
    free = Estimator(**options).fit(X, Y).prototypes_
    assert (free > high).any(), "nothing to clip"
    clipped = Estimator(clip_prototypes=True, **options).fit(X, Y).prototypes_
    assert (clipped >= low).all()
    assert (clipped <= high).all()


@every_lvq_estimator
def test_early_stopping_ends_with_the_held_out_loss(Estimator):
    model = Estimator(
        3, early_stopping=True, validation_fraction=0.3, tol=1e-3, random_state=0
    ).fit(X, Y)
    curve = model.validation_curve_
    assert len(curve) == len(model.loss_curve_) == model.n_iter_ < 500
    assert min(curve[-10:]) > min(curve[:-10]) - 1e-3 * max(1, abs(curve[0]))
    model.set_params(early_stopping=False).fit(X, Y)
    assert not hasattr(model, "validation_curve_")


@every_lvq_instance
def test_warm_start_goes_on(name):
    model = instance(name, warm_start=True, solver="lbfgs", max_iter=4, tol=0.0)
    first = model.fit(X, Y).loss_curve_
    again = model.fit(X, Y).loss_curve_
    assert again[0] <= min(first) + 1e-12
    assert min(again) < min(first)


@every_lvq_instance
def test_warm_start_refuses_another_shape(name):
    model = instance(name, warm_start=True, max_iter=3).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="warm_start=True needs the classes"):
        model.fit(X, np.array(["a", "b", "c"])[Y])
    np.testing.assert_array_equal(model.predict_proba(X), before)
    sigma = {"sigma": 1.0} if "many" in name else {}
    with pytest.raises(ValueError, match="and the shapes of the previous fit"):
        model.set_params(n_prototypes_per_class=5, **sigma).fit(X, Y)


@every_lvq_instance
def test_a_weight_is_a_number_of_copies(name):
    """Bit for bit: of rows, and of the rows of a class."""
    times = 1 + Y
    weighed = instance(name, max_iter=5).fit(X, Y, sample_weight=times)
    copied = instance(name, max_iter=5).fit(np.repeat(X, times, 0), np.repeat(Y, times))
    classed = instance(name, max_iter=5, class_weight={0: 1, 1: 2, 2: 3}).fit(X, Y)
    for other in (copied, classed):
        np.testing.assert_array_equal(weighed.prototypes_, other.prototypes_)
        np.testing.assert_array_equal(
            weighed.predict_proba(ROWS), other.predict_proba(ROWS)
        )


@every_lvq_estimator
def test_balanced_classes_weigh_the_same(Estimator):
    keep = np.flatnonzero((Y != 2) | (np.arange(len(Y)) % 3 == 0))
    rows, y = X[keep], Y[keep]
    weight = len(y) / (3 * np.bincount(y))[y]
    options = {"max_iter": 5, "random_state": 0}
    one = Estimator(class_weight="balanced", **options).fit(rows, y)
    other = Estimator(**options).fit(rows, y, sample_weight=weight)
    np.testing.assert_allclose(one.prototypes_, other.prototypes_, rtol=1e-9)


@every_lvq_estimator
def test_starts(Estimator):
    given = X[[np.flatnonzero(c == Y)[3] for c in range(3)]]
    np.testing.assert_allclose(frozen(Estimator, given).prototypes_, given, atol=1e-12)
    freeze = {"solver": "adam", "learning_rate": 1e-200, "max_iter": 1}
    drawn = Estimator([1, 2, 3], init="random", random_state=0, **freeze).fit(X, Y)
    assert drawn.prototype_labels_.tolist() == [0, 1, 1, 2, 2, 2]
    for w, label in zip(drawn.prototypes_, drawn.prototype_labels_, strict=True):
        # A step of 1e-200 moves a zero.
        assert np.isclose(X[label == Y], w, atol=1e-100).all(axis=1).any()
    assert len(np.unique(drawn.prototypes_, axis=0)) == 6
    means = Estimator(random_state=0, **freeze).fit(X, Y).prototypes_
    expected = [X[c == Y].mean(axis=0) for c in range(3)]
    np.testing.assert_allclose(means, expected, atol=1e-12)


@every_lvq_estimator
def test_counts_may_differ(Estimator):
    model = Estimator(np.array([3, 1, 2]), max_iter=5, random_state=0).fit(X, Y)
    assert model.prototype_labels_.tolist() == [0, 0, 0, 1, 2, 2]
    assert model.prototypes_.shape == (6, 4)


# Refusals


def refused(Estimator, *parts, y=Y, rows=X, **parameters):
    with pytest.raises(ValueError) as caught:
        Estimator(**parameters).fit(rows, y)
    for part in parts:
        assert part in str(caught.value)
    return caught.value


@every_lvq_estimator
def test_more_prototypes_than_rows(Estimator):
    refused(Estimator, "n_prototypes_per_class=21", "20", n_prototypes_per_class=21)
    refused(Estimator, "n_prototypes_per_class", n_prototypes_per_class=[1, 2])
    refused(Estimator, "n_prototypes_per_class", n_prototypes_per_class=[1, 0, 1])
    refused(Estimator, "init", "(2, 4)", "(3, 4)", init=np.zeros((2, 4)))
    refused(Estimator, "init", "NaN", init=np.full((3, 4), np.nan))


@every_lvq_estimator
def test_data_that_cannot_be_learned(Estimator):
    refused(Estimator, "2 classes", y=np.zeros(len(X), dtype=int))
    broken = X.copy()
    broken[3, 1] = np.nan
    refused(Estimator, "NaN", rows=broken)
    model = Estimator(max_iter=3).fit(X, Y)
    for method in (model.predict, model.predict_proba, model.transform):
        with pytest.raises(ValueError, match="NaN"):
            method(broken)


@pytest.mark.parametrize("Estimator", [GMLVQClassifier, LGMLVQClassifier])
def test_more_components_than_features(Estimator):
    refused(Estimator, "n_components=5", "n_features=4", n_components=5)


def test_components_of_a_diagonal():
    options = {"relevance": "diagonal", "n_components": 2}
    refused(GMLVQClassifier, "n_components=2", "relevance='diagonal'", **options)


@pytest.mark.parametrize("m", [4, 7])
def test_tangents_that_fill_the_space(m):
    refused(GTLVQClassifier, f"n_tangents={m}", "n_features=4", n_tangents=m)


@pytest.mark.parametrize("sigma", [[1.0, 2.0], [1.0, -1.0, 2.0], [1.0, np.nan, 2.0]])
def test_widths_that_do_not_fit(sigma):
    refused(RSLVQClassifier, "sigma", sigma=sigma)


UNKNOWN = [
    (GLVQClassifier, {"metric": "chebyshev"}),
    (GLVQClassifier, {"beta": 0.0}),
    (GLVQClassifier, {"margin": -0.1}),
    (GMLVQClassifier, {"relevance": "sparse"}),
    (GMLVQClassifier, {"n_components": 0}),
    (LGMLVQClassifier, {"localization": "row"}),
    (GTLVQClassifier, {"n_tangents": 0}),
    (RSLVQClassifier, {"sigma": 0.0}),
    (RSLVQClassifier, {"learn_sigma": "yes"}),
    *[(E, {"loss": "hinge"}) for E in NEAREST_ESTIMATORS],
    *[(E, {"activation": "tanh"}) for E in NEAREST_ESTIMATORS],
]


@pytest.mark.parametrize(("Estimator", "parameters"), UNKNOWN)
def test_unknown_values_are_refused_by_name(Estimator, parameters):
    (name, value) = next(iter(parameters.items()))
    error = refused(Estimator, f"'{name}'", repr(value), **parameters)
    assert isinstance(error, InvalidParameterError)


# Margins and probabilities


def test_the_triplet_loss_buys_a_margin():
    """In a true distance (d- - d+) / 2 is a radius in which nothing changes."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 60)
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    rows = centres[y] + 0.5 * rng.normal(size=(len(y), 2))
    margin = 2.0
    options = {"metric": "euclidean", "loss": "triplet", "margin": margin}
    model = GLVQClassifier(random_state=0, **options).fit(rows, y)
    d = dissimilarities(model, rows)
    pairs = np.array(
        [
            references.own_and_rival(row, model.prototype_labels_, label)
            for row, label in zip(d, y, strict=True)
        ]
    )
    radius = (pairs[:, 1] - pairs[:, 0]) / 2
    assert np.mean(radius >= margin / 2) > 0.95
    # And a step of that length, in any direction, changes no prediction.
    step = rng.normal(size=rows.shape)
    step *= (0.999 * margin / 2) / np.linalg.norm(step, axis=1, keepdims=True)
    safe = radius >= margin / 2
    np.testing.assert_array_equal(model.predict(rows + step)[safe], y[safe])


@every_nearest_instance
def test_probabilities_are_a_softmax_over_the_temperature(model):
    d = dissimilarities(model, X)
    closest = references.of_classes(d, model.prototype_labels_, model.classes_)
    expected = softmax(-closest / model.temperature_, axis=1)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@every_nearest_estimator
def test_the_temperature_fits_best(Estimator, weighted):
    """Better than every other on a grid over seven orders of magnitude."""
    weight = np.linspace(0.1, 3.0, len(X)) if weighted else np.ones(len(X))
    model = Estimator(max_iter=10, random_state=0).fit(X, Y, sample_weight=weight)
    scores = model.decision_function(X)

    def loss(temperature):
        return references.smoothed_log_loss(scores, Y, weight, temperature)

    spread = np.ptp(scores, axis=1).mean()
    grid = spread * np.logspace(-3.5, 3.5, 71)
    found = loss(model.temperature_)
    assert found <= min(map(loss, grid)) + 1e-9
    assert found < loss(model.temperature_ * 1.02)
    assert found < loss(model.temperature_ / 1.02)


@every_nearest_estimator
def test_separable_classes_keep_a_temperature(Estimator):
    rng = np.random.default_rng(0)
    rows = np.vstack([rng.normal(size=(30, 3)), rng.normal(size=(30, 3)) + 100])
    y = np.repeat(["a", "b"], 30)
    model = Estimator(random_state=0).fit(rows, y)
    p = model.predict_proba(rows)
    assert 0 < model.temperature_ < np.inf
    assert model.score(rows, y) == 1.0
    assert np.isfinite(model.predict_log_proba(rows)).all()
    assert p.max() < 1.0, "sixty rows leave a doubt"


@every_lvq_estimator
def test_calibration_composes(Estimator):
    base = Estimator(max_iter=10, random_state=0)
    calibrated = CalibratedClassifierCV(base, cv=3, ensemble=False).fit(X, Y)
    p = calibrated.predict_proba(X)
    assert p.shape == (len(X), 3)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert calibrated.score(X, Y) > 0.7
