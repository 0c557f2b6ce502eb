"""Deep Classification-by-Components: reasoning over the parts of an image."""

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

import torch

from sklearn_proto._compat import Interval, NameIn
from sklearn_proto._losses import PartObjective, concise_nll, relative_hinge
from sklearn_proto._modules import (
    SIMILARITIES,
    Branch,
    Head,
    NormalizedWeights,
    RectifiedWeights,
    SignedReasoning,
)
from sklearn_proto.deep._detections import DETECTIONS, PatchDetection
from sklearn_proto.deep._lipschitz_option import LipschitzOption
from sklearn_proto.deep._part_classifier import PartPrototypeClassifier
from sklearn_proto.deep._part_networks import class_membership
from sklearn_proto.explain import agreement_contributions


class _Scoring(NamedTuple):
    """How detected parts become scores."""

    head: type[Head]
    row_loss: Callable[[float], Any]  # of a margin
    similarity: str  # what "auto" is


def _margin_loss(margin):
    return partial(relative_hinge, margin=margin)


_SCORINGS = {
    "cbc": _Scoring(SignedReasoning, _margin_loss, "exp"),
    "rbf": _Scoring(NormalizedWeights, _margin_loss, "exp"),
    "pipnet": _Scoring(RectifiedWeights, lambda _: concise_nll, "softmax"),
}


class CBCNetClassifier(LipschitzOption, PartPrototypeClassifier):
    """Part-prototype network that reasons over detected parts.

    A backbone turns an image into a map of latent patches, in which every prototype is
    detected with a probability ``g_k`` in [0, 1], that of the best patch. A head turns
    detections into scores:

    - "cbc", Classification-by-Components [1]_: every class holds a probability that a
      part must be present (R+) and that it must be absent (R-), and its score is the
      agreement ``sum_k g_k R+_k + (1 - g_k) R-_k``;
    - "rbf": a weighted mean of the detections, ``sum_k w_k g_k`` with weights of at
      least 0 that add up to 1;
    - "pipnet", of PIP-Net [2]_: ``sum_k w_k g_k`` with sparse weights of at least 0,
      so that scores fall towards 0 with what is found in a row.

    Parameters
    ----------
    n_prototypes_per_class : int or array-like of shape (n_classes,), default=5
        Number of prototypes of each class.
    image_shape : tuple of int, optional
        Shape of the image in a flat row: (height, width), (height, width, channels)
        or, with `channels_first`, (channels, height, width). Images need none. Flat
        rows without it are signals: images one pixel high.
    channels_first : bool, default=False
        Whether the channels of colour images come first.
    init : {"kmeans", "random"} or array-like, default="kmeans"
        Start of the prototypes, as in `ProtoPNetClassifier`. Prototypes that are
        channels have no place to start at; an array is then an error.
    backbone : "auto", Module or callable, default="auto"
        "auto" is a small convolutional network that is trained from scratch. A module,
        of timm or torchvision for example, is copied, and a callable without arguments
        makes one. It must map images (n, channels, height, width) to a map
        (n, D, H, W), or to a list of maps of which the last is used.
    train_backbone : bool, default=True
        Whether the backbone is trained, or stays as it is given.
    n_channels : int, default=64
        Channels of the latent patches. With similarity "softmax" at least one for each
        prototype; the others are for what is no part of any class.
    patch_size : int, default=1
        Height and width of a latent patch, in positions of the map.
    head : {"cbc", "rbf", "pipnet"}, default="cbc"
        How detections become scores.
    similarity : {"auto", "exp", "log", "cosine", "projection", "softmax"}, \
default="auto"
        How a prototype is detected. With "softmax" the channels of the latent map are
        the prototypes, and a patch is distributed over them [2]_; with the others they
        are patches, see `ProtoPNetClassifier`. "auto" is "softmax" for head "pipnet",
        "exp" for the others.
    lipschitz : bool, default=False
        Whether the network has a Lipschitz constant, so that `certified_radius` has
        proofs, see `ProtoPNetClassifier`. Needs similarity "exp" or "log".
    margin : float, default=0.3
        Lead over the best other class at which the loss of the heads "cbc" and "rbf" is
        0. Their scores are in [0, 1]. 0.025 in [1]_, for photographs and a backbone
        that has been trained before.
    cluster_weight : float, default=0.8
        Weight of the dissimilarity to the closest prototype of the own class, where
        prototypes are patches. The loss of the scores has weight 1.
    alignment_weight : float, default=0.5
        Weight of the disagreement of two views of a row, each with an `augmentation` of
        its own, where prototypes are channels; 2.5 in [2]_. It makes a patch show one
        channel clearly. Without an augmentation there is one view, and no such term.
    tanh_weight : float, default=1.0
        Weight of the term that makes every channel appear somewhere in a batch, where
        prototypes are channels.
    warmup_epochs : int, default=5
        Epochs in which a given backbone rests. Where prototypes are channels, these
        epochs have no labels: views of a row shall agree, and all channels be used.
    max_epochs : int, default=30
        Epochs in which all is trained.
    projection_period : int, default=10
        Epochs between projections of the prototypes; the last is at the end.
    last_layer_iter : int, default=20
        Iterations of L-BFGS on the head after each projection.
    pruning : bool, default=False
        Whether to prune at the end, see `prune`.
    pruning_neighbors : int, default=6
        Nearest patches that are looked at for each prototype.
    pruning_threshold : int, default=3
        How many of them must be of its class.
    learning_rate : float, default=2e-3
        Step size of the prototypes, the add-on layers and the head.
    backbone_learning_rate : float or "auto", default="auto"
        Step size of the backbone; "auto" is 1e-4 for a given one, and `learning_rate`
        for one that is trained from scratch.
    learning_rate_decay : float, default=0.5
        Factor of all step sizes every `decay_period` epochs.
    decay_period : int, default=5
        Epochs between the decays.
    weight_decay : float, default=1e-3
        L2 penalty of backbone and add-on layers.
    batch_size : int, default=64
        Images per step.
    augmentation : callable, {"shift", "affine", "elastic"} or None, default=None
        Random change of the training images: "shift" moves them by up to a tenth of
        their sides; "affine" also turns them by up to 10 degrees and zooms by up to a
        tenth; "elastic" moves every pixel by up to a twentieth, smoothly. A callable
        maps a tensor (n, channels, height, width) to another.
    box_percentile : float, default=95
        Boxes hold the activations at or above this percentile.
    tol : float, default=1e-4
        Relative improvement of the held-out loss that counts, with `early_stopping`.
    n_iter_no_change : int, default=5
        Epochs without improvement after which a stage ends, with `early_stopping`.
    early_stopping : bool, default=False
        Watch the loss on held-out rows, and keep the best epoch of each stage.
    validation_fraction : float, default=0.1
        Share of each class held out by `early_stopping`, in (0, 1).
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    random_state : int, RandomState instance or None, default=None
        Seeds the network, the start of the prototypes and the order of the rows.
    device : str, default="auto"
        "cpu", "cuda", "cuda:1", "mps", or "auto" for CUDA where there is one.
    callbacks : list of skorch callbacks, optional
        As in skorch, also as pairs of a name and one; they see every stage as a
        training of its own.
    checkpoint_dir : path, optional
        Directory in which every epoch is saved. A fit with the same parameters, rows,
        labels and weights continues where an earlier one stopped, and ends where it
        would have ended. With anything changed a fit starts afresh, in a folder of its
        own; but `callbacks`, `device` and `verbose` may change, and so may the code of
        functions, which goes unnoticed. Needs a `random_state`.
    verbose : int, default=0
        1 shows a progress bar with the loss.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    prototypes_ : ndarray of shape (n_prototypes, n_channels, patch_size, patch_size)
        Latent patches; unit vectors where prototypes are channels.
    prototype_labels_ : ndarray of shape (n_prototypes,)
        Class of each prototype; where prototypes are channels, the one that it speaks
        for most.
    prototype_indices_ : ndarray of shape (n_prototypes,)
        Row of the training `X` that holds the patch, or shows most of the channel.
    prototype_images_ : ndarray of shape (n_prototypes, height, width[, channels])
        That row, as an image.
    prototype_boxes_ : ndarray of shape (n_prototypes, 4)
        Where the patch is: top, left, bottom and right, the last two one beyond it.
    receptive_field_ : tuple or None
        Size, stride and offset, each of (height, width) in pixels, of what a latent
        patch can depend on; None where a layer is unknown.
    coef_ : ndarray of shape (n_classes, n_prototypes)
        Weight of each similarity in each score; R+ minus R- for head "cbc".
    reasoning_ : ndarray of shape (n_classes, 1, n_prototypes, 2)
        Probabilities R+ and R- that a part must be present and absent, only with head
        "cbc".
    pruning_report_ : dict of str to ndarray
        What `prune` found for every prototype there was before: "prototype", "label",
        "own_class_neighbors" and "kept". Only after pruning.
    temperature_ : float
        Temperature of the softmax that turns scores into probabilities.
    history_ : list of dict
        What happened: an entry for each epoch, projection and training of the head.
    loss_curve_ : list of float
        Training loss of each epoch.
    n_iter_ : int
        Epochs in all.
    image_shape_ : tuple of int
        (height, width) or (height, width, channels) of the images.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if `X` had string names.

    See Also
    --------
    ProtoPNetClassifier : Free weights, which may be negative.
    CBCClassifier : The same reasoning over whole rows.

    References
    ----------
    .. [1] S. Saralajew, A. Rana, T. Villmann and A. Shaker, "A Robust Prototype-Based
       Network with Interpretable RBF Classifier Foundations", AAAI 2025.
    .. [2] M. Nauta, J. Schlötterer, M. van Keulen and C. Seifert, "PIP-Net: Patch-Based
       Intuitive Prototypes for Interpretable Image Classification", CVPR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_proto import CBCNetClassifier
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> model = CBCNetClassifier(2, image_shape=(8, 8), max_epochs=5, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    >>> model.reasoning_.shape
    (3, 1, 6, 2)
    """

    _parameter_constraints = {
        **PartPrototypeClassifier._parameter_constraints,
        "head": [NameIn(_SCORINGS)],
        "similarity": [NameIn(SIMILARITIES, "auto", *DETECTIONS)],
        "lipschitz": ["boolean"],
        "margin": [Interval(Real, 1e-6, None, closed="left")],
        "cluster_weight": [Interval(Real, 0, None, closed="left")],
        "alignment_weight": [Interval(Real, 0, None, closed="left")],
        "tanh_weight": [Interval(Real, 0, None, closed="left")],
    }

    _optimizer = torch.optim.AdamW

    def __init__(
        self,
        n_prototypes_per_class=5,
        *,
        image_shape=None,
        channels_first=False,
        init="kmeans",
        backbone="auto",
        train_backbone=True,
        n_channels=64,
        patch_size=1,
        head="cbc",
        similarity="auto",
        lipschitz=False,
        margin=0.3,
        cluster_weight=0.8,
        alignment_weight=0.5,
        tanh_weight=1.0,
        warmup_epochs=5,
        max_epochs=30,
        projection_period=10,
        last_layer_iter=20,
        pruning=False,
        pruning_neighbors=6,
        pruning_threshold=3,
        learning_rate=2e-3,
        backbone_learning_rate="auto",
        learning_rate_decay=0.5,
        decay_period=5,
        weight_decay=1e-3,
        batch_size=64,
        augmentation=None,
        box_percentile=95,
        tol=1e-4,
        n_iter_no_change=5,
        early_stopping=False,
        validation_fraction=0.1,
        class_weight=None,
        random_state=None,
        device="auto",
        callbacks=None,
        checkpoint_dir=None,
        verbose=0,
    ):
        super().__init__(
            n_prototypes_per_class,
            image_shape=image_shape,
            channels_first=channels_first,
            init=init,
            backbone=backbone,
            train_backbone=train_backbone,
            n_channels=n_channels,
            patch_size=patch_size,
            warmup_epochs=warmup_epochs,
            max_epochs=max_epochs,
            projection_period=projection_period,
            last_layer_iter=last_layer_iter,
            pruning=pruning,
            pruning_neighbors=pruning_neighbors,
            pruning_threshold=pruning_threshold,
            learning_rate=learning_rate,
            backbone_learning_rate=backbone_learning_rate,
            learning_rate_decay=learning_rate_decay,
            decay_period=decay_period,
            weight_decay=weight_decay,
            batch_size=batch_size,
            augmentation=augmentation,
            box_percentile=box_percentile,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            class_weight=class_weight,
            random_state=random_state,
            device=device,
            callbacks=callbacks,
            checkpoint_dir=checkpoint_dir,
            verbose=verbose,
        )
        self.head = head
        self.similarity = similarity
        self.lipschitz = lipschitz
        self.margin = margin
        self.cluster_weight = cluster_weight
        self.alignment_weight = alignment_weight
        self.tanh_weight = tanh_weight

    @property
    def _similarity(self):
        auto = self.similarity == "auto"
        return _SCORINGS[self.head].similarity if auto else self.similarity

    @property
    def _detection(self):
        return DETECTIONS.get(self._similarity, PatchDetection)(self)

    @property
    def _joint_groups(self):
        return self._detection.groups

    @property
    def _views(self):
        return self._detection.views

    def _set_sizes(self, counts):
        owners = super()._set_sizes(counts)
        # Pruning takes prototypes, but no channels.
        self._n_latent = max(self.n_channels, len(owners[0]))
        return owners

    def _make_branches(self, n_features, owners, n_classes):
        add_on, parts = self._detection.layers(n_features, owners[0])
        head = _SCORINGS[self.head].head(class_membership(owners[0], n_classes))
        return [Branch(add_on, parts, head)]

    def _row_loss(self):
        return _SCORINGS[self.head].row_loss(self.margin)

    def _losses(self):
        return (PartObjective(self._detection.terms(), row_loss=self._row_loss()),)

    def _head_losses(self):
        return (PartObjective({}, row_loss=self._row_loss()),)

    def _begin(self, fit):
        self._detection.begin(fit)

    def _project(self, fit):
        self._detection.finalize_prototypes(fit)

    def _finish(self, fit):
        # Of an earlier fit, with another head.
        vars(self).pop("reasoning_", None)
        super()._finish(fit)
        for name, value in fit.network.branches[0].head.arrays().items():
            setattr(self, name, value)

    def _contributions(self, similarities):
        if not hasattr(self, "reasoning_"):
            return super()._contributions(similarities)
        return agreement_contributions(similarities, self.reasoning_)
