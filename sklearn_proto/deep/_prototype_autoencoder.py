"""An autoencoder with prototypes, each of which can be decoded and looked at."""

from numbers import Integral

import numpy as np
import torch
from scipy.spatial.distance import cdist

from sklearn_proto._compat import Interval
from sklearn_proto._modules import PointPrototypes, to_numpy
from sklearn_proto.deep._whole_classifier import WholePrototypeClassifier
from sklearn_proto.explain import linear_contributions

# Logits that a typical distance is worth at the start.
_START_LOGITS = 10.0
# Of a class in a prototype, so that none starts without a weight.
_LEAST_SHARE = 1e-3
_TINY = 1e-12


class PrototypeAutoencoderClassifier(WholePrototypeClassifier):
    """TODO"""

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

    def _place(self, network, codes, data, starts):
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
        self.coef_ = to_numpy(network.prototypes.weights)
        self.prototype_labels_ = self.classes_[self.coef_.argmin(axis=0)]

    def _explanation(self, X):
        view = self.certifiable_view()
        distances = np.empty((len(X), len(self.prototypes_)))
        reconstructions = np.empty(X.shape)
        scores = np.empty((len(X), len(self.classes_)))
        for rows, x in self._batches(view, X):
            distances[rows] = view.distances(x).cpu().numpy()
            scores[rows] = view.class_scores(x).cpu().numpy()
            reconstructions[rows] = view.reconstructed(x).cpu().numpy()
        none = np.zeros(len(self.classes_))
        parts = linear_contributions(distances, self.coef_, none)
        return WholeExplanation(
            **self._account(X, scores, 1.0 / (1.0 + distances), parts),
            distances=distances,
            reconstructions=reconstructions,
            decoded_prototypes=self.decoded_prototypes_,
            image_shape=self.image_shape_,
            channels_first=self._layout.channels_first,
            weights=self.coef_,
        )
