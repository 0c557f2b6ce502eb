"""An autoencoder with prototypes, each of which can be decoded and looked at."""

from numbers import Integral

import numpy as np
import torch
from scipy.spatial.distance import cdist

from sklearn_proto._compat import Interval
from sklearn_proto._modules import PointPrototypes, to_numpy
from sklearn_proto.deep._whole_classifier import WholePrototypeClassifier
from sklearn_proto.explain import DecodedExplanation, linear_contributions

# Logits that a typical distance is worth at the start.
_START_LOGITS = 10.0
# Of a class in a prototype, so that none starts without a weight.
_LEAST_SHARE = 1e-3
_TINY = 1e-12


class PrototypeAutoencoderClassifier(WholePrototypeClassifier):
    """Prototypes that a decoder turns into pictures, and weights of the distances.

    An autoencoder turns every row into a code, and prototypes are codes, without a
    class. The score of a class is a weighted sum of the squared distances of the row's
    code to all prototypes, ``W a`` [1]_. Where a weight is strongly negative, a small
    distance speaks for the class.

    Parameters
    ----------
    n_prototypes : int, default=15
        Number of prototypes of all classes together.
    image_shape : tuple of int, optional
        Shape of the image in a flat row: (height, width), (height, width, channels)
        or, with `channels_first`, (channels, height, width). Images need none. Flat
        rows without it are numbers in no order, for a dense network.
    channels_first : bool, default=False
        Whether the channels of colour images come first.
    init : {"kmeans", "random"} or array-like, default="kmeans"
        Start of the prototypes, after the warm-up: centres of the codes by
        k-means, codes of random rows,
        or the codes of the given rows, an array (n_prototypes, n_features).
    n_channels : int, default=32
        Maps of the hidden convolutions, or numbers of the hidden layer for rows.
    n_latent_channels : int, default=10
        Maps of the code, which has at most 2 x 2 positions, or its length for rows.
    lambda_class : float, default=20.0
        Weight of the cross-entropy.
    lambda_ae : float, default=1.0
        Weight of the squared error of the reconstruction: of pixels scaled to [0, 1],
        or of features of mean 0 and variance 1, and summed over them.
    lambda_1 : float, default=1.0
        Weight of the squared distance of each prototype to the closest row of a batch,
        so that prototypes stay where the decoder knows what to draw.
    lambda_2 : float, default=1.0
        Weight of the squared distance of each row to the closest prototype.
    warmup_epochs : int, default=10
        Epochs in which only the reconstruction is learned. Then codes are centred and
        scaled, and prototypes are placed among them.
    max_epochs : int, default=60
        Epochs in which all is trained.
    learning_rate : float, default=2e-3
        Step size of Adam.
    learning_rate_decay : float, default=0.5
        Factor of all step sizes every `decay_period` epochs.
    decay_period : int, default=20
        Epochs between the decays.
    weight_decay : float, default=0.0
        L2 penalty of encoder and decoder.
    batch_size : int, default=64
        Rows per step; 250 in [1]_.
    augmentation : callable, {"shift", "affine", "elastic"} or None, default=None
        Random change of the training images: "shift" moves them by up to a tenth of
        their sides; "affine" also turns them by up to 10 degrees and zooms by up to a
        tenth; "elastic" moves every pixel by up to a twentieth, smoothly. A callable
        maps a tensor (n, channels, height, width) to another; rows of numbers are
        images of one pixel to it.
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
    prototypes_ : ndarray of shape (n_prototypes, n_codes)
        Codes of the prototypes.
    coef_ : ndarray of shape (n_classes, n_prototypes)
        What a unit of squared distance to each prototype adds to each score.
    prototype_labels_ : ndarray of shape (n_prototypes,)
        Class of the most negative weight of each: what being close to it speaks for.
    decoded_prototypes_ : ndarray of shape (n_prototypes, n_features)
        The decoded prototypes, as rows in the units of `X`.
    prototype_images_ : ndarray of shape (n_prototypes, height, width[, channels])
        The same as images, if the model was fitted on images.
    temperature_ : float
        1: the scores are logits.
    history_ : list of dict
        What happened: an entry for each epoch.
    loss_curve_ : list of float
        Training loss of each epoch; first that of the reconstruction alone.
    n_iter_ : int
        Epochs in all.
    image_shape_ : tuple of int or None
        (height, width) or (height, width, channels) of the images, if there are any.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if `X` had string names.

    See Also
    --------
    ProbPSENNClassifier : Prototypes are distributions, and decisions are uncertain.
    ProtoPNetClassifier : Prototypes of parts of images.

    References
    ----------
    .. [1] O. Li, H. Liu, C. Chen and C. Rudin, "Deep Learning for Case-Based Reasoning
       through Prototypes: A Neural Network that Explains Its Predictions", AAAI 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_proto import PrototypeAutoencoderClassifier
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> model = PrototypeAutoencoderClassifier(
    ...     3, image_shape=(8, 8), warmup_epochs=2, max_epochs=10, random_state=0
    ... )
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    >>> model.prototype_images_.shape
    (3, 8, 8)
    """

    _parameter_constraints = {
        **WholePrototypeClassifier._parameter_constraints,
        "n_prototypes": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_prototypes=15,
        *,
        image_shape=None,
        channels_first=False,
        init="kmeans",
        n_channels=32,
        n_latent_channels=10,
        lambda_class=20.0,
        lambda_ae=1.0,
        lambda_1=1.0,
        lambda_2=1.0,
        warmup_epochs=10,
        max_epochs=60,
        learning_rate=2e-3,
        learning_rate_decay=0.5,
        decay_period=20,
        weight_decay=0.0,
        batch_size=64,
        augmentation=None,
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
            image_shape=image_shape,
            channels_first=channels_first,
            init=init,
            n_channels=n_channels,
            n_latent_channels=n_latent_channels,
            lambda_class=lambda_class,
            lambda_ae=lambda_ae,
            lambda_1=lambda_1,
            lambda_2=lambda_2,
            warmup_epochs=warmup_epochs,
            max_epochs=max_epochs,
            learning_rate=learning_rate,
            learning_rate_decay=learning_rate_decay,
            decay_period=decay_period,
            weight_decay=weight_decay,
            batch_size=batch_size,
            augmentation=augmentation,
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
        self.n_prototypes = n_prototypes

    def _set_prototypes(self, data):
        """Nothing to note: prototypes have no class."""

    def _make_prototypes(self, code_size):
        return PointPrototypes(
            torch.rand(self.n_prototypes, code_size),
            torch.zeros(len(self.classes_), self.n_prototypes),
        )

    def _start_owners(self):
        c = len(self.classes_)
        if self.n_prototypes < c:
            return np.full(self.n_prototypes, -1)
        return np.sort(np.resize(np.arange(c), self.n_prototypes))

    def _place(self, network, starts, *, codes, data):
        prototypes = network.prototypes
        distances = cdist(codes, starts, "sqeuclidean")
        share = self._shares(distances.argmin(1), data)
        # The distances to all prototypes of a class together cost it one typical one.
        cost = share / share.sum(axis=1, keepdims=True)
        weights = -_START_LOGITS / max(distances.mean(), _TINY) * cost
        for parameter, values in (
            (prototypes.prototypes, starts),
            (prototypes.weights, weights),
        ):
            parameter.copy_(torch.as_tensor(values, device="cpu"))

    def _shares(self, nearest, data):
        """How much of each class (C, K) each prototype starts as."""
        owners, shape = self._start_owners(), (len(self.classes_), self.n_prototypes)
        share = np.full(shape, _LEAST_SHARE)
        if isinstance(self.init, str) and (owners >= 0).all():
            share[owners, np.arange(len(owners))] = 1.0
            return share
        np.add.at(share, (data.y, nearest), data.weight)
        return share / share.sum(axis=0)

    def _export_prototypes(self, network):
        self.prototypes_ = to_numpy(network.prototypes.prototypes)
        self.temperature_ = 1.0
        self.coef_ = to_numpy(network.prototypes.weights)
        self.prototype_labels_ = self.classes_[self.coef_.argmin(axis=0)]

    def _explanation(self, X):
        distances = self._distances(X)
        none = np.zeros(len(self.classes_))
        parts = linear_contributions(distances, self.coef_, none)
        return DecodedExplanation(
            **self._decoded_fields(X, distances, parts), class_weights=self.coef_
        )
