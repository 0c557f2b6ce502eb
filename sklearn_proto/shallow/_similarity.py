"""What RBF networks and Classification-by-Components have in common."""

from abc import abstractmethod
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._compat import Interval, NameIn, StrOptions
from sklearn_proto._devices import exact_device
from sklearn_proto._losses import LIKELIHOODS, LOSSES, REFINEMENTS, squared_norm
from sklearn_proto._modules import PrototypeNetwork, RadialKernel, Relevances, to_numpy
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training import Objective, fit_temperature
from sklearn_proto._views import SimilarityView
from sklearn_proto.explain import Explanation
from sklearn_proto.shallow._arguments import (
    concept_owners,
    given_widths,
    starting_widths,
)
from sklearn_proto.shallow._matrices import (
    canonical,
    export_metric,
    learned_metric,
    mapped,
)
from sklearn_proto.shallow._shallow import ShallowClassifier, to_tensor
from sklearn_proto.shallow._tangents import principal_tangents


class SimilarityClassifier(ShallowClassifier):
    """Similarities to learned prototypes, then a head; a subclass says which head."""

    _optional_attributes = (
        *ShallowClassifier._optional_attributes,
        "requiredness_",
        "component_prior_",
        "omega_",
        "relevance_matrix_",
        "relevance_",
    )

    _parameter_constraints = {
        **ShallowClassifier._parameter_constraints,
        "metric": [StrOptions({"euclidean", "sqeuclidean", "tangent"})],
        "n_tangents": [Interval(Integral, 1, None, closed="left")],
        "relevance": [StrOptions({"full", "diagonal"}), None],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "sigma": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
        ],
        "learn_sigma": ["boolean"],
        "loss": [NameIn(LOSSES)],
        "margin": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_prototypes_per_class=1,
        *,
        max_prototypes=None,
        preference="fewer",
        metric="sqeuclidean",
        n_tangents=1,
        relevance=None,
        n_components=None,
        init="kmeans",
        sigma="auto",
        learn_sigma=True,
        loss="log_loss",
        margin=0.3,
        alpha=3e-5,
        clip_prototypes="auto",
        snap_to_data=False,
        solver="auto",
        learning_rate=0.01,
        max_iter=2000,
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
        self.metric = metric
        self.n_tangents = n_tangents
        self.relevance = relevance
        self.n_components = n_components
        self.init = init
        self.sigma = sigma
        self.learn_sigma = learn_sigma
        self.loss = loss
        self.margin = margin
        self.alpha = alpha
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
    def _make_head(self, owners):
        """Fresh head; `owners` (C, q, K) tells which concept a prototype starts for."""

    @abstractmethod
    def _affine(self):
        """Coefficients (C, q, K) and offsets (C, q), from the fitted attributes."""

    @property
    def _concepts_per_class(self):
        return 1

    @property
    def _normalized(self):
        return False

    @property
    def _unit_of_d(self):
        """Unit of the dissimilarity."""
        squared = self._fitted_with["metric"] == "sqeuclidean"
        return self._unit**2 if squared else self._unit

    def _losses(self, *, resumed):
        # A warm start has behind it the fit that a loss refines.
        refines = self.loss in REFINEMENTS and not resumed
        return ["log_loss", self.loss] if refines else [self.loss]

    def _start(self, data, labels, counts, random_state):
        prototypes = self._initial_prototypes(data, counts, random_state)
        metric = self.metric
        learned = self._learned_metric(data)
        tangents = None
        if metric == "tangent":
            tangents = principal_tangents(
                data, prototypes, labels, self.n_tangents, random_state
            )
        if isinstance(self.sigma, str):
            omega = None if learned is None else to_numpy(learned.omega)
            sigma = starting_widths(data, prototypes, tangents, metric, omega)
        else:
            sigma = given_widths(self.sigma, len(labels)) / self._unit_of_d
        kernel = RadialKernel(
            to_tensor(prototypes),
            to_tensor(sigma),
            metric,
            None if tangents is None else to_tensor(tangents),
            normalized=self._normalized,
            learned=learned,
        )
        kernel.log_sigma.requires_grad = bool(self.learn_sigma)
        owners = concept_owners(labels, len(counts), self._concepts_per_class)
        head = self._make_head(to_tensor(owners))
        if self.loss not in LIKELIHOODS | REFINEMENTS:
            with torch.no_grad():
                head.log_temperature.zero_()
        return PrototypeNetwork(kernel, head)

    def _learned_metric(self, data):
        """Metric to learn with the prototypes, at its start; None for a fixed one."""
        if self.relevance is None:
            return None
        if self.metric == "tangent":
            raise ValueError(
                f"relevance={self.relevance!r} learns a metric, which "
                "metric='tangent' does not allow; use 'sqeuclidean' or 'euclidean', or "
                "relevance=None."
            )
        return learned_metric(data, self.relevance, self.n_components)

    def _places(self, network, points):
        learned = network.kernel.learned
        return points if learned is None else mapped(points, learned)

    def _objective(self, network, loss):
        if loss not in LIKELIHOODS:
            # Nothing in the loss holds the temperature; the penalty would raise it.
            network.head.log_temperature.requires_grad = False
        penalty = partial(_penalty, network, self.alpha) if self.alpha > 0 else None
        # A radius is in units of the features, a gap between scores has none.
        margin = self.margin / self._unit if loss == "robust" else self.margin
        return Objective(network, LOSSES[loss](margin), penalty)

    def _export(self, network):
        kernel = network.kernel
        self.prototypes_ = to_numpy(kernel.prototypes) * self._unit
        k = len(self.prototypes_)
        sigma = to_numpy(kernel.sigma) * self._unit_of_d
        self.sigma_ = np.broadcast_to(sigma, k).copy()
        tangents = kernel.tangents
        self.tangents_ = None if tangents is None else to_numpy(tangents)
        if kernel.learned is not None:
            omega = to_numpy(kernel.learned.omega)
            diagonal = isinstance(kernel.learned, Relevances)
            # Certificates are sharper where a map is seen to be diagonal.
            export_metric(self, np.abs(omega) if diagonal else canonical(omega))
        for name, value in network.head.arrays().items():
            setattr(self, name, value)
        self.temperature_ = float(network.head.log_temperature.exp())

    def _calibrate(self, data):
        if self.loss not in LIKELIHOODS:
            scores = self._class_scores(data.X)
            self.temperature_ = fit_temperature(scores, data.y, data.weight)

    @abstractmethod
    def _contributions(self, similarities):
        """Take the class scores apart, given similarities of shape (n, K)."""

    def _explanation(self, X):
        similarities = self._similarities(X)
        parts = self._contributions(similarities)
        scores = self._class_scores(X)
        return Explanation(**self._shared_fields(X, scores, similarities, parts))

    @undisturbed
    def certifiable_view(self):
        """Return the fitted model as arrays that predict and certify.

        Returns
        -------
        SimilarityView
            Class scores as an affine function of similarities to prototypes.
        """
        check_is_fitted(self)
        coefficients, offsets = self._affine()
        return SimilarityView(
            prototypes=self.prototypes_,
            sigma=self.sigma_,
            coefficients=coefficients,
            offsets=offsets,
            metric=self._fitted_with["metric"],
            tangents=self.tangents_,
            normalized=self._normalized,
            omega=getattr(self, "omega_", None),
            device=exact_device(self._fitted_with["device"]),
        )


def _penalty(network, alpha):
    return alpha / 2 * squared_norm(network)
