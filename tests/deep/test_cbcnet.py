"""Deep CBC, deep RBF and PIP-Net: heads on detected parts."""

import math
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn
from torch.autograd import gradcheck

from sklearn_proto import CBCNetClassifier
from sklearn_proto._losses import (
    concise_nll,
    hinge,
    relative_hinge,
    tanh_loss,
    view_alignment,
)
from sklearn_proto._modules import (
    Branch,
    ChannelPrototypes,
    ClassConnections,
    RectifiedWeights,
)
from tests.quick_digits import QUICK, TEST, TRAIN, Y_TEST, Y_TRAIN
from tests.references import signed_agreement

HEADS = ["cbc", "rbf", "pipnet"]
every_head = pytest.mark.parametrize("head", HEADS)


def quick(**options):
    return CBCNetClassifier(2, **QUICK | options)


@pytest.fixture(scope="module")
def models():
    return {head: quick(head=head).fit(TRAIN, Y_TRAIN) for head in HEADS}


@pytest.fixture
def model(head, models):
    return models[head]


def outputs(model, rows):
    view = model.certifiable_view()
    (own,) = view.outputs(view.tensor(rows)).branches
    return own


@every_head
def test_learns(model):
    assert model.score(TEST, Y_TEST) > 0.93


def test_scores_of_cbc_are_agreements(models):
    model = models["cbc"]
    presence, absence = np.moveaxis(model.reasoning_[:, 0], -1, 0)
    np.testing.assert_allclose((presence + absence).sum(1), 1.0)
    phi = model.transform(TEST[:6])
    wanted = [
        [signed_agreement(row, p, a) for p, a in zip(presence, absence, strict=True)]
        for row in phi
    ]
    scores = model.decision_function(TEST[:6])
    np.testing.assert_allclose(scores, wanted)
    assert (scores >= 0).all()
    assert (scores <= 1).all()
    np.testing.assert_allclose(model.coef_, presence - absence)


def test_scores_of_rbf_are_weighted_means(models):
    model = models["rbf"]
    np.testing.assert_allclose(model.coef_.sum(1), 1.0)
    assert (model.coef_ >= 0).all()
    phi = model.transform(TEST[:6])
    np.testing.assert_allclose(model.decision_function(TEST[:6]), phi @ model.coef_.T)


def test_scores_of_pipnet_are_sums_of_what_is_found(models):
    model = models["pipnet"]
    assert (model.coef_ >= 0).all()
    assert (model.coef_ == 0).mean() > 0.3
    phi = model.transform(TEST[:6])
    np.testing.assert_allclose(model.decision_function(TEST[:6]), phi @ model.coef_.T)


def test_patches_of_pipnet_are_distributions_over_channels(models):
    model = models["pipnet"]
    own = outputs(model, TEST[:10])
    np.testing.assert_allclose(own.patches.sum(1), 1.0)
    # 8 prototypes, and 8 channels for everything else.
    assert own.patches.shape[1] == 16
    wanted = own.patches[:, :8].flatten(2).amax(2)
    np.testing.assert_allclose(model.transform(TEST[:10]), wanted)
    np.testing.assert_array_equal(model.prototypes_[:, :, 0, 0], np.eye(8, 16))


def test_a_channel_belongs_to_the_class_that_it_speaks_for_most(models):
    model = models["pipnet"]
    owners = model.classes_[model.coef_.argmax(0)]
    np.testing.assert_array_equal(model.prototype_labels_, owners)


def test_sources_of_channels_show_most_of_them(models):
    model = models["pipnet"]
    phi = model.transform(TRAIN)
    for k, label in enumerate(model.prototype_labels_):
        own = phi[label == Y_TRAIN, k]
        assert phi[model.prototype_indices_[k], k] == pytest.approx(own.max())
        assert Y_TRAIN[model.prototype_indices_[k]] == label


@pytest.mark.parametrize("head", ["cbc", "rbf"])
def test_prototypes_are_patches_of_their_class(model):
    phi = model.transform(TRAIN[model.prototype_indices_])
    np.testing.assert_allclose(np.diagonal(phi), 1.0, atol=1e-9)
    labels = Y_TRAIN[model.prototype_indices_]
    np.testing.assert_array_equal(labels, model.prototype_labels_)


@every_head
def test_explanations_add_up(model):
    explanation = model.explain(TEST[:5])
    total = explanation.contributions.sum(-1) + explanation.baseline
    np.testing.assert_allclose(total, explanation.scores, atol=1e-9)
    np.testing.assert_allclose(total, model.decision_function(TEST[:5]), atol=1e-9)
    assert explanation.prototype_images.shape == (8, 8, 8)


def test_explanations_of_cbc_tell_presence_from_absence(models):
    model = models["cbc"]
    explanation = model.explain(TEST[:5])
    phi = explanation.similarities[:, None]
    plus, minus = model.reasoning_[:, 0, :, 0], model.reasoning_[:, 0, :, 1]
    found = explanation.evidence
    np.testing.assert_allclose(found["positive_agreement"], phi * plus)
    np.testing.assert_allclose(found["negative_agreement"], (1 - phi) * minus)


@every_head
def test_pickles_predict_the_same(model):
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(TEST), model.predict_proba(TEST))


@every_head
def test_pruning_keeps_a_prototype_that_is_used(model):
    pruned = pickle.loads(pickle.dumps(model))
    pruned.set_params(pruning_threshold=6).prune(TRAIN, Y_TRAIN)
    kept = pruned.pruning_report_["kept"]
    assert len(pruned.prototypes_) == kept.sum()
    # The channels of the map are all there still.
    assert pruned.prototypes_.shape[1] == 16
    assert pruned.score(TEST, Y_TEST) > 0.9
    again = pickle.loads(pickle.dumps(pruned))
    np.testing.assert_array_equal(again.predict(TEST), pruned.predict(TEST))


def test_another_head_leaves_nothing_behind(models):
    model = pickle.loads(pickle.dumps(models["cbc"]))
    model.set_params(head="rbf", max_epochs=1, warmup_epochs=1).fit(TRAIN, Y_TRAIN)
    assert not hasattr(model, "reasoning_")
    explanation = model.explain(TEST[:3])
    assert explanation.evidence == {}


def test_more_prototypes_than_channels_widen_the_map():
    model = quick(head="pipnet", n_channels=4, warmup_epochs=0, max_epochs=1)
    model.fit(TRAIN, Y_TRAIN)
    assert model.prototypes_.shape == (8, 8, 1, 1)
    model.set_params(pruning_threshold=6).prune(TRAIN, Y_TRAIN)
    assert model.prototypes_.shape[1] == 8
    assert np.isfinite(model.predict_proba(TEST)).all()


@pytest.mark.parametrize(
    "similarity", ["exp", "log", "cosine", "projection", "softmax"]
)
@every_head
def test_every_head_on_every_detection(head, similarity):
    options = {"warmup_epochs": 1, "max_epochs": 1, "head": head}
    model = quick(similarity=similarity, **options).fit(TRAIN, Y_TRAIN)
    explanation = model.explain(TEST[:3])
    assert ((explanation.similarities >= 0) & (explanation.similarities <= 1)).all()
    total = explanation.contributions.sum(-1) + explanation.baseline
    np.testing.assert_allclose(total, explanation.scores, atol=1e-9)


@pytest.mark.slow
def test_views_shall_agree():
    free, held = (
        quick(
            head="pipnet",
            augmentation="shift",
            alignment_weight=weight,
            warmup_epochs=0,
        ).fit(TRAIN, Y_TRAIN)
        for weight in (0.0, 2.5)
    )

    def clearness(model):
        """How much of each patch is its largest channel."""
        return float(outputs(model, TEST).patches.amax(1).mean())

    assert clearness(held) > clearness(free) + 0.02


def test_one_view_where_nothing_is_augmented():
    options = {"head": "pipnet", "warmup_epochs": 1, "max_epochs": 1}
    one = quick(alignment_weight=0.0, **options).fit(TRAIN, Y_TRAIN)
    other = quick(alignment_weight=9.0, **options).fit(TRAIN, Y_TRAIN)
    np.testing.assert_array_equal(one.predict_proba(TEST), other.predict_proba(TEST))


def test_pre_training_uses_all_channels():
    options = {"head": "pipnet", "max_epochs": 0, "last_layer_iter": 0}

    def used(epochs):
        model = quick(warmup_epochs=epochs, **options).fit(TRAIN, Y_TRAIN)
        return model.transform(TRAIN).max(0).min()

    assert used(6) > used(0) + 0.1


@pytest.mark.slow
def test_in_a_pipeline_and_a_grid():
    half = FunctionTransformer(lambda rows: rows / 2)
    pipe = make_pipeline(half, quick(warmup_epochs=1, max_epochs=2))
    grid = GridSearchCV(pipe, {"cbcnetclassifier__head": HEADS}, cv=2)
    grid.fit(TRAIN, Y_TRAIN)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()


@pytest.mark.slow
def test_a_lipschitz_network_has_certificates():
    options = {"backbone": "auto", "backbone_learning_rate": "auto", "lipschitz": True}
    model = quick(max_epochs=3, **options).fit(TRAIN, Y_TRAIN)
    rows, labels = TEST[:20], model.predict(TEST[:20])
    radius = model.certified_radius(rows)
    assert (radius > 0).all()
    directions = np.random.default_rng(0).standard_normal((50, *rows.shape))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    moved = (rows + radius[:, None] * directions).reshape(-1, rows.shape[1])
    expected = np.tile(labels, len(directions))
    np.testing.assert_array_equal(model.predict(moved), expected)


@every_head
def test_no_certificate_without_a_constant(model):
    with pytest.raises(TypeError, match="SmoothedClassifier"):
        model.certified_radius(TEST[:3])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"head": "pipnet", "patch_size": 2}, ["patch_size=2", "softmax"]),
        ({"head": "pipnet", "init": np.ones((8, 16, 1, 1))}, ["init", "softmax"]),
        ({"head": "pipnet", "lipschitz": True}, ["lipschitz=True", "softmax"]),
        ({"head": "linear"}, ["head", "linear"]),
        ({"similarity": "none"}, ["similarity", "none"]),
        ({"margin": 0.0}, ["margin", "0.0"]),
        ({"tanh_weight": -1.0}, ["tanh_weight", "-1.0"]),
        ({"alignment_weight": -1.0}, ["alignment_weight", "-1.0"]),
        ({"cluster_weight": -1.0}, ["cluster_weight", "-1.0"]),
    ],
)
def test_what_does_not_go_together(options, words):
    with pytest.raises(ValueError) as caught:
        quick(**{"backbone": "auto"} | options).fit(TRAIN, Y_TRAIN)
    for word in words:
        assert word in str(caught.value)


@every_head
def test_no_tensor_on_the_default_device(head):
    estimator = quick(head=head, augmentation="shift", warmup_epochs=1, max_epochs=1)
    with torch.device("meta"):
        model = clone(estimator).fit(TRAIN, Y_TRAIN)
        model.predict(TEST)
        model.explain(TEST[:2])
        model.prune(TRAIN, Y_TRAIN)


# The parts that PIP-Net is made of.


class Maps(nn.Module):
    """Outputs of a branch whose latent maps are given as logits."""

    def __init__(self, n=4, k=3, width=5, height=2):
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        logits = torch.randn(n, width, height, 3, generator=rng, dtype=torch.float64)
        self.logits = nn.Parameter(logits)
        owners = torch.arange(k)
        parts = ChannelPrototypes(owners, width).double()
        head = ClassConnections(torch.eye(k)[:, None].double())
        self.branch = Branch(nn.Softmax2d(), parts, head)

    def outputs(self, logits=None):
        given = self.logits if logits is None else logits
        return self.branch(given, given)


Y_MAPS = torch.tensor([0, 1, 0, 1])
WEIGHT = torch.tensor([1.0, 2.0, 1.0, 2.0], dtype=torch.float64)


def test_alignment_of_views_against_loops():
    own = Maps().outputs()
    z = own.patches.detach().numpy()
    means = []
    for one, other in zip(z[:2], z[2:], strict=True):
        logs = [
            -math.log(float(one[:, h, w] @ other[:, h, w]) + 1e-7)
            for h, w in np.ndindex(z.shape[2:])
        ]
        means.append(math.fsum(logs) / len(logs))
    wanted = (means[0] * 1.0 + means[1] * 2.0) / 3.0
    assert float(view_alignment(own, Y_MAPS, WEIGHT).detach()) == pytest.approx(wanted)


def test_views_that_show_one_same_channel_are_aligned():
    logits = torch.full((2, 3, 1, 1), -1e3, dtype=torch.float64)
    logits[:, 1] = 0.0
    own = Maps(n=2, width=3).outputs(logits)
    y, weight = torch.tensor([0, 0]), torch.ones(2, dtype=torch.float64)
    assert float(view_alignment(own, y, weight).detach()) == pytest.approx(0, abs=1e-6)


def test_disuse_against_loops():
    own = Maps().outputs()
    g = own.similarities.detach().numpy()
    sums = [sum(w * float(g[i, k]) for i, w in enumerate(WEIGHT)) for k in range(3)]
    wanted = -sum(math.log(math.tanh(float(s)) + 1e-7) for s in sums) / 3
    assert float(tanh_loss(own, Y_MAPS, WEIGHT).detach()) == pytest.approx(wanted)


@pytest.mark.parametrize("term", [view_alignment, tanh_loss])
def test_gradients_are_finite_differences(term):
    maps = Maps()
    assert gradcheck(
        lambda z: term(maps.outputs(z), Y_MAPS, WEIGHT), (maps.logits,), atol=1e-6
    )


def test_concise_likelihood_against_its_formula():
    scores = np.array([[0.0, 2.0, 0.5], [1.0, 0.0, 0.0]])
    for y in ([1, 0], [2, 1]):
        likelihood = np.log1p(scores**2)
        total = np.log(np.exp(likelihood).sum(1))
        wanted = total - likelihood[np.arange(2), y]
        found = concise_nll(torch.tensor(scores), torch.tensor(y))
        np.testing.assert_allclose(found, wanted)


def test_relative_hinge_is_a_hinge_in_units_of_the_margin():
    scores = torch.tensor([[0.5, 0.4, 0.1], [0.2, 0.7, 0.0]], dtype=torch.float64)
    y = torch.tensor([0, 0])
    np.testing.assert_allclose(relative_hinge(scores, y, margin=0.2), [0.5, 3.5])
    wanted = hinge(scores, y, margin=0.2) / 0.2
    np.testing.assert_allclose(relative_hinge(scores, y, margin=0.2), wanted)


def test_rectified_weights_start_for_a_class_and_know_no_negative():
    owners = torch.eye(2).repeat_interleave(2, 1)[:, None]
    head = RectifiedWeights(owners)
    weights = head.arrays()["coef_"]
    assert (weights > 0).all()
    np.testing.assert_array_equal(weights.argmax(0), [0, 0, 1, 1])
    with torch.no_grad():
        head.raw[0, 1] = -3.0
    assert head.arrays()["coef_"][0, 1] == 0.0
    head.keep(torch.tensor([1, 3]))
    np.testing.assert_array_equal(head.arrays()["coef_"][0], [0.0, weights[0, 3]])
