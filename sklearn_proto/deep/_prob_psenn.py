"""Prototypes that are distributions, and how sure a decision is."""

from numbers import Integral, Real

import numpy as np
import torch

from sklearn_proto._compat import Interval
from sklearn_proto._losses import divergence
from sklearn_proto._modules import GaussianPrototypes, to_numpy
from sklearn_proto._prototype_counts import prototype_counts
from sklearn_proto.deep._whole_classifier import WholePrototypeClassifier


class ProbPSENNClassifier(WholePrototypeClassifier):
    """TODO"""

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

    def _set_prototypes(self, data):
        counts = prototype_counts(
            self.n_prototypes_per_class,
            self.classes_,
            np.bincount(data.y, minlength=len(self.classes_)),
            from_rows=False,
        )
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

    def _place(self, network, codes, data, starts):
        network.prototypes.means.copy_(torch.as_tensor(starts, device="cpu"))

    def _export_prototypes(self, network):
        self.prototypes_ = to_numpy(network.prototypes.means)
        self.sigma_ = to_numpy(network.prototypes.sigma)
        self.prototype_labels_ = self.classes_[self._owners]

    def predict_proba(self, X):
        X = self._validate_rows(X)
        return self._class_scores(X).astype(X.dtype, copy=False)

    def _explanation(self, X):
        raise NotImplementedError
