"""How every classifier by whole prototypes is fitted, and what it can decode."""

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
import torch

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._devices import exact_device
from sklearn_proto._losses import (
    WholeObjective,
    expected_log_loss,
    prototypes_to_rows,
    reconstruction,
    rows_to_prototypes,
)
from sklearn_proto._modules import (
    ImageLayout,
    Standardise,
    WholeNetwork,
    convolutional_autoencoder,
    dense_autoencoder,
    start_at_means,
    to_numpy,
)
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training._deep import Stage
from sklearn_proto._validation import as_numbers
from sklearn_proto._views import WholePrototypeView
from sklearn_proto.deep._deep_classifier import DeepClassifier
from sklearn_proto.deep._images import flat_rows, pictures, shape_of
from sklearn_proto.deep._placement import centres
from sklearn_proto.deep._scaling import scale_to_unit, standardise


class WholePrototypeClassifier(DeepClassifier):
    """Autoencoder, prototypes among its codes, and the four terms of their training.

    A subclass gives the prototypes, and says whose they start as.
    """

    _parameter_constraints = {
        **DeepClassifier._parameter_constraints,
        "init": [StrOptions({"kmeans", "random"}), "array-like"],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "n_latent_channels": [Interval(Integral, 1, None, closed="left")],
        "lambda_class": [Interval(Real, 0, None, closed="left")],
        "lambda_ae": [Interval(Real, 0, None, closed="left")],
        "lambda_1": [Interval(Real, 0, None, closed="left")],
        "lambda_2": [Interval(Real, 0, None, closed="left")],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
    }

    _decayed = ("autoencoder",)

    def __init__(
        self,
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
        self.image_shape = image_shape
        self.channels_first = channels_first
        self.init = init
        self.n_channels = n_channels
        self.n_latent_channels = n_latent_channels
        self.lambda_class = lambda_class
        self.lambda_ae = lambda_ae
        self.lambda_1 = lambda_1
        self.lambda_2 = lambda_2
        self.warmup_epochs = warmup_epochs
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.learning_rate_decay = learning_rate_decay
        self.decay_period = decay_period
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.augmentation = augmentation
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.random_state = random_state
        self.device = device
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.verbose = verbose

    @abstractmethod
    def _make_prototypes(self, code_size):
        """Prototypes anywhere, among codes of so many numbers."""

    @abstractmethod
    def _start_owners(self):
        """Class index (K,) of the rows that each prototype starts among."""

    @abstractmethod
    def _place(self, network, starts, *, codes, data):
        """Start the prototypes at `starts` (K, q) among the codes (n, q) of `data`."""

    def _layout_of(self, X):
        given = shape_of(X)
        self._has_images = self.image_shape is not None or len(given) > 2
        if self._has_images:
            return super()._layout_of(X)
        # Numbers without an order are the channels of a single pixel.
        return ImageLayout(1, 1, max([1, *given[1:2]]))

    def _scale(self, network, X):
        if not self._has_images:
            standardise(network, X)
            return
        scale_to_unit(network, X)
        images = pictures(X, self._layout).reshape(-1, self._layout.channels)
        means = torch.tensor(images.mean(axis=0, dtype=np.float64), device="cpu")
        unit = network.standardise(means[:, None, None]).flatten()
        start_at_means(network.decoder, unit)

    def _network(self):
        make = convolutional_autoencoder if self._has_images else dense_autoencoder
        layout, ones = self._layout, torch.ones(self._layout.channels)
        autoencoder = make(layout, self.n_channels, self.n_latent_channels)
        return WholeNetwork(
            layout,
            Standardise(torch.zeros_like(ones), ones),
            autoencoder,
            self._make_prototypes(autoencoder.code_size),
        )

    def _run(self, fit):
        """Learn codes, place the prototypes among them, and train all together."""
        learn_codes = WholeObjective({reconstruction: 1.0})
        rates = {"autoencoder": self.learning_rate}
        fit.train(Stage("warm-up", self.warmup_epochs, rates, (learn_codes,)))
        self._start(fit)
        rates = dict.fromkeys(fit.network.groups(), self.learning_rate)
        decay = (self.learning_rate_decay, self.decay_period)
        objective = (WholeObjective(self._terms()),)
        fit.train(Stage("joint", self.max_epochs, rates, objective, decay))

    def _terms(self):
        return {
            expected_log_loss: self.lambda_class,
            reconstruction: self.lambda_ae,
            prototypes_to_rows: self.lambda_1,
            rows_to_prototypes: self.lambda_2,
        }

    def _start(self, fit):
        """Place the prototypes among the codes of the training rows."""
        network = fit.exact()
        with torch.no_grad():
            found = torch.cat([network.encode(x) for _, x in fit.batches()])
            codes = to_numpy(network.standardise_codes(found))
            starts = self._starts(network, codes, fit)
            self._place(network, starts, codes=codes, data=fit.data)

    def _starts(self, network, codes, fit):
        """Codes (K, q) to start at."""
        owners, y = self._start_owners(), fit.data.y
        if not isinstance(self.init, str):
            rows = torch.tensor(
                self._given_rows(len(owners)),
                dtype=torch.float64,
                device=fit.options.exact_device,
            )
            return to_numpy(network.encode(rows))
        random_state = np.random.RandomState(fit.options.seed)
        starts = np.empty((len(owners), codes.shape[1]))
        for c in np.unique(owners):
            own = np.flatnonzero(owners == c)
            points = codes if c < 0 else codes[y == c]
            starts[own] = self._chosen(points, len(own), random_state)
        return starts

    def _chosen(self, points, k, random_state):
        if self.init == "kmeans":
            return centres(points, k, random_state)
        order = random_state.permutation(len(points))
        return points[np.resize(order, k)]

    def _given_rows(self, k):
        """Rows whose codes prototypes start at, from the array `init`."""
        given = as_numbers("init", self.init)
        rows = np.asarray(flat_rows(given, self._layout))
        shape = (k, self._layout.n_features)
        if rows.shape != shape or not np.isfinite(rows).all():
            raise ValueError(
                f"init has shape {given.shape}; it must be finite and hold {k} rows of "
                f"{shape[1]} features, whose codes prototypes start at."
            )
        return rows

    def _export(self, fit, network):
        self.image_shape_ = self._layout.array_shape if self._has_images else None
        self._export_prototypes(network)
        with torch.no_grad():
            codes = torch.tensor(
                self.prototypes_, dtype=torch.float64, device=fit.options.exact_device
            )
            self.decoded_prototypes_ = to_numpy(network.decode(codes))
        vars(self).pop("prototype_images_", None)
        if self._has_images:
            self.prototype_images_ = pictures(self.decoded_prototypes_, self._layout)

    @abstractmethod
    def _export_prototypes(self, network):
        """Set what is known of the prototypes, as arrays."""

    def _distances(self, X):
        """Squared distances (n, K), of distributions on average."""
        return self._map_rows(X, lambda v, x: v.distances(x), len(self.prototypes_))

    def _decoded_fields(self, X, distances, parts):
        """Fields that the explanations of all these models have."""
        similarities = 1.0 / (1.0 + distances)
        return self._shared_fields(X, self._class_scores(X), similarities, parts) | {
            "distances": distances,
            "reconstructions": self._reconstructed(X),
            "decoded_prototypes": self.decoded_prototypes_,
            "image_shape": self.image_shape_,
            "channels_first": self._layout.channels_first,
        }

    def _reconstructed(self, X):
        return self._map_rows(X, lambda v, x: v.reconstructed(x), X.shape[1])

    @undisturbed
    def certifiable_view(self):
        """Return the fitted model as a network that predicts.

        Returns
        -------
        WholePrototypeView
            Network in float64, and how many rows it takes at a time.
        """
        network = self._restored()
        return WholePrototypeView(
            network, exact_device(self.device), self._rows_at_once
        )

    @undisturbed
    def reconstruct(self, X):
        """Encode rows and decode them again.

        Parameters
        ----------
        X : array-like
            Rows or images, as for `fit`.

        Returns
        -------
        ndarray of the shape of `X`
            What is left of each, in the units of `X`.
        """
        rows = self._validate_rows(X)
        found = self._reconstructed(rows)
        return found.astype(rows.dtype, copy=False).reshape(shape_of(X))
