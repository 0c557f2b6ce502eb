"""What RBF networks and Classification-by-Components have in common."""

from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._base import PrototypeClassifier
from sklearn_proto._compat import Interval, StrOptions, fit_context
from sklearn_proto._devices import exact_device, resolve_device, training_dtype
from sklearn_proto._losses import LIKELIHOODS, LOSSES, REFINEMENTS
from sklearn_proto._modules import PrototypeNetwork, RadialKernel
from sklearn_proto._training import (
    SOLVERS,
    Monitor,
    Objective,
    SolverOptions,
    class_prototypes,
    fit_temperature,
    initial_sigma,
    initial_tangents,
    nearest_rows,
)
from sklearn_proto._views import SimilarityView
from sklearn_proto.shallow._arguments import (
    concept_owners,
    given_prototypes,
    given_widths,
    prototype_counts,
)

# Up to here a full pass over the rows is cheap enough for L-BFGS.
_FULL_BATCH_ROWS = 20_000
# Attributes of some configurations only, which must not outlive a refit.
_OPTIONAL_ATTRIBUTES = (
    "prototype_indices_",
    "validation_curve_",
    "requiredness_",
    "component_prior_",
)


class SimilarityClassifier(PrototypeClassifier):
    """Similarities to learned prototypes, then a head; a subclass says which head."""

    _parameter_constraints = {
        "n_prototypes_per_class": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
        ],
        "metric": [StrOptions({"euclidean", "sqeuclidean", "tangent"})],
        "n_tangents": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"kmeans", "random"}), "array-like"],
        "sigma": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
        ],
        "learn_sigma": ["boolean"],
        "loss": [StrOptions(set(LOSSES))],
        "margin": [Interval(Real, 0, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "clip_prototypes": ["boolean"],
        "snap_to_data": ["boolean"],
        "solver": [StrOptions({"auto", *SOLVERS})],
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

    def __init__(
        self,
        n_prototypes_per_class=1,
        *,
        metric="sqeuclidean",
        n_tangents=1,
        init="kmeans",
        sigma="auto",
        learn_sigma=True,
        loss="log_loss",
        margin=0.3,
        alpha=3e-5,
        clip_prototypes=False,
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
        self.metric = metric
        self.n_tangents = n_tangents
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

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Learn prototypes, widths and the head.

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
        resumes = self.warm_start and hasattr(self, "_network_state")
        previous = self.classes_ if resumes else None
        classes, data = self._validate_training_data(X, y, sample_weight)
        random_state = check_random_state(self.random_state)
        device = resolve_device(self.device)
        counts = prototype_counts(
            self.n_prototypes_per_class,
            classes,
            np.bincount(data.y, minlength=len(classes)),
            from_rows=isinstance(self.init, str),
        )
        labels = np.repeat(np.arange(len(classes)), counts)
        solver = self._resolve_solver(len(data))
        dtype = training_dtype(device, data.X.dtype, solver)
        network = self._start(data, labels, counts, random_state)
        if previous is not None:
            self._resume(network, previous, classes)
        network = network.to(device=device, dtype=dtype)
        parts = self._split(data, random_state)
        # Every argument has been checked: only now does a previous fit give way.
        for name in _OPTIONAL_ATTRIBUTES:
            vars(self).pop(name, None)
        self.classes_ = classes
        self.prototype_labels_ = classes[labels]
        for loss, snaps in self._stages(previous):
            if snaps:
                self._snap(network, data, labels)
            if self._train(network, solver, loss, parts, random_state):
                break
        self._export(network, data)
        return self

    def _resolve_solver(self, n):
        if self.solver != "auto":
            return self.solver
        return "lbfgs" if n <= _FULL_BATCH_ROWS else "adam"

    def _stages(self, previous):
        """Losses to minimise in turn, each with whether prototypes snap to rows before.

        A warm start has the fit that a loss refines behind it.
        """
        stages = [(self.loss, False)]
        if self.loss in REFINEMENTS and previous is None:
            stages.insert(0, ("log_loss", False))
        if self.snap_to_data:
            stages.append((self.loss, True))
        return stages

    def _start(self, data, labels, counts, random_state):
        """Network at its starting point, in float64 on the CPU."""
        prototypes = self._initial_prototypes(data, counts, random_state)
        sq, assigned = _nearest_prototype(data.X, prototypes)
        metric = self.metric
        tangents = None
        if metric == "tangent":
            tangents = self._initial_tangents(data, prototypes, assigned, random_state)
            sq, _ = _nearest_prototype(data.X, prototypes, tangents)
        nearest = sq if metric == "sqeuclidean" else np.sqrt(sq)
        sigma = self._initial_sigma(nearest, data.weight, len(labels))
        kernel = RadialKernel(
            _tensor(prototypes),
            _tensor(sigma),
            metric,
            None if tangents is None else _tensor(tangents),
            normalized=self._normalized,
        )
        kernel.log_sigma.requires_grad = self.learn_sigma
        owners = concept_owners(labels, len(counts), self._concepts_per_class)
        head = self._make_head(_tensor(owners))
        if self.loss not in LIKELIHOODS | REFINEMENTS:
            with torch.no_grad():
                head.log_temperature.zero_()
        return PrototypeNetwork(kernel, head)

    def _initial_prototypes(self, data, counts, random_state):
        if isinstance(self.init, str):
            found = class_prototypes(
                data.X, data.y, data.weight, counts, self.init, random_state
            )
            return found.astype(np.float64)
        return given_prototypes(self.init, (int(counts.sum()), self.n_features_in_))

    def _initial_tangents(self, data, prototypes, assigned, random_state):
        if self.n_tangents >= self.n_features_in_:
            raise ValueError(
                f"n_tangents={self.n_tangents} must be less than the number of "
                f"features, but n_features={self.n_features_in_}."
            )
        return initial_tangents(
            data.X, data.weight, prototypes, assigned, self.n_tangents, random_state
        )

    def _initial_sigma(self, nearest, weight, k):
        """Widths of shape (1,) if shared, or (K,)."""
        if isinstance(self.sigma, str):
            return np.array([initial_sigma(nearest, weight)])
        return given_widths(self.sigma, k)

    def _resume(self, network, previous_classes, classes):
        """Warm start: overwrite the start with the state of the last fit."""
        state = network.state_dict()
        old = self._network_state
        same = np.array_equal(previous_classes, classes) and {
            name: value.shape for name, value in old.items()
        } == {name: tuple(value.shape) for name, value in state.items()}
        if not same:
            raise ValueError(
                "warm_start=True needs the classes and the shapes of the previous fit; "
                f"it had classes {previous_classes.tolist()} and "
                f"{len(self.prototypes_)} prototypes. Use warm_start=False to refit."
            )
        network.load_state_dict({name: _tensor(value) for name, value in old.items()})

    def _split(self, data, random_state):
        if not self.early_stopping:
            return data, None
        try:
            train, held_out = train_test_split(
                np.arange(len(data)),
                test_size=self.validation_fraction,
                stratify=data.y,
                random_state=random_state,
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True with validation_fraction="
                f"{self.validation_fraction} cannot split {len(data)} rows by class: "
                f"{error}"
            ) from error
        return data.take(train), data.take(held_out)

    def _train(self, network, solver, loss, parts, random_state):
        """Minimise one loss in place; return whether the user interrupted it."""
        training, validation = parts
        if loss not in LIKELIHOODS:
            # Nothing in the loss holds the temperature; the penalty would raise it.
            network.head.log_temperature.requires_grad = False
        objective = Objective(network, LOSSES[loss](self.margin), self.alpha)
        monitor = Monitor(
            objective.parameters,
            max_iter=self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            validate=validation and (lambda: objective.evaluate(validation)),
            verbose=bool(self.verbose),
        )
        options = SolverOptions(
            learning_rate=self.learning_rate,
            batch_size=(
                min(256, len(training))
                if self.batch_size == "auto"
                else min(self.batch_size, len(training))
            ),
            random_state=random_state,
            box=self._box(training.X) if self.clip_prototypes else None,
        )
        SOLVERS[solver](objective, training, monitor, options)
        self.loss_curve_ = monitor.loss_curve
        self.n_iter_ = len(monitor.loss_curve)
        if validation is not None:
            self.validation_curve_ = monitor.validation_curve
        return monitor.interrupted

    @staticmethod
    def _box(X):
        return X.min(axis=0), X.max(axis=0)

    def _snap(self, network, data, labels):
        """Put every prototype onto its nearest row of its class, and keep it there."""
        prototypes = network.kernel.prototypes
        here = prototypes.detach().to("cpu", torch.float64).numpy()
        nearest = nearest_rows(data.X, data.y, here, labels)
        self.prototype_indices_ = data.index[nearest]
        with torch.no_grad():
            prototypes.copy_(_tensor(data.X[nearest]))
        prototypes.requires_grad = False

    def _export(self, network, data):
        """Turn the network into fitted attributes."""
        self._network_state = {
            name: value.detach().to("cpu", torch.float64).numpy().copy()
            for name, value in network.state_dict().items()
        }
        kernel = network.kernel
        with torch.no_grad():
            self.prototypes_ = _array(kernel.prototypes)
            k = len(self.prototypes_)
            self.sigma_ = np.broadcast_to(_array(kernel.sigma), (k,)).copy()
            tangents = kernel.tangents
            self.tangents_ = None if tangents is None else _array(tangents)
            for name, value in network.head.arrays().items():
                setattr(self, name, value)
            self.temperature_ = float(network.head.log_temperature.exp())
        if self.loss not in LIKELIHOODS:
            scores = self._class_scores(data.X)
            self.temperature_ = fit_temperature(scores, data.y, data.weight)

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
            metric=self.metric,
            tangents=self.tangents_,
            normalized=self._normalized,
            device=exact_device(self.device),
        )


def _tensor(array):
    return torch.as_tensor(np.asarray(array), dtype=torch.float64, device="cpu")


def _array(tensor):
    return tensor.detach().to("cpu", torch.float64).numpy().copy()


def _nearest_prototype(X, prototypes, tangents=None):
    """Squared distance to, and index of, the nearest prototype of each row."""
    view = SimilarityView(
        prototypes=prototypes,
        sigma=np.ones(len(prototypes)),
        coefficients=np.zeros((1, 1, len(prototypes))),
        offsets=np.zeros((1, 1)),
        metric="sqeuclidean",
        tangents=tangents,
    )
    distance, index = np.empty(len(X)), np.empty(len(X), dtype=np.intp)
    for rows, x in view.batches(X):
        nearest = view.squared_distances(x).min(1)
        distance[rows], index[rows] = nearest.values, nearest.indices
    return distance, index
