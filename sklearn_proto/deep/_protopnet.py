"""ProtoPNet: this looks like that."""

from functools import partial
from numbers import Real

from sklearn_proto._compat import Interval, NameIn
from sklearn_proto._losses import (
    PartObjective,
    alignment,
    cluster,
    orthogonality,
    separation,
    wrong_class_norm,
)
from sklearn_proto._modules import (
    SIMILARITIES,
    Branch,
    ClassConnections,
    ScoreAggregation,
)
from sklearn_proto.deep._lipschitz_option import LipschitzOption
from sklearn_proto.deep._part_classifier import PartPrototypeClassifier
from sklearn_proto.deep._part_networks import class_membership, random_prototypes

HEADS = {"linear": ClassConnections, "score": ScoreAggregation}


class ProtoPNetClassifier(LipschitzOption, PartPrototypeClassifier):
    """Part-prototype network: an image is classified by the parts that it shares.

    A backbone turns an image into a map of latent patches. Every prototype is a latent
    patch of a training image of its class. How alike it and the best patch of an image
    are is evidence, and a linear head weighs the evidence [1]_.

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
        Start of the prototypes. With "kmeans" the warm-up trains add-on layers, and a
        backbone that is new, below a plain linear head, and prototypes start at centres
        of the patches that tell their class most. With "random" they start anywhere in
        the unit cube, or with an array (n_prototypes, n_channels, patch_size,
        patch_size) there, and the warm-up trains them, as in [1]_.
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
    similarity : {"log", "exp", "cosine", "projection"}, default="exp"
        How alike a patch and a prototype are, in [0, 1]: the logarithm of [1]_ divided
        by its largest value, an exponential of the squared distance, the cosine, or
        the inner product with the unit prototype [2]_, under which long patches are
        like all prototypes: `separation_weight` should then be about `cluster_weight`,
        lest all patches grow alike.
    aggregation : {"linear", "score"}, default="linear"
        The head: free weights that start as 1 for the own class and -0.5 for others,
        or score aggregation [2]_, in which a class hears only of its own prototypes,
        with positive weights that add up to their number.
    lipschitz : bool, default=False
        Whether the backbone and the add-on layers are such that the latent map moves
        by no more than the image, up to the scale of its pixels, whatever is learned.
        Then `certified_radius` has proofs. It needs ``backbone="auto"`` and
        similarity "log" or "exp", and likes a higher `learning_rate`, 3e-3 for example.
    cluster_weight : float, default=0.8
        Weight of the dissimilarity to the closest prototype of the own class.
    separation_weight : float, default=0.08
        Weight of the dissimilarity to the closest prototype of another class, which is
        made large.
    orthogonality_weight : float, default=0.0
        Weight of the term that makes the prototypes of a class orthogonal.
    l1_weight : float, default=1e-4
        Weight of the L1 norm of the head's connections to other classes.
    alignment_weight : float, default=0.0
        Weight of the term that keeps the parts of the latent map where an early map of
        the backbone has them, after the warm-up [2]_. A backbone that returns a list
        gives the early map first; in a Sequential it follows the first child; any other
        has none, and its own map takes its place.
    alignment_slack : float, default=0.1
        Difference of the cosines between two positions of either map that is free.
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
    learning_rate : float, default=1e-3
        Step size of the prototypes and the add-on layers.
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
        Latent patches.
    prototype_labels_ : ndarray of shape (n_prototypes,)
        Class of each prototype.
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
    STProtoPNetClassifier : Prototypes near the class boundary, and far from it.
    CBCNetClassifier : Reasons with parts that must be absent, too.
    CBCClassifier : Reasons also with components that must be absent.

    Notes
    -----
    The defaults suit small images and a backbone that is trained from scratch. For
    photographs and a backbone that has been trained before, [1]_ takes 10 prototypes
    per class, 128 channels, ``learning_rate=3e-3`` and ``learning_rate_decay=0.1``.

    References
    ----------
    .. [1] C. Chen, O. Li, D. Tao, A. Barnett, C. Rudin and J. Su, "This Looks Like
       That: Deep Learning for Interpretable Image Recognition", NeurIPS 2019.
    .. [2] Q. Huang, M. Xue, W. Huang, H. Zhang, J. Song, Y. Jing and M. Song,
       "Evaluation and Improvement of Interpretability for Self-Explainable
       Part-Prototype Networks", ICCV 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_proto import ProtoPNetClassifier
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> model = ProtoPNetClassifier(2, image_shape=(8, 8), max_epochs=5, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    >>> model.prototype_images_.shape
    (6, 8, 8)
    """

    _parameter_constraints = {
        **PartPrototypeClassifier._parameter_constraints,
        "similarity": [NameIn(SIMILARITIES)],
        "aggregation": [NameIn(HEADS)],
        "lipschitz": ["boolean"],
        "cluster_weight": [Interval(Real, 0, None, closed="left")],
        "separation_weight": [Interval(Real, 0, None, closed="left")],
        "orthogonality_weight": [Interval(Real, 0, None, closed="left")],
        "l1_weight": [Interval(Real, 0, None, closed="left")],
        "alignment_weight": [Interval(Real, 0, None, closed="left")],
        "alignment_slack": [Interval(Real, 0, None, closed="left")],
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
        similarity="exp",
        aggregation="linear",
        lipschitz=False,
        cluster_weight=0.8,
        separation_weight=0.08,
        orthogonality_weight=0.0,
        l1_weight=1e-4,
        alignment_weight=0.0,
        alignment_slack=0.1,
        warmup_epochs=5,
        max_epochs=30,
        projection_period=10,
        last_layer_iter=20,
        pruning=False,
        pruning_neighbors=6,
        pruning_threshold=3,
        learning_rate=1e-3,
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
        self.similarity = similarity
        self.aggregation = aggregation
        self.lipschitz = lipschitz
        self.cluster_weight = cluster_weight
        self.separation_weight = separation_weight
        self.orthogonality_weight = orthogonality_weight
        self.l1_weight = l1_weight
        self.alignment_weight = alignment_weight
        self.alignment_slack = alignment_slack

    def _make_branches(self, n_features, owners, n_classes):
        parts = random_prototypes(
            SIMILARITIES[self.similarity], owners[0], self.n_channels, self.patch_size
        )
        membership = class_membership(owners[0], n_classes)
        head = HEADS[self.aggregation](membership, parts.unit)
        return [Branch(self._make_add_on(n_features, parts), parts, head)]

    def _losses(self):
        return (PartObjective(self._terms()),)

    def _joint_losses(self):
        aligned = partial(alignment, slack=self.alignment_slack)
        return (PartObjective(self._terms() | {aligned: self.alignment_weight}),)

    def _terms(self):
        return {
            cluster: self.cluster_weight,
            separation: self.separation_weight,
            orthogonality: self.orthogonality_weight,
        }

    def _head_losses(self):
        return (PartObjective({wrong_class_norm: self.l1_weight}),)
