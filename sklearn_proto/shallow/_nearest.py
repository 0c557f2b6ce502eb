"""What the nearest-prototype classifiers have in common."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._compat import Interval, NameIn, StrOptions
from sklearn_proto._devices import exact_device
from sklearn_proto._losses import (
    ACTIVATIONS,
    glvq_loss,
    temperature_loss,
    triplet_loss,
)
from sklearn_proto._modules import NearestPrototypes, to_numpy
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training import Objective, TrainingData, fit_temperature
from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.explain import (
    NearestPrototypeExplanation,
    deciding_prototypes,
    nearest_contributions,
)
from sklearn_proto.shallow._online import OnlineClassifier
from sklearn_proto.shallow._shallow import to_indices, to_tensor


@dataclass(frozen=True)
class Start:
    """What the start of a metric may depend on."""

    data: TrainingData
    prototypes: np.ndarray  # (K, d)
    owners: np.ndarray  # (K,), index of the class of each
    n_classes: int
    random_state: np.random.RandomState


class NearestPrototypeClassifier(OnlineClassifier):
    """The label of the closest prototype wins; a subclass says in which metric."""

    # Two minima of a row cost far less than exponentials of all its similarities.
    _full_batch_rows = 200_000

    _parameter_constraints = {
        **OnlineClassifier._parameter_constraints,
        "loss": [StrOptions({"glvq", "triplet"})],
        "activation": [NameIn(ACTIVATIONS)],
        "beta": [Interval(Real, 0, None, closed="neither")],
        "margin": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_prototypes_per_class=1,
        *,
        max_prototypes=None,
        preference="fewer",
        init="kmeans",
        loss="glvq",
        activation="sigmoid",
        beta=10.0,
        margin=1.0,
        clip_prototypes="auto",
        snap_to_data=False,
        solver="auto",
        learning_rate=0.01,
        max_iter=500,
        batch_size="auto",
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        class_weight=None,
        random_state=None,
        device="auto",
        verbose=0,
    ):
        self.n_prototypes_per_class = n_prototypes_per_class
        self.max_prototypes = max_prototypes
        self.preference = preference
        self.init = init
        self.loss = loss
        self.activation = activation
        self.beta = beta
        self.margin = margin
        self.clip_prototypes = clip_prototypes
        self.snap_to_data = snap_to_data
        self.solver = solver
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.class_weight = class_weight
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @abstractmethod
    def _make_metric(self, start):
        """Metric at its starting point."""

    @abstractmethod
    def _fitted_metric(self):
        """Metric of the fitted attributes."""

    def _export_metric(self, metric):
        """Turn what the metric has learned into fitted attributes."""

    @property
    def _unit_of_d(self):
        """Unit of the dissimilarity."""
        metric = self._fitted_with.get("metric", "sqeuclidean")
        return self._unit**2 if metric == "sqeuclidean" else self._unit

    def _view_options(self):
        """Name the metric, from the fitted attributes, as the view wants it."""
        return {}

    def _start(self, data, labels, counts, random_state):
        prototypes = self._initial_prototypes(data, counts, random_state)
        start = Start(data, prototypes, labels, len(counts), random_state)
        return _network(prototypes, labels, self._make_metric(start))

    def _restore(self):
        prototypes = self.prototypes_ / self._unit
        network = _network(prototypes, self._owners, self._fitted_metric())
        network.log_temperature.fill_(np.log(self.temperature_ / self._unit_of_d))
        return network

    def _row_loss(self, loss):
        if loss == "triplet":
            return partial(triplet_loss, margin=self.margin / self._unit_of_d)
        return partial(glvq_loss, activation=self.activation, beta=self.beta)

    def _objective(self, network, loss):
        return Objective(network, self._row_loss(loss))

    def _online_objective(self, network):
        network.log_temperature.requires_grad = True
        row_loss = self._row_loss(self.loss)

        def both(outputs, y):
            # The temperature follows at no cost to the reported loss.
            follow = temperature_loss(outputs, y)
            return row_loss(outputs, y) + follow - follow.detach()

        return Objective(network, both)

    def _export(self, network):
        self.prototypes_ = to_numpy(network.prototypes) * self._unit
        self.temperature_ = float(network.log_temperature.exp()) * self._unit_of_d
        self._export_metric(network.metric)

    def _calibrate(self, data):
        scores = self._class_scores(data.X)
        self.width_ = _mean_distance(scores, data.weight)
        present = np.unique(self._owners)
        y = np.searchsorted(present, data.y)
        # A power of two changes no digit, and the search starts from a logarithm.
        unit = self._unit_of_d
        found = fit_temperature(scores[:, present] / unit, y, data.weight)
        self.temperature_ = found * unit

    def _follow(self, data, seen):
        if not seen:
            self._calibrate(data)
            return
        here = float(data.weight.sum())
        mean = _mean_distance(self._class_scores(data.X), data.weight)
        self.width_ += (mean - self.width_) * here / (seen + here)

    @undisturbed
    def certifiable_view(self):
        """Return the fitted model as arrays that predict and certify.

        Returns
        -------
        NearestPrototypeView
            Labelled prototypes and the metric.
        """
        check_is_fitted(self)
        return NearestPrototypeView(
            prototypes=self.prototypes_,
            owners=self._owners,
            n_classes=len(self.classes_),
            width=getattr(self, "width_", 1.0),
            device=exact_device(self._fitted_with["device"]),
            **self._view_options(),
        )

    def _explanation(self, X):
        view = self.certifiable_view()
        squared = "squared " if view.metric == "sqeuclidean" else ""
        shape = (len(X), len(self.classes_))
        distances, winning = np.empty(shape), np.empty(shape, dtype=np.intp)
        terms = np.empty(X.shape)
        for rows, x in self._batches(view, X):
            d, index = (found.cpu().numpy() for found in view.nearest(x))
            distances[rows], winning[rows] = d, index
            pair = deciding_prototypes(-d, index)
            own, rival = (view.tensor(side).long() for side in pair.T)
            lead = view.feature_terms(x, rival) - view.feature_terms(x, own)
            terms[rows] = lead.cpu().numpy()
        parts = nearest_contributions(distances, winning, len(self.prototypes_))
        return NearestPrototypeExplanation(
            **self._shared_fields(X, -distances, self._similarities(X), parts),
            winning_prototypes=np.where(np.isfinite(distances), winning, -1),
            winning_distances=distances,
            feature_terms=terms,
            decision=f"difference of the {squared}distances",
        )


def _network(prototypes, owners, metric):
    return NearestPrototypes(to_tensor(prototypes), to_indices(owners), metric)


def _mean_distance(scores, weight):
    """Mean D of rows to their closest prototypes, or 1 where every row is one."""
    return float(np.average(-scores.max(axis=1), weights=weight)) or 1.0
