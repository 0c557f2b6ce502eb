"""Training on a stream of batches."""

import copy
from abc import abstractmethod

import numpy as np
import torch
from sklearn.utils import check_random_state

from sklearn_proto._base import all_or_nothing
from sklearn_proto._class_weights import class_weights_of_dict
from sklearn_proto._compat import fit_context
from sklearn_proto._devices import resolve_device, training_dtype
from sklearn_proto._prototype_counts import prototype_counts
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training import TrainingData, run_online, typical_unit
from sklearn_proto.shallow._shallow import ShallowClassifier


class OnlineClassifier(ShallowClassifier):
    """A shallow classifier that also learns batch by batch."""

    _optional_attributes = (*ShallowClassifier._optional_attributes, "_moments")
    # What `_restore` reads that has a row for each prototype.
    _of_prototypes: tuple[str, ...] = ("prototypes_", "prototype_labels_")

    @abstractmethod
    def _restore(self):
        """Network of the fitted attributes, in float64 on the CPU."""

    @abstractmethod
    def _online_objective(self, network):
        """Objective of the steps on a batch."""

    @abstractmethod
    def _follow(self, data, seen):
        """Update what describes all rows, given the weight `seen` before `data`."""

    @property
    def _owners(self):
        """Index of the class of each prototype."""
        return np.searchsorted(self.classes_, self.prototype_labels_)

    @undisturbed
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Go on learning from a batch of rows, with one pass of Adam.

        A class gets its prototypes from the first rows of it, as many as there are
        distinct ones up to ``n_prototypes_per_class``; until then it is never
        predicted. A call after `fit` goes on from there. Classes that no longer come
        are forgotten: mix rows of every class into each batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed by the first call only.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows, at least 0.

        Returns
        -------
        self
            The estimator.
        """
        self._validate_params()
        with all_or_nothing(self):
            first = not hasattr(self, "prototypes_")
            known, data = self._validate_batch(
                X, y, classes, sample_weight, first=first
            )
            device = resolve_device(self.device)
            random_state = check_random_state(self.random_state)
            self.classes_ = known
            if len(data):
                if first:
                    self._unit = typical_unit(data.X)
                    self._fitted_with = self._parameters_that_predict()
                self._add_prototypes(data, random_state, first=first)
                self._learn(data, device, random_state, first=first)
        return self

    def _validate_batch(self, X, y, classes, sample_weight, *, first):
        X, y, weight = self._checked(X, y, sample_weight, reset=first)
        known = self._known_classes(classes, first=first)
        strange = np.setdiff1d(y, known)
        if len(strange):
            raise ValueError(
                f"y has the labels {strange.tolist()}, which are not among the classes "
                f"{known.tolist()} of the first call."
            )
        encoded = np.searchsorted(known, y)
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} needs all rows at once; with "
                "partial_fit use a dict or None."
            )
        by_class = class_weights_of_dict(self.class_weight, known)
        with np.errstate(over="ignore"):
            weight = weight * by_class[encoded]
            total = weight.sum()
        if not np.isfinite(total):
            raise ValueError(
                "sample_weight and class_weight add up to infinity; scale them down."
            )
        present = np.flatnonzero(weight > 0)
        data = TrainingData(X[present], encoded[present], weight[present], present)
        return known, data

    def _known_classes(self, classes, *, first):
        if classes is None:
            # The first call may have held no rows of positive weight.
            if not hasattr(self, "classes_"):
                raise ValueError("classes must be given on the first partial_fit call.")
            return self.classes_
        given = np.unique(classes)
        if first and len(given) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 classes; got classes="
                f"{given.tolist()}."
            )
        if not first and not np.array_equal(given, self.classes_):
            raise ValueError(
                f"classes={given.tolist()} differ from those of the first call, "
                f"{self.classes_.tolist()}."
            )
        return given

    def _joined(self, n_classes):
        """Prototypes (n_classes,) that each class has so far."""
        if not hasattr(self, "prototypes_"):
            return np.zeros(n_classes, dtype=np.intp)
        return np.bincount(self._owners, minlength=n_classes)

    def _add_prototypes(self, data, random_state, *, first):
        """Give the classes that are short of prototypes new ones from their rows."""
        distinct = data.distinct().in_order_of_numbers().in_units(self._unit)
        available = np.bincount(distinct.y, minlength=len(self.classes_))
        from_rows = isinstance(self.init, str)
        asked = prototype_counts(
            self.n_prototypes_per_class, self.classes_, available, from_rows=False
        )
        missing = np.maximum(asked - self._joined(len(asked)), 0)
        counts = np.minimum(missing, available) if from_rows else missing * first
        if not counts.any():
            return
        joining = distinct.take(np.flatnonzero(counts[distinct.y] > 0))
        labels = np.repeat(np.arange(len(counts)), counts)
        added = copy.copy(self)
        added.prototype_labels_ = self.classes_[labels]
        with torch.no_grad():
            added._export(self._start(joining, labels, counts, random_state))
        if first:
            vars(self).update(vars(added))
            return
        for name in self._of_prototypes:
            both = np.concatenate([getattr(self, name), getattr(added, name)])
            setattr(self, name, both)
        # In the order of their classes.
        order = np.argsort(self._owners, kind="stable")
        for name in self._of_prototypes:
            setattr(self, name, getattr(self, name)[order])

    def _summarise(self, data):
        self._weight_seen = float(data.weight.sum())
        self._range, self._hard = data.range, data.hard_ends

    def _learn(self, data, device, random_state, *, first):
        dtype = training_dtype(device, data.X.dtype, "adam")
        network = self._restore().to(device=device, dtype=dtype)
        for name in ShallowClassifier._optional_attributes:
            vars(self).pop(name, None)
        seen, curve = (0.0, []) if first else (self._weight_seen, self.loss_curve_)
        self._widen(data, first=first)
        rivals = len(set(self.prototype_labels_)) > 1
        if rivals:
            loss, self._moments = run_online(
                self._online_objective(network),
                data.in_units(self._unit),
                self._solver_options(data, self._box_of_stream(), random_state),
                getattr(self, "_moments", None),
            )
            curve = [*curve, loss]
        self.loss_curve_, self.n_iter_ = curve, len(curve)
        self._keep_state(network)
        with torch.no_grad():
            self._export(network)
            self._follow(data, seen)
        self._weight_seen = seen + float(data.weight.sum()) if rivals else 0.0

    def _box_of_stream(self):
        """Limits of the prototypes in the units of the fit, if there are any."""
        box = self._box(self._range, self._hard)
        return box and tuple(side / self._unit for side in box)

    def _widen(self, data, *, first):
        """Let the range of the features include that of a batch."""
        low, high = data.range
        if first:
            self._range, self._hard = data.range, data.hard_ends
            return
        low = np.minimum(low, self._range[0])
        high = np.maximum(high, self._range[1])
        # What was a limit is one as long as nothing lies beyond.
        self._hard = tuple(
            data.many_at(end) | (was & (end == old))
            for end, old, was in zip((low, high), self._range, self._hard, strict=True)
        )
        self._range = low, high
