"""ST-ProtoPNet: parts near the boundary between classes, and parts far from it."""

from numbers import Real

import numpy as np
from torch import nn

from sklearn_proto._compat import Interval
from sklearn_proto._losses import (
    PartObjective,
    closeness,
    cluster,
    discrimination,
    orthogonality,
    separation,
    wrong_class_norm,
)
from sklearn_proto._modules import SIMILARITIES, Branch, ClassConnections, Window
from sklearn_proto.deep._part_classifier import PartPrototypeClassifier
from sklearn_proto.deep._part_networks import (
    add_on_layers,
    class_membership,
    random_prototypes,
)

# The branches of the network, in their order.
_SETS = ("support", "trivial")


class UnitPatches(nn.Module):
    """Directions of latent patches: of length one at every position.

    No cosine of patches of one position changes by it. But a prototype that is put onto
    a patch then has the length that learning rates are made for: the longer it is, the
    less a step turns it, and the terms of the two sets would have no effect.
    """

    window = Window()

    def forward(self, z):
        """Divide maps (n, D, H, W) by the length of their columns."""
        return nn.functional.normalize(z, dim=1)


class STProtoPNetClassifier(PartPrototypeClassifier):
    """Part-prototype network with support and trivial prototypes.

    Two sets of prototypes on one backbone, each with add-on layers and a head of its
    own, whose scores add up. As support vectors do, the *support* prototypes of
    different classes lie close together, at what is hard to tell apart; the *trivial*
    ones lie far apart, at what is easy [1]_. Patches and prototypes are compared by the
    cosine of their angle. The sets take turns: every mini-batch trains one of them.

    Parameters
    ----------
    n_prototypes_per_class : int or array-like of shape (n_classes,), default=5
        Number of prototypes of each class in each of the sets.
    image_shape : tuple of int, optional
        Shape of the image in a flat row: (height, width), (height, width, channels)
        or, with `channels_first`, (channels, height, width). Images need none. Flat
        rows without it are signals: images one pixel high.
    channels_first : bool, default=False
        Whether the channels of colour images come first.
    init : {"kmeans", "random"} or array-like, default="kmeans"
        Start of the prototypes. With "kmeans" the warm-up trains add-on layers, and a
        backbone that is new, below plain linear heads, and prototypes start at centres
        of the patches that tell their class most. With "random" they start anywhere in
        the unit cube, or with an array (n_prototypes, n_channels, patch_size,
        patch_size), support prototypes first, in these directions, and the warm-up
        trains them.
    backbone : "auto", Module or callable, default="auto"
        "auto" is a small convolutional network that is trained from scratch. A module,
        of timm or torchvision for example, is copied, and a callable without arguments
        makes one. It must map images (n, channels, height, width) to a map
        (n, D, H, W), or to a list of maps of which the last is used.
    train_backbone : bool, default=True
        Whether the backbone is trained, or stays as it is given.
    n_channels : int, default=64
        Channels of the latent patches.
    patch_size : int, default=1
        Height and width of a latent patch, in positions of the map.
    cluster_weight : float, default=0.8
        Weight of the dissimilarity to the closest prototype of the own class.
    support_separation_weight : float, default=0.48
        Weight of the dissimilarity to the closest support prototype of another class,
        which is made large.
    trivial_separation_weight : float, default=0.08
        The same for trivial prototypes.
    closeness_weight : float, default=1.0
        Weight of the term that draws the support prototypes of any two classes, the
        least alike of them, together.
    discrimination_weight : float, default=1.0
        Weight of the term that drives the trivial prototypes of any two classes, the
        most alike of them, apart.
    orthogonality_weight : float, default=1e-3
        Weight of the term that makes the prototypes of a class and set orthogonal.
    l1_weight : float, default=1e-4
        Weight of the L1 norm of the heads' connections to other classes.
    warmup_epochs : int, default=5
        Epochs in which a given backbone rests.
    max_epochs : int, default=30
        Epochs in which all but the head is trained.
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
        Step size of the prototypes and the add-on layers; 3e-3 in [1]_.
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
        Latent patches, of length one at every position.
    prototype_labels_ : ndarray of shape (n_prototypes,)
        Class of each prototype.
    prototype_sets_ : ndarray of shape (n_prototypes,)
        Set of each: all of "support", then all of "trivial".
    prototype_indices_ : ndarray of shape (n_prototypes,)
        Row of the training `X` that holds the patch.
    prototype_images_ : ndarray of shape (n_prototypes, height, width[, channels])
        That row, as an image.
    prototype_boxes_ : ndarray of shape (n_prototypes, 4)
        Where the patch is: top, left, bottom and right, the last two one beyond it.
    receptive_field_ : tuple or None
        Size, stride and offset, each of (height, width) in pixels, of what a latent
        patch can depend on; None where a layer is unknown.
    coef_ : ndarray of shape (n_classes, n_prototypes)
        Weight of each similarity in each score.
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
    ProtoPNetClassifier : One set of prototypes, and more similarities to choose from.
    CBCClassifier : Reasons also with components that must be absent.

    Notes
    -----
    In [1]_, for large photographs and a backbone that has been trained before,
    ``warmup_epochs`` is 10 and ``learning_rate`` 3e-3; the weights are as here.

    References
    ----------
    .. [1] C. Wang, Y. Liu, Y. Chen, F. Liu, Y. Tian, D. McCarthy, H. Frazer and
       G. Carneiro, "Learning Support and Trivial Prototypes for Interpretable Image
       Classification", ICCV 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_proto import STProtoPNetClassifier
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> model = STProtoPNetClassifier(
    ...     1, image_shape=(8, 8), max_epochs=5, random_state=0
    ... )
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    >>> model.prototype_sets_.tolist()
    ['support', 'support', 'support', 'trivial', 'trivial', 'trivial']
    """

    _parameter_constraints = {
        **PartPrototypeClassifier._parameter_constraints,
        "cluster_weight": [Interval(Real, 0, None, closed="left")],
        "support_separation_weight": [Interval(Real, 0, None, closed="left")],
        "trivial_separation_weight": [Interval(Real, 0, None, closed="left")],
        "closeness_weight": [Interval(Real, 0, None, closed="left")],
        "discrimination_weight": [Interval(Real, 0, None, closed="left")],
        "orthogonality_weight": [Interval(Real, 0, None, closed="left")],
        "l1_weight": [Interval(Real, 0, None, closed="left")],
    }

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
        cluster_weight=0.8,
        support_separation_weight=0.48,
        trivial_separation_weight=0.08,
        closeness_weight=1.0,
        discrimination_weight=1.0,
        orthogonality_weight=1e-3,
        l1_weight=1e-4,
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
        self.cluster_weight = cluster_weight
        self.support_separation_weight = support_separation_weight
        self.trivial_separation_weight = trivial_separation_weight
        self.closeness_weight = closeness_weight
        self.discrimination_weight = discrimination_weight
        self.orthogonality_weight = orthogonality_weight
        self.l1_weight = l1_weight

    def _set_sizes(self, counts):
        return super()._set_sizes(counts) * len(_SETS)

    def _make_branches(self, n_features, owners, n_classes):
        return [self._branch(n_features, own, n_classes) for own in owners]

    def _branch(self, n_features, owners, n_classes):
        cosine = SIMILARITIES["cosine"]
        parts = random_prototypes(cosine, owners, self.n_channels, self.patch_size)
        add_on = add_on_layers(n_features, self.n_channels, bounded=parts.bounded)
        add_on.append(UnitPatches())
        head = ClassConnections(class_membership(owners, n_classes), parts.unit)
        return Branch(add_on, parts, head)

    def _losses(self):
        shared = {
            cluster: self.cluster_weight,
            orthogonality: self.orthogonality_weight,
        }
        support = {
            separation: self.support_separation_weight,
            closeness: self.closeness_weight,
        }
        trivial = {
            separation: self.trivial_separation_weight,
            discrimination: self.discrimination_weight,
        }
        return (
            PartObjective(shared | support, branch=0),
            PartObjective(shared | trivial, branch=1),
        )

    def _head_losses(self):
        terms = {wrong_class_norm: self.l1_weight}
        return tuple(PartObjective(terms, branch=b) for b in range(len(_SETS)))

    def _finish(self, fit):
        super()._finish(fit)
        self.prototype_sets_ = np.repeat(_SETS, [len(own) for own in self._owners])
