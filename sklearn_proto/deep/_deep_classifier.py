"""How every deep classifier is validated, fitted, kept and restored."""

from abc import abstractmethod
from copy import copy
from inspect import signature
from numbers import Integral, Real
from os import PathLike
from warnings import warn

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._base import PrototypeClassifier, all_or_nothing
from sklearn_proto._compat import (
    Interval,
    NameIn,
    StrOptions,
    fit_context,
    validate_parameter_constraints,
)
from sklearn_proto._devices import exact_device, resolve_device
from sklearn_proto._prototype_counts import prototype_counts
from sklearn_proto._random import drawing, isolated_generators
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training._deep import (
    AUGMENTATIONS,
    Checkpoints,
    DeepOptions,
    DivergenceError,
    StagedFit,
    augmentation_of,
    checked_callbacks,
    fingerprint,
)
from sklearn_proto._validation import shown
from sklearn_proto.deep._images import (
    check_width,
    flat_rows,
    in_order_of_pictures,
    layout_of,
)
from sklearn_proto.deep._scaling import standardise

# Parameters that do not change what a fit learns.
_WITHOUT_EFFECT = ("callbacks", "checkpoint_dir", "device", "random_state", "verbose")
# From a warning in fit to the user's line: scikit-learn's wrapper and ours are between.
_CALLER_OF_FIT = 4
# Of a batch in prediction, however small the batches of training are.
_FEWEST_ROWS = 64


class DeepClassifier(PrototypeClassifier):
    """Rows of images, stages of training, checkpoints, and state as arrays.

    A subclass gives the network and the steps of its fit.
    """

    _parameter_constraints = {
        "image_shape": ["array-like", None],
        "channels_first": ["boolean"],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "augmentation": [NameIn(AUGMENTATIONS), callable, None],
        "learning_rate": [Interval(Real, 0, 1e6, closed="right")],
        "learning_rate_decay": [Interval(Real, 0, 1, closed="right")],
        "decay_period": [Interval(Integral, 1, None, closed="left")],
        "weight_decay": [Interval(Real, 0, 1e30, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "device": [str],
        "callbacks": [list, tuple, None],
        "checkpoint_dir": [str, PathLike, None],
        "verbose": ["verbose"],
    }

    _optimizer: type[torch.optim.Optimizer] = torch.optim.Adam
    # Groups of parameters that `weight_decay` is for.
    _decayed: tuple[str, ...] = ()
    # Parameters that shape predictions, and may change after the fit.
    _free: tuple[str, ...] = ()
    # What carries out the steps of the fit.
    _fit_type: type[StagedFit] = StagedFit

    @abstractmethod
    def _set_prototypes(self, data):
        """Note how many prototypes there are, and whose, before there is a network."""

    @abstractmethod
    def _network(self):
        """Network of the fitted architecture, with random parameters, on the CPU."""

    @abstractmethod
    def _run(self, fit):
        """Carry out the steps of the schedule."""

    @abstractmethod
    def _export(self, fit, network):
        """Turn the trained network into fitted attributes."""

    def _counts_of_classes(self, data):
        """Prototypes of every class, by the parameter `n_prototypes_per_class`."""
        return prototype_counts(
            self.n_prototypes_per_class,
            self.classes_,
            np.bincount(data.y, minlength=len(self.classes_)),
            from_rows=False,
        )

    def _layout_of(self, X):
        """Layout of the images in the rows of `X`."""
        return layout_of(X, self.image_shape, channels_first=self.channels_first)

    def _scale(self, network, X):
        """Tell the network the range of the numbers that it gets, in place."""
        standardise(network, X)

    @property
    def _augmentation(self):
        return self.augmentation

    @undisturbed
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Learn the network and its prototypes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Flat rows, or images of shape (n, H, W), (n, H, W, C) or, with
            ``channels_first=True``, (n, C, H, W), of any numeric type.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows, at least 0. An integer weight equals repetition.

        Returns
        -------
        self
            The fitted estimator.
        """
        random_state = check_random_state(self.random_state)
        seed = int(random_state.randint(2**31 - 1))
        with all_or_nothing(self), isolated_generators(seed):
            fit = self._fit(X, y, sample_weight, random_state)
        if fit.interrupted:
            warn(
                f"fit was interrupted after {self.n_iter_} epochs; the model so far is "
                "kept.",
                RuntimeWarning,
                stacklevel=_CALLER_OF_FIT,
            )
        return self

    def _fit(self, X, y, sample_weight, random_state):
        layout = self._layout_of(X)
        rows = flat_rows(X, layout)
        classes, data = self._validate_training_data(rows, y, sample_weight)
        check_width(self.n_features_in_, layout)
        data = in_order_of_pictures(data, layout)
        self.classes_, self._layout = classes, layout
        parameters = self.get_params(deep=False)
        self._fitted_with = {
            n: v for n, v in parameters.items() if n not in _WITHOUT_EFFECT
        }
        self.image_shape_ = layout.array_shape
        self._set_prototypes(data)
        seed = self._seed = int(random_state.randint(2**31 - 1))
        training, validation = self._split(data, random_state)
        with drawing():
            network = self._network()
        self._scale(network, training.X)
        device = resolve_device(self.device)
        options = self._deep_options(seed, device)
        fit = self._fit_type(network, training, validation, options)
        fit.checkpoints = self._checkpoints(fit)
        try:
            self._run(fit)
        except DivergenceError as error:
            raise ValueError(f"{error} {self._suspects()}") from error
        self._finish(fit)
        return fit

    def _suspects(self):
        """Say which numbers may have made a loss that is no number."""
        defaults = signature(type(self)).parameters
        given = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if isinstance(value, Real) and value != defaults[name].default
        }
        return f"Other numbers that are not at their defaults: {given}."

    def _deep_options(self, seed, device):
        return DeepOptions(
            device=device,
            exact_device=exact_device(self.device),
            batch_size=self.batch_size,
            seed=seed,
            optimizer=self._optimizer,
            weight_decay=dict.fromkeys(self._decayed, self.weight_decay),
            augmentation=augmentation_of(self._augmentation, self._layout),
            callbacks=checked_callbacks(self.callbacks),
            patience=self.n_iter_no_change,
            tol=self.tol,
            verbose=int(self.verbose),
        )

    def _checkpoints(self, fit):
        """Where the fit is kept, if it is to be."""
        if self.checkpoint_dir is None:
            return None
        if self.random_state is None:
            raise ValueError(
                f"checkpoint_dir={shown(self.checkpoint_dir)} with random_state=None: "
                "no later fit would be the same. Set random_state to an integer."
            )
        rows = [fit.data] if fit.validation is None else [fit.data, fit.validation]
        known = fingerprint(self._fitted_with, fit.network, fit.options.seed, rows)
        return Checkpoints(self.checkpoint_dir, known)

    # The network, and what is kept of it.

    def _restored(self):
        """Fitted network, in float64 and in evaluation."""
        check_is_fitted(self)
        known, twin = self._fitted_with, copy(self)
        vars(twin).update(known)
        vars(twin).update({name: self._setting(name) for name in self._free})
        with isolated_generators(0), drawing():
            network = twin._network()
        network.double()
        state = {n: torch.tensor(a, device="cpu") for n, a in self._state.items()}
        network.load_state_dict(state)
        return (
            network.eval()
            .requires_grad_(requires_grad=False)
            .to(exact_device(self.device))
        )

    def _finish(self, fit):
        """Keep the trained network, as arrays, and what happened."""
        network = fit.exact()
        self._state = {n: _compact(t) for n, t in network.state_dict().items()}
        self.history_ = fit.history
        losses = [r["train_loss"] for r in fit.history if "epoch" in r]
        self.loss_curve_, self.n_iter_ = losses, len(losses)
        self._export(fit, network)

    @property
    def _rows_at_once(self):
        """Rows of a batch in prediction."""
        return max(_FEWEST_ROWS, self._setting("batch_size"))

    def _setting(self, name):
        """Parameter that may change after a fit, or the one of the fit if it is bad."""
        value = getattr(self, name)
        try:
            validate_parameter_constraints(
                {name: self._parameter_constraints[name]}, {name: value}, "set_params"
            )
        except ValueError:
            return self._fitted_with[name]
        return value

    # Rows are flat from here on.

    def _validate_rows(self, X):
        check_is_fitted(self)
        return super()._validate_rows(flat_rows(X, self._layout))

    def _row_types(self, X):
        kind = getattr(X, "dtype", None)
        # Pixels of one or two bytes are exact in float32, and float64 is twice as much.
        if isinstance(kind, np.dtype) and np.can_cast(kind, np.float32):
            return [np.float32]
        return super()._row_types(X)

    def _training_types(self, X):
        # Batches become floats one by one; all at once would be four times the pixels.
        if getattr(X, "dtype", None) == np.uint8:
            return [np.uint8]
        return super()._training_types(X)


def _compact(tensor):
    """Array of a tensor: in float32 where nothing is lost by it."""
    array = tensor.detach().cpu().numpy().copy()
    if array.dtype != np.float64:
        return array
    short = array.astype(np.float32)
    return short if np.array_equal(short, array) else array
