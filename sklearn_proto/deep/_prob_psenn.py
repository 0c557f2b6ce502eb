"""Prototypes that are distributions, and how sure a decision is."""

from dataclasses import fields
from numbers import Integral, Real

import numpy as np
import torch

from sklearn_proto._compat import Interval
from sklearn_proto._losses import divergence
from sklearn_proto._modules import GaussianPrototypes, to_numpy
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import shown
from sklearn_proto.deep._images import pictures
from sklearn_proto.deep._whole_classifier import WholePrototypeClassifier
from sklearn_proto.explain import (
    SampledExplanation,
    joined,
    linear_contributions,
    uncertainty_of,
)

_KINDS = ("total", "aleatoric", "epistemic", "explanation", "distance")


class ProbPSENNClassifier(WholePrototypeClassifier):
    """Prototypes that are distributions, and what is uncertain because of them.

    As in `PrototypeAutoencoderClassifier` there is an autoencoder, but a prototype is
    of a class, and is a normal distribution among the codes [1]_. Given a sample of
    every prototype, the probability of a class is the share of its prototypes in the
    softmax of minus the squared distances to the row's code. ``predict_proba`` is the
    mean over samples.

    Parameters
    ----------
    n_prototypes_per_class : int or array-like of shape (n_classes,), default=1
        Number of prototypes of each class.
    image_shape : tuple of int, optional
        Shape of the image in a flat row: (height, width), (height, width, channels)
        or, with `channels_first`, (channels, height, width). Images need none. Flat
        rows without it are numbers in no order, for a dense network.
    channels_first : bool, default=False
        Whether the channels of colour images come first.
    init : {"kmeans", "random"} or array-like, default="kmeans"
        Start of the prototypes, after the warm-up: centres of the codes of
        their class by k-means, codes of random rows of their class,
        or the codes of the given rows, an array (n_prototypes, n_features)
        in the order of the classes.
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
    lambda_kl : float, default=1.0
        Weight of the divergence of the prototypes from a standard normal distribution,
        on average. The larger, the wider the prototypes.
    init_sigma : float, default=0.1
        Standard deviation of the prototypes at the start, in units of that of the
        codes. With 0 prototypes are points, and stay points: nothing is uncertain
        about them.
    n_training_samples : int, default=4
        Samples of every prototype in each step of training.
    n_samples : int, default=100
        Samples in prediction. They are always the same, whatever is predicted, and may
        be changed after the fit.
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
        Rows per step; the more, the closer R1 is to one over all rows.
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
        Seeds the network, the start of the prototypes, all samples and the order of
        the rows.
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
        Means of the prototypes.
    sigma_ : ndarray of shape (n_prototypes, n_codes)
        Their standard deviations.
    prototype_labels_ : ndarray of shape (n_prototypes,)
        Class of each prototype.
    decoded_prototypes_ : ndarray of shape (n_prototypes, n_features)
        The decoded means, as rows in the units of `X`.
    prototype_images_ : ndarray of shape (n_prototypes, height, width[, channels])
        The same as images, if the model was fitted on images.
    decoded_deviations_ : ndarray of shape (n_prototypes, n_features)
        Standard deviation of every feature of the decoded samples of a prototype.
    deviation_images_ : ndarray of shape (n_prototypes, height, width[, channels])
        The same as images, if the model was fitted on images.
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
    PrototypeAutoencoderClassifier : Prototypes are points, without a class.
    sklearn_proto.metrics.risk_coverage_curve : What rejecting uncertain rows gains.

    References
    ----------
    .. [1] J. Vadillo, R. Santana, J. A. Lozano and M. Kwiatkowska, "Uncertainty-Aware
       Explanations Through Probabilistic Self-Explainable Neural Networks", 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_proto import ProbPSENNClassifier
    >>> X, y = load_digits(n_class=3, return_X_y=True)
    >>> model = ProbPSENNClassifier(
    ...     image_shape=(8, 8), warmup_epochs=2, max_epochs=10, random_state=0
    ... )
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    >>> labels, sure = model.predict_with_rejection(X, coverage=0.9)
    >>> bool((labels == y)[sure].mean() >= (labels == y).mean())
    True
    """

    _parameter_constraints = {
        **WholePrototypeClassifier._parameter_constraints,
        "n_prototypes_per_class": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
        ],
        "lambda_kl": [Interval(Real, 0, None, closed="left")],
        "init_sigma": [Interval(Real, 0, None, closed="left")],
        "n_training_samples": [Interval(Integral, 1, None, closed="left")],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_prototypes_per_class=1,
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
        lambda_kl=1.0,
        init_sigma=0.1,
        n_training_samples=4,
        n_samples=100,
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
        self.n_prototypes_per_class = n_prototypes_per_class
        self.lambda_kl = lambda_kl
        self.init_sigma = init_sigma
        self.n_training_samples = n_training_samples
        self.n_samples = n_samples

    _free = ("n_samples",)

    def _set_prototypes(self, data):
        counts = self._counts_of_classes(data)
        self._owners = np.repeat(np.arange(len(counts)), counts)

    def _make_prototypes(self, code_size):
        return GaussianPrototypes(
            torch.rand(len(self._owners), code_size),
            self.init_sigma,
            self._owners,
            draws=self.n_training_samples,
            n_samples=self.n_samples,
            seed=self._seed,
        )

    def _terms(self):
        return super()._terms() | {divergence: self.lambda_kl}

    def _start_owners(self):
        return self._owners

    def _place(self, network, starts, **_):
        network.prototypes.means.copy_(torch.as_tensor(starts, device="cpu"))

    def _export_prototypes(self, network):
        self.prototypes_ = to_numpy(network.prototypes.means)
        self.sigma_ = to_numpy(network.prototypes.sigma)
        self.prototype_labels_ = self.classes_[self._owners]

    def _export(self, fit, network):
        super()._export(fit, network)
        self.decoded_deviations_ = self._deviations(network)
        vars(self).pop("deviation_images_", None)
        if self._has_images:
            self.deviation_images_ = pictures(self.decoded_deviations_, self._layout)

    def _deviations(self, network):
        """Tell how much (K, d) varies of what the samples look like."""
        with torch.no_grad():
            samples = network.prototypes.samples().transpose(0, 1)
            looks = (network.decode(own) for own in samples)
            return np.stack([to_numpy(own.std(0, correction=0)) for own in looks])

    @undisturbed
    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Mean over samples of the prototypes; rows sum to one. They are the scores
            that ``decision_function`` returns for three classes or more.
        """
        X = self._validate_rows(X)
        return self._class_scores(X).astype(X.dtype, copy=False)

    @undisturbed
    def predict_uncertainty(self, X):
        """Tell how uncertain the class of each row is, and what explains it.

        Parameters
        ----------
        X : array-like
            Rows or images, as for `fit`.

        Returns
        -------
        Uncertainty
            Entropies in nats: total, aleatoric and epistemic, and of which prototype is
            the nearest; and the distance to it, which is large for rows that are like
            no prototype.
        """
        return self._uncertainty(self._validate_rows(X))

    def _uncertainty(self, X):
        view, found = self.certifiable_view(), []
        prototypes = view.network.prototypes
        for _, x in self._batches(view, X):
            distances = view.sampled_distances(x)
            p = prototypes.class_masses(prototypes.masses(distances))
            found.append(uncertainty_of(p.cpu().numpy(), distances.cpu().numpy()))
        return joined(found)

    @undisturbed
    def predict_with_rejection(
        self, X, *, coverage=None, max_uncertainty=None, kind="total"
    ):
        """Predict the class of each row, and tell which predictions to rely on.

        Parameters
        ----------
        X : array-like
            Rows or images, as for `fit`.
        coverage : float, optional
            Share of these rows to accept, in [0, 1]: the most certain ones, rounded up
            to whole rows; of equally uncertain ones the first. What is accepted then
            depends on the other rows.
        max_uncertainty : float, optional
            Accept rows that are at most so uncertain, in the unit of `kind`. Either
            this or `coverage` must be given.
        kind : {"total", "aleatoric", "epistemic", "explanation", "distance"}, \
default="total"
            Which uncertainty counts. "distance" rejects what is like no prototype, such
            as noise.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Predictions, also for the rows that are rejected.
        accepted : ndarray of bool of shape (n_samples,)
            Whether the row is accepted.

        Raises
        ------
        ValueError
            If both or neither of `coverage` and `max_uncertainty` are given, or one of
            the parameters is out of its range.
        """
        _check_rejection(coverage, max_uncertainty, kind)
        rows = self._validate_rows(X)
        uncertainty = getattr(self._uncertainty(rows), kind)
        labels = self.classes_[self._class_scores(rows).argmax(axis=1)]
        if coverage is None:
            return labels, uncertainty <= max_uncertainty
        accepted = np.zeros(len(rows), dtype=bool)
        # A share such as 0.7 of 10 rows is 7 of them, whatever its rounding.
        count = int(np.ceil(coverage * len(rows) - 1e-9))
        accepted[np.argsort(uncertainty, kind="stable")[:count]] = True
        return labels, accepted

    def _explanation(self, X):
        uncertainty = self._uncertainty(X)
        masses = self._map_rows(X, _mean_masses, len(self.prototypes_))
        own = self._owners == np.arange(len(self.classes_))[:, None]
        parts = linear_contributions(masses, own, np.zeros(len(self.classes_)))
        return SampledExplanation(
            **self._decoded_fields(X, self._distances(X), parts),
            **{f.name: getattr(uncertainty, f.name) for f in fields(uncertainty)},
            decoded_deviations=self.decoded_deviations_,
        )


def _mean_masses(view, x):
    """Shares (n, K) of the prototypes, on average over samples."""
    return view.network.prototypes.masses(view.sampled_distances(x)).mean(0)


def _check_rejection(coverage, max_uncertainty, kind):
    if (coverage is None) == (max_uncertainty is None):
        raise ValueError(
            f"coverage={shown(coverage)} and max_uncertainty={shown(max_uncertainty)}: "
            "exactly one of them must be given."
        )
    if coverage is not None and not (isinstance(coverage, Real) and 0 <= coverage <= 1):
        raise ValueError(f"coverage={shown(coverage)} must be a number in [0, 1].")
    if max_uncertainty is not None and not (
        isinstance(max_uncertainty, Real) and max_uncertainty >= 0
    ):
        raise ValueError(
            f"max_uncertainty={shown(max_uncertainty)} must be a number of at least 0."
        )
    if kind not in _KINDS:
        raise ValueError(f"kind={shown(kind)} must be one of {list(_KINDS)}.")
