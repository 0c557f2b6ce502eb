"""ST-ProtoPNet, and the options that make ProtoPNet more interpretable."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback
from torch import nn

from sklearn_proto import ProtoPNetClassifier, STProtoPNetClassifier
from sklearn_proto._losses import alignment
from tests.breadth import quick_are
from tests.quick_digits import QUICK, TEST, TRAIN, Y_TEST, Y_TRAIN

# What a similarity of 1 counts: the largest product of a patch in [0, 1] of 16 channels
# with a unit vector.
UNIT = 4.0


@pytest.fixture(scope="module")
def model():
    return STProtoPNetClassifier(2, **QUICK).fit(TRAIN, Y_TRAIN)


def branches(model, rows):
    """Outputs of the branches, without gradients."""
    view = model.certifiable_view()
    return view.outputs(view.tensor(rows)).branches


def test_learns(model):
    assert model.score(TEST, Y_TEST) > 0.95


def test_the_sets_are_told_apart(model):
    assert model.prototype_sets_.tolist() == ["support"] * 8 + ["trivial"] * 8
    assert model.prototype_labels_.tolist() == [0, 0, 1, 1, 2, 2, 3, 3] * 2
    assert model.prototypes_.shape == (16, 16, 1, 1)
    assert model.prototype_images_.shape == (16, 8, 8)
    assert model.prototype_boxes_.shape == (16, 4)


def test_the_scores_of_both_heads_add_up(model):
    outputs = branches(model, TEST)
    support, trivial = (own.scores.numpy() for own in outputs)
    np.testing.assert_allclose(model.decision_function(TEST), support + trivial)
    for own, coef in zip(outputs, np.split(model.coef_, 2, axis=1), strict=True):
        similarities = own.similarities.numpy()
        np.testing.assert_allclose(own.scores, similarities @ coef.T, atol=1e-9)
    # Neither set is idle.
    for scores in (support, trivial):
        assert (scores.argmax(1) == Y_TEST).mean() > 0.9


def test_similarities_are_cosines_at_least_zero(model):
    for own in branches(model, TEST[:20]):
        z = own.patches.flatten(2).numpy()
        p = own.branch.parts.prototypes.flatten(1).numpy()
        z /= np.linalg.norm(z, axis=1, keepdims=True)
        p /= np.linalg.norm(p, axis=1, keepdims=True)
        wanted = np.einsum("kd,ndp->nkp", p, z).max(2).clip(0)
        np.testing.assert_allclose(own.similarities, wanted, atol=1e-12)


def test_each_set_is_projected_onto_patches_of_its_own_map(model):
    indices = np.split(model.prototype_indices_, 2)
    for own, rows in zip(branches(model, TRAIN), indices, strict=True):
        owners = own.branch.parts.owners.numpy()
        d = own.dissimilarity_map.flatten(2).numpy()
        for k, row in enumerate(rows):
            assert Y_TRAIN[row] == owners[k]
            position = d[row, k].argmin()
            patch = own.patches[row].flatten(1)[:, position]
            prototype = own.branch.parts.prototypes[k, :, 0, 0]
            np.testing.assert_allclose(patch, prototype, atol=1e-9)
            assert d[owners[k] == Y_TRAIN, k].min() == pytest.approx(0.0, abs=1e-9)


def test_explanations_add_up(model):
    explanation = model.explain(TEST[:5])
    total = explanation.contributions.sum(-1) + explanation.baseline
    np.testing.assert_allclose(total, explanation.scores, atol=1e-9)
    np.testing.assert_allclose(total, model.decision_function(TEST[:5]), atol=1e-9)
    assert explanation.similarities.shape == (5, 16)


def test_patches_and_prototypes_are_directions(model):
    for own in branches(model, TEST[:20]):
        np.testing.assert_allclose(own.patches.norm(dim=1), 1.0)
    np.testing.assert_allclose(np.linalg.norm(model.prototypes_, axis=1), 1.0)


def test_a_blank_image_has_finite_scores(model):
    assert np.isfinite(model.decision_function(np.zeros((1, 64)))).all()


class Moves(Callback):
    """Notes which parts of the network change in each mini-batch."""

    def __init__(self):
        self.found = []

    def _now(self, net):
        network = net.module_
        groups = {"backbone": network.backbone.parameters()}
        for name, branch in zip(("support", "trivial"), network.branches, strict=True):
            groups[name, "add_on"] = branch.add_on.parameters()
            groups[name, "prototypes"] = [branch.parts.prototypes]
            groups[name, "head"] = branch.head.parameters()
        return {n: [p.detach().clone() for p in ps] for n, ps in groups.items()}

    def on_batch_begin(self, net, training=False, **_):
        if training:
            self.before = self._now(net)

    def on_batch_end(self, net, training=False, **_):
        if training:
            after = self._now(net)
            self.found.append(
                {
                    name
                    for name, old in self.before.items()
                    if any(map(_differ, old, after[name]))
                }
            )


def _differ(a, b):
    return not torch.equal(a, b)


def test_the_sets_take_turns():
    moves = Moves()
    STProtoPNetClassifier(
        1, callbacks=[moves], **QUICK | {"warmup_epochs": 0, "max_epochs": 2}
    ).fit(TRAIN, Y_TRAIN)
    turns = [
        {"backbone", (name, "add_on"), (name, "prototypes")}
        for name in ("support", "trivial")
    ]
    # 2 epochs of 19 batches: the turns go on over the epochs.
    assert moves.found == turns * 19


@pytest.mark.slow
def test_terms_of_the_sets_do_what_they_are_for():
    """Before projection, since patches need not be where the terms want them."""
    found = []
    for strength in (0.0, 5.0):
        moves = Last()
        terms = dict.fromkeys(["closeness_weight", "discrimination_weight"], strength)
        STProtoPNetClassifier(
            1, callbacks=[moves], **QUICK | terms | {"projection_period": 10}
        ).fit(TRAIN, Y_TRAIN)
        found.append(moves.cosines)
    free, held = found
    assert held["support"] - free["support"] > 0.1
    assert held["trivial"] - free["trivial"] < -0.1


class Last(Callback):
    """Keeps the mean cosine between the prototypes of each set, as trained."""

    def on_train_end(self, net, **_):
        if net.stage.name != "joint":
            return
        self.cosines = {}
        for name, branch in zip(
            ("support", "trivial"), net.module_.branches, strict=True
        ):
            p = branch.parts.prototypes.detach().flatten(1)
            unit = nn.functional.normalize(p, dim=1).numpy()
            products = unit @ unit.T
            off = ~np.eye(len(unit), dtype=bool)
            self.cosines[name] = products[off].mean()


def test_pruning_keeps_the_names_of_the_sets(model):
    pruned = clone(model).set_params(
        pruning=True, pruning_threshold=6, max_epochs=2, projection_period=2
    )
    pruned.fit(TRAIN, Y_TRAIN)
    kept = pruned.pruning_report_["kept"]
    assert len(kept) == 16
    assert not kept.all()
    assert kept.sum() == len(pruned.prototypes_)
    assert (pruned.prototype_sets_ == model.prototype_sets_[kept]).all()
    # Every class keeps one of each set.
    names = zip(pruned.prototype_sets_, pruned.prototype_labels_, strict=True)
    assert len(set(names)) == 8


def test_a_given_start_names_the_support_set_first(model):
    start = np.random.default_rng(0).random((8, 16, 1, 1))
    untrained = {"warmup_epochs": 0, "max_epochs": 0, "last_layer_iter": 0}
    first = Start()
    STProtoPNetClassifier(
        1, init=start, callbacks=[first], **QUICK | untrained | {"warmup_epochs": 1}
    ).fit(TRAIN, Y_TRAIN)
    found = np.concatenate(first.prototypes)
    # Their length does not matter to a cosine.
    np.testing.assert_allclose(
        found / np.linalg.norm(found, axis=1, keepdims=True),
        start / np.linalg.norm(start, axis=1, keepdims=True),
        rtol=1e-5,
    )


class Start(Callback):
    """Keeps the prototypes that training starts from."""

    def on_train_begin(self, net, **_):
        branches = net.module_.branches
        self.prototypes = [b.parts.prototypes.detach().numpy().copy() for b in branches]


def test_counts_of_prototypes_by_class(model):
    counted = clone(model).set_params(n_prototypes_per_class=[1, 2, 3, 1], max_epochs=1)
    counted.fit(TRAIN, Y_TRAIN)
    labels = [0, 1, 1, 2, 2, 2, 3]
    assert counted.prototype_labels_.tolist() == labels * 2
    assert counted.score(TEST, Y_TEST) > 0.5


def test_two_classes_with_names():
    two = Y_TRAIN < 2
    names = np.array(["zero", "one"])[Y_TRAIN[two]]
    model = STProtoPNetClassifier(1, patch_size=2, **QUICK).fit(TRAIN[two], names)
    assert model.score(TRAIN[two], names) > 0.97
    assert model.prototypes_.shape == (4, 16, 2, 2)
    assert model.prototype_labels_.tolist() == ["one", "zero"] * 2


@pytest.mark.parametrize(
    "name",
    [
        "cluster_weight",
        "support_separation_weight",
        "trivial_separation_weight",
        "closeness_weight",
        "discrimination_weight",
        "orthogonality_weight",
        "l1_weight",
    ],
)
def test_weights_below_zero(name):
    with pytest.raises(ValueError, match=f"'{name}' parameter .* Got -1"):
        STProtoPNetClassifier(**QUICK | {name: -1}).fit(TRAIN, Y_TRAIN)


def test_a_start_of_one_set_is_not_enough():
    start = np.zeros((4, 16, 1, 1))
    with pytest.raises(ValueError, match=r"init has shape \(4, .* \(8, 16, 1, 1\)"):
        STProtoPNetClassifier(1, init=start, **QUICK).fit(TRAIN, Y_TRAIN)


# Options of ProtoPNet: score aggregation, projection similarity and alignment.

# Drawing patches to prototypes more than from those of other classes would make all
# inner products large.
BALANCED = {"cluster_weight": 0.1, "separation_weight": 0.1}


@pytest.fixture(scope="module")
def aggregated():
    return ProtoPNetClassifier(
        2,
        aggregation="score",
        similarity="projection",
        orthogonality_weight=1e-3,
        **QUICK | BALANCED,
    ).fit(TRAIN, Y_TRAIN)


def test_score_aggregation_learns(aggregated):
    assert aggregated.score(TEST, Y_TEST) > 0.9


def test_score_aggregation_gives_positive_weights_to_own_prototypes(aggregated):
    own = aggregated.prototype_labels_ == aggregated.classes_[:, None]
    assert (aggregated.coef_[own] > 0).all()
    assert (aggregated.coef_[~own] == 0).all()
    np.testing.assert_allclose(aggregated.coef_.sum(1), 2 * UNIT)


def test_score_aggregation_survives_pruning(aggregated):
    pruned = clone(aggregated).set_params(pruning=True, pruning_threshold=6)
    pruned.fit(TRAIN, Y_TRAIN)
    own = pruned.prototype_labels_ == pruned.classes_[:, None]
    np.testing.assert_allclose(pruned.coef_.sum(1), own.sum(1) * UNIT)


def test_projection_similarity_is_the_part_along_the_prototype(aggregated):
    (own,) = branches(aggregated, TEST[:20])
    z = own.patches.flatten(2).numpy()
    p = aggregated.prototypes_.reshape(8, -1)
    products = np.einsum("kd,ndp->nkp", p, z) / np.linalg.norm(p, axis=1)[:, None]
    wanted = products.max(2) / np.sqrt(16)
    np.testing.assert_allclose(aggregated.transform(TEST[:20]), wanted)
    assert (wanted <= 1).all()


@pytest.mark.parametrize(
    "similarity", quick_are(["exp"], ["log", "exp", "cosine", "projection"])
)
@pytest.mark.parametrize("aggregation", ["linear", "score"])
def test_every_similarity_with_every_head(similarity, aggregation):
    model = ProtoPNetClassifier(
        2, similarity=similarity, aggregation=aggregation, **QUICK | BALANCED
    )
    assert model.fit(TRAIN, Y_TRAIN).score(TEST, Y_TEST) > 0.85


def misalignment(model):
    (own,) = branches(model, TEST)
    weight = torch.ones(len(TEST), dtype=torch.float64)
    return float(alignment(own, torch.tensor(Y_TEST), weight, slack=0.0))


@pytest.mark.slow
def test_alignment_starts_after_the_warm_up_and_aligns():
    fits = [
        ProtoPNetClassifier(
            2, alignment_weight=strength, alignment_slack=0.0, **QUICK
        ).fit(TRAIN, Y_TRAIN)
        for strength in (0.0, 3.0)
    ]
    losses = [[r["train_loss"] for r in m.history_ if "epoch" in r] for m in fits]
    assert losses[0][:4] == losses[1][:4]
    assert losses[1][4] > losses[0][4]
    assert misalignment(fits[1]) < 0.7 * misalignment(fits[0])
    assert fits[1].score(TEST, Y_TEST) > 0.9


@pytest.mark.parametrize("shape", [(1, 64), (4, 4, 4)], ids=str)
def test_alignment_on_other_layouts(shape):
    options = QUICK | {"image_shape": shape, "max_epochs": 1, "backbone": "auto"}
    model = ProtoPNetClassifier(1, alignment_weight=1.0, **options)
    assert np.isfinite(model.fit(TRAIN, Y_TRAIN).loss_curve_).all()


class OddMaps(nn.Module):
    """An early map that is no multiple of the late one."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 2)
        self.second = nn.Conv2d(4, 8, 3, stride=2)

    def forward(self, x):
        early = torch.relu(self.first(x))
        return [early, torch.relu(self.second(early))]


def test_alignment_with_maps_that_do_not_fit():
    model = ProtoPNetClassifier(
        1, alignment_weight=1.0, **QUICK | {"max_epochs": 2, "backbone": OddMaps}
    )
    assert np.isfinite(model.fit(TRAIN, Y_TRAIN).loss_curve_).all()


@pytest.mark.parametrize("name", ["alignment_weight", "alignment_slack"])
def test_options_below_zero(name):
    with pytest.raises(ValueError, match=f"'{name}' parameter .* Got -1"):
        ProtoPNetClassifier(**QUICK | {name: -1}).fit(TRAIN, Y_TRAIN)


@pytest.mark.parametrize(
    "estimator",
    [
        STProtoPNetClassifier(1, **QUICK),
        ProtoPNetClassifier(
            1, alignment_weight=1.0, aggregation="score", patch_size=2, **QUICK
        ),
    ],
    ids=["st", "aligned"],
)
def test_no_tensor_on_the_default_device_and_no_trace_in_generators(estimator):
    short = clone(estimator).set_params(max_epochs=1)
    here = short.fit(TRAIN, Y_TRAIN).predict_proba(TEST)
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with torch.device("meta"):
        there = clone(short).fit(TRAIN, Y_TRAIN).predict_proba(TEST)
    np.testing.assert_array_equal(here, there)
    assert torch.equal(before[0], torch.random.get_rng_state())
    after = np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after)
