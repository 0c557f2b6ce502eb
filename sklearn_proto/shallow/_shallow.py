"""How every shallow classifier is fitted."""

import warnings
from abc import abstractmethod
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._base import PrototypeClassifier, all_or_nothing
from sklearn_proto._compat import Interval, NameIn, StrOptions, fit_context
from sklearn_proto._devices import resolve_device, training_dtype
from sklearn_proto._growth import PREFERENCES
from sklearn_proto._modules import to_numpy
from sklearn_proto._prototype_counts import prototype_counts
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training import (
    SOLVERS,
    Monitor,
    SolverOptions,
    class_prototypes,
    exchange_rows,
    nearest_rows,
    typical_unit,
)
from sklearn_proto.shallow._arguments import given_prototypes
from sklearn_proto.shallow._growth import grown_path, grows

# What a view reads besides the fitted attributes.
_OF_PREDICTION = (
    "metric",
    "device",
    "normalize_kernel",
    "relevance",
    "localization",
)

# Rows near each prototype that each round of exchanges tries.
_CANDIDATES = (50, 50, 50)
# Fall of the accuracy on the training rows by snapping above which to warn.
_SNAP_LOSS = 0.01


class ShallowClassifier(PrototypeClassifier):
    """A network that a solver fits; a subclass says which network and which loss."""

    _parameter_constraints = {
        "n_prototypes_per_class": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            "array-like",
        ],
        "max_prototypes": [Interval(Integral, 1, None, closed="left"), None],
        "preference": [StrOptions(set(PREFERENCES))],
        "init": [StrOptions({"kmeans", "random"}), "array-like"],
        "clip_prototypes": ["boolean", StrOptions({"auto"})],
        "snap_to_data": ["boolean"],
        "solver": [NameIn(SOLVERS, "auto")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "device": [str],
        "verbose": ["verbose"],
    }

    # Up to here a full pass over the rows is cheap enough for L-BFGS.
    _full_batch_rows = 20_000
    # Attributes of some configurations only, which must not outlive a refit.
    _optional_attributes: tuple[str, ...] = (
        "prototype_path_",
        "prototype_indices_",
        "snap_score_change_",
        "validation_curve_",
    )

    @abstractmethod
    def _start(self, data, labels, counts, random_state):
        """Network at its starting point, in float64 on the CPU."""

    @abstractmethod
    def _objective(self, network, loss):
        """Objective of the stage that minimises the `loss` of this name."""

    @abstractmethod
    def _export(self, network):
        """Turn the trained network into fitted attributes."""

    @abstractmethod
    def _calibrate(self, data):
        """Fit what describes the training rows but is not trained on them."""

    def _summarise(self, data):
        """Keep what later training needs to know of the rows: here nothing."""

    def _losses(self, *, resumed):
        """Names of the losses to minimise in turn."""
        del resumed
        return [self.loss]

    @undisturbed
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Learn the prototypes and what goes with them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows, at least 0. An integer weight equals repetition.

        Returns
        -------
        self
            The fitted estimator.
        """
        with all_or_nothing(self):
            self._fit(X, y, sample_weight)
        return self

    def _fit(self, X, y, sample_weight):
        resumes = self.warm_start and hasattr(self, "_network_state")
        classes, data = self._validate_training_data(X, y, sample_weight)
        data = data.in_order_of_numbers()
        random_state = check_random_state(self.random_state)
        device = resolve_device(self.device)
        if resumes:
            self._require_same_model(classes)
        counts, path = self._counts(classes, data, resumed=resumes)
        labels = np.repeat(np.arange(len(classes)), counts)
        solver = self._resolve_solver(len(data))
        dtype = training_dtype(device, data.X.dtype, solver)
        if not resumes:
            self._unit = typical_unit(data.X)
            self._fitted_with = self._parameters_that_predict()
        self.classes_ = classes
        raw, data = data, data.in_units(self._unit)
        network = self._start(data, labels, counts, random_state)
        if resumes:
            self._resume(network)
        network = network.to(device=device, dtype=dtype)
        parts = self._split(data, random_state)
        for name in self._optional_attributes:
            vars(self).pop(name, None)
        if path:
            self.prototype_path_ = path
        self.classes_ = classes
        self.prototype_labels_ = classes[labels]
        for loss, snaps in self._stages(resumed=resumes):
            fit = partial(self._train, network, solver, loss, parts, random_state)
            if snaps:
                self._fit_snapped(network, loss, fit, data, labels)
            elif fit():
                break
        self._keep_state(network)
        with torch.no_grad():
            self._export(network)
            self._calibrate(raw)
        self._summarise(raw)

    def _counts(self, classes, data, *, resumed):
        """Prototypes of each class, and the path on which they were chosen, if any."""
        if not grows(self.n_prototypes_per_class):
            counts = prototype_counts(
                self.n_prototypes_per_class,
                classes,
                np.bincount(data.y, minlength=len(classes)),
                from_rows=isinstance(self.init, str),
            )
            return counts, None
        if not resumed:
            path = grown_path(self, classes, data)
            return path.chosen_counts, path
        # A warm start goes on with the prototypes that there are.
        return self.n_prototypes_per_class_, getattr(self, "prototype_path_", None)

    def _require_same_model(self, classes):
        """Refuse a warm start from a model that predicts in another way."""
        if not np.array_equal(self.classes_, classes):
            raise self._of_another_shape()
        asked = self._parameters_that_predict()
        for name, before in self._fitted_with.items():
            if name != "device" and asked.get(name) != before:
                raise ValueError(
                    f"warm_start=True needs {name}={before!r} of the previous fit, not "
                    f"{asked.get(name)!r}. Use warm_start=False to refit."
                )

    @property
    def n_prototypes_per_class_(self):
        """Number of prototypes of each class, of shape (n_classes,)."""
        check_is_fitted(self)
        owners = np.searchsorted(self.classes_, self.prototype_labels_)
        return np.bincount(owners, minlength=len(self.classes_))

    def _resolve_solver(self, n):
        if self.solver != "auto":
            return self.solver
        return "lbfgs" if n <= self._full_batch_rows else "adam"

    def _stages(self, *, resumed):
        """Losses in turn, each with whether prototypes snap to rows before."""
        stages = [(loss, False) for loss in self._losses(resumed=resumed)]
        return [*stages, (stages[-1][0], True)] if self.snap_to_data else stages

    def _initial_prototypes(self, data, counts, random_state):
        if isinstance(self.init, str):
            found = class_prototypes(
                data.X, data.y, data.weight, counts, self.init, random_state
            )
            return found.astype(np.float64)
        shape = (int(counts.sum()), self.n_features_in_)
        return given_prototypes(self.init, shape) / self._unit

    def _parameters_that_predict(self):
        """Parameters that a fitted model goes on using; later changes wait for fit.

        A subclass may take fewer: then they are attributes all the same.
        """
        return {n: getattr(self, n) for n in _OF_PREDICTION if hasattr(self, n)}

    def _keep_state(self, network):
        """Keep what a warm start goes on from."""
        self._network_state = {
            name: to_numpy(value) for name, value in network.state_dict().items()
        }

    def _of_another_shape(self):
        """Error of a warm start that does not fit what was there."""
        return ValueError(
            "warm_start=True needs the classes and the shapes of the previous fit; it "
            f"had classes {self.classes_.tolist()} and {len(self.prototypes_)} "
            "prototypes. Use warm_start=False to refit."
        )

    def _resume(self, network):
        """Warm start: overwrite the start with the state of the last fit."""
        state = network.state_dict()
        old = self._network_state
        before = {name: value.shape for name, value in old.items()}
        if before != {name: tuple(value.shape) for name, value in state.items()}:
            raise self._of_another_shape()
        network.load_state_dict({name: to_tensor(value) for name, value in old.items()})

    def _train(self, network, solver, loss, parts, random_state):
        """Minimise one loss in place; return whether the user interrupted it."""
        training, validation = parts
        objective = self._objective(network, loss)
        if not objective.parameters:
            # Snapped prototypes in a metric that learns nothing.
            self.loss_curve_, self.n_iter_ = [objective.evaluate(training)], 1
            if validation is not None:
                self.validation_curve_ = [objective.evaluate(validation)]
            return False
        monitor = Monitor(
            objective.parameters,
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            validate=validation and (lambda: objective.evaluate(validation)),
            verbose=bool(self.verbose),
        )
        box = self._box(training.range, training.hard_ends)
        options = self._solver_options(training, box, random_state)
        SOLVERS[solver](objective, training, monitor, options)
        self.loss_curve_ = monitor.loss_curve
        self.n_iter_ = len(monitor.loss_curve)
        self._interrupted = monitor.interrupted
        if validation is not None:
            self.validation_curve_ = monitor.validation_curve
        return monitor.interrupted

    def _box(self, limits, hard):
        """Limits of the prototypes, (d,) each: all, those that are hard, or none."""
        if self.clip_prototypes == "auto":
            low, high = limits
            limits = np.where(hard[0], low, -np.inf), np.where(hard[1], high, np.inf)
            return limits if np.any(hard) else None
        return limits if self.clip_prototypes else None

    def _solver_options(self, data, box, random_state):
        rows = 256 if self.batch_size == "auto" else self.batch_size
        return SolverOptions(
            learning_rate=self.learning_rate,
            batch_size=min(rows, len(data)),
            random_state=random_state,
            box=box,
        )

    def _fit_snapped(self, network, loss, fit, data, labels):
        """Put the prototypes onto rows of their classes, and train the rest to them.

        First onto the nearest rows; then rows are exchanged for others that lower the
        loss, in turn with training.
        """
        before = self._training_score(network, data)
        points = data.X, to_numpy(network.prototypes)
        places, prototypes = (self._places(network, some) for some in points)
        rows = nearest_rows(places, data.y, prototypes, labels)
        with torch.no_grad():
            network.prototypes.copy_(to_tensor(data.X[rows]))
        network.prototypes.requires_grad = False
        interrupted = fit()
        for n_candidates in () if interrupted else _CANDIDATES:
            objective = self._objective(network, loss)
            places = self._places(network, data.X)
            found = exchange_rows(objective, data, labels, rows, n_candidates, places)
            if np.array_equal(found, rows):
                break
            rows = found
            if fit():
                break
        self.prototype_indices_ = data.index[rows]
        self._report_snapping(before, self._training_score(network, data))

    def _places(self, network, points):
        """Points where it is measured which rows are near: here as they are."""
        del network
        return points

    def _training_score(self, network, data):
        """Weighted accuracy on the training rows of the network as it is."""
        with torch.no_grad():
            self._export(network)
        X = data.X * data.X.dtype.type(self._unit)
        view = self.certifiable_view()
        right = [
            view.winners(x).cpu().numpy() == data.y[rows] for rows, x in view.batches(X)
        ]
        return float(np.average(np.concatenate(right), weights=data.weight))

    def _report_snapping(self, before, after):
        self.snap_score_change_ = after - before
        if self.snap_score_change_ < -_SNAP_LOSS:
            warnings.warn(
                f"snap_to_data=True lowers the accuracy on the training rows from "
                f"{before:.3f} to {after:.3f}; a learned metric (relevance='full' of "
                "RBFClassifier and CBCClassifier, GMLVQClassifier) loses least of it.",
                UserWarning,
                stacklevel=7,
            )


def to_tensor(array):
    """Float64 tensor on the host."""
    return torch.as_tensor(np.asarray(array), dtype=torch.float64, device="cpu")


def to_indices(array):
    """Integer tensor on the host."""
    return torch.as_tensor(np.asarray(array), dtype=torch.int64, device="cpu")
