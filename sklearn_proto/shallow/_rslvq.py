"""Robust soft learning vector quantisation."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._devices import exact_device
from sklearn_proto._losses import mixture_loss
from sklearn_proto._modules import (
    ClassPosterior,
    PrototypeNetwork,
    RadialKernel,
    to_numpy,
)
from sklearn_proto._prototype_counts import requested_counts
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training import Objective
from sklearn_proto._views import SimilarityView
from sklearn_proto.explain import (
    NearestPrototypeExplanation,
    deciding_prototypes,
    linear_contributions,
)
from sklearn_proto.shallow._arguments import (
    concept_owners,
    given_widths,
    starting_widths,
)
from sklearn_proto.shallow._online import OnlineClassifier
from sklearn_proto.shallow._shallow import to_tensor


class RSLVQClassifier(OnlineClassifier):
    """Robust soft learning vector quantisation.

    A Gaussian mixture whose components belong to classes: the posterior of a class is
    the sum of ``exp(-|x - w_k|^2 / sigma_k)`` over its prototypes, divided by the sum
    over all. Training maximises the posterior of the labels [1]_. Posteriors are the
    scores and the probabilities.

    `partial_fit` forgets classes that no longer come: mix rows of every class into each
    batch.

    Parameters
    ----------
    n_prototypes_per_class : int, array-like of shape (n_classes,) or "auto", default=1
        Number of prototypes of each class, at most its distinct rows. "auto" doubles
        them for as long as that helps on rows that are held out in turn, most of them
        in the classes that lose most there; see ``prototype_path_``.
    max_prototypes : int, default=None
        Most prototypes in all that "auto" tries; None is 20 a class on average.
    preference : {"fewer", "accuracy"}, default="fewer"
        What "auto" chooses: the fewest prototypes with which the accuracy on held-out
        rows is within a standard error of the highest, or those with the highest.
    init : {"kmeans", "random"} or array-like of shape (n_prototypes, n_features), \
    default="kmeans"
        Start of the prototypes: centres of k-means in each class, rows of each class,
        or the given points in the order of the classes.
    sigma : "auto", float or array-like of shape (n_prototypes,), default="auto"
        Start of the kernel width: twice the variance of a component. A number is shared
        by all prototypes; an array gives each its own. "auto" gives a row at a typical
        distance (mean plus standard deviation) to its nearest prototype a similarity
        of 0.01 before normalisation.
    learn_sigma : bool, default=True
        Whether to train the width.
    clip_prototypes : bool or "auto", default="auto"
        Keep prototypes inside the range of the training rows, feature by feature. With
        "auto" only where the range ends at a limit: the 0 of a count, where at least 3
        rows, and 2 % of them, lie, or either value of a feature that has two.
    snap_to_data : bool, default=False
        After training, move every prototype to a training row of its class that keeps
        the loss low, one of those near it, and train the rest to them. Warns where that
        costs more than 0.01 of the accuracy on the training rows.
    solver : {"auto", "lbfgs", "adam"}, default="auto"
        Full-batch L-BFGS or mini-batch Adam; "auto" takes Adam above 200,000 rows.
    learning_rate : float, default=0.01
        Step size of Adam, which `partial_fit` uses too.
    max_iter : int, default=500
        Budget of iterations of L-BFGS or epochs of Adam.
    batch_size : int or "auto", default="auto"
        Rows per step of Adam; "auto" is 256.
    tol : float, default=1e-4
        Improvement of the loss, relative where the loss exceeds 1, below which an
        iteration brings no progress.
    n_iter_no_change : int, default=10
        Iterations without progress after which to stop.
    early_stopping : bool, default=False
        Watch the loss on held-out rows instead of the training loss.
    validation_fraction : float, default=0.1
        Share of each class held out by `early_stopping`, in (0, 1).
    warm_start : bool, default=False
        Start from the previous fit.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    random_state : int, RandomState instance or None, default=None
        Seeds k-means, the choice of rows and the order of mini-batches.
    device : str, default="auto"
        "cpu", "cuda", "cuda:1", "mps", or "auto" for CUDA where there is one.
    verbose : int, default=0
        1 shows a progress bar with the loss.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    prototypes_ : ndarray of shape (n_prototypes, n_features)
        Prototypes.
    n_prototypes_per_class_ : ndarray of shape (n_classes,)
        Number of prototypes of each class.
    prototype_path_ : PrototypePath
        Accuracy on held-out rows with more and more prototypes, only with
        ``n_prototypes_per_class="auto"``.
    prototype_labels_ : ndarray of shape (n_prototypes,)
        Class of each prototype.
    prototype_indices_ : ndarray of shape (n_prototypes,)
        Row of the training `X` that each prototype is, only with
        ``snap_to_data=True``.
    snap_score_change_ : float
        Accuracy on the training rows, weighted, with prototypes that are rows less that
        with free ones, only with ``snap_to_data=True``.
    sigma_ : ndarray of shape (n_prototypes,)
        Kernel widths.
    loss_curve_ : list of float
        Objective after each iteration of the last stage of the fit.
    validation_curve_ : list of float
        Held-out loss after each iteration, only with ``early_stopping=True``.
    n_iter_ : int
        Iterations of that stage.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if `X` had string names.

    See Also
    --------
    GLVQClassifier : The closest prototype alone decides.
    RBFClassifier : Weighs the prototypes freely.

    References
    ----------
    .. [1] S. Seo and K. Obermayer, "Soft Learning Vector Quantization", Neural
       Computation 15, 2003.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_proto import RSLVQClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), RSLVQClassifier(random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.97
    True
    """

    # An epoch of small steps takes several times as long as one gradient of all rows.
    _full_batch_rows = 200_000

    _parameter_constraints = {
        **OnlineClassifier._parameter_constraints,
        "sigma": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
        ],
        "learn_sigma": ["boolean"],
    }

    def __init__(
        self,
        n_prototypes_per_class=1,
        *,
        max_prototypes=None,
        preference="fewer",
        init="kmeans",
        sigma="auto",
        learn_sigma=True,
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
        self.sigma = sigma
        self.learn_sigma = learn_sigma
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

    def _start(self, data, labels, counts, random_state):
        prototypes = self._initial_prototypes(data, counts, random_state)
        asked = requested_counts(self.n_prototypes_per_class, self.classes_)
        if isinstance(self.sigma, str):
            sigma = starting_widths(data, prototypes, None, "sqeuclidean")
        else:
            sigma = given_widths(self.sigma, int(asked.sum())) / self._unit**2
        if len(sigma) > len(labels):
            # Only some join now: those behind the ones of their class that are there.
            first = np.cumsum(asked) - asked + self._joined(len(counts))
            of_class = [a + np.arange(n) for a, n in zip(first, counts, strict=True)]
            sigma = sigma[np.concatenate(of_class)]
        return self._network(prototypes, sigma, labels, len(counts))

    def _network(self, prototypes, sigma, owners, n_classes):
        kernel = RadialKernel(
            to_tensor(prototypes), to_tensor(sigma), "sqeuclidean", normalized=True
        )
        kernel.log_sigma.requires_grad = bool(self.learn_sigma)
        head = ClassPosterior(to_tensor(concept_owners(owners, n_classes, 1)))
        return PrototypeNetwork(kernel, head)

    def _restore(self):
        # Without one of each, prototypes that join later share the width that there is.
        sigma = self.sigma_ if np.ndim(self.sigma) else self.sigma_[:1]
        return self._network(
            self.prototypes_ / self._unit,
            sigma / self._unit**2,
            self._owners,
            len(self.classes_),
        )

    @property
    def _of_prototypes(self):
        of_each = OnlineClassifier._of_prototypes
        return (*of_each, "sigma_") if np.ndim(self.sigma) else of_each

    def _losses(self, *, resumed):
        del resumed
        return ["mixture"]

    def _objective(self, network, loss):
        del loss
        return Objective(network, mixture_loss)

    def _online_objective(self, network):
        return Objective(network, mixture_loss)

    def _export(self, network):
        self.prototypes_ = to_numpy(network.prototypes) * self._unit
        sigma = to_numpy(network.kernel.sigma) * self._unit**2
        self.sigma_ = np.broadcast_to(sigma, len(self.prototypes_)).copy()

    def _calibrate(self, data):
        """Leave the scores as they are: they are probabilities."""

    def _follow(self, data, seen):
        """See `_calibrate`."""

    @undisturbed
    def certifiable_view(self):
        """Return the fitted model as arrays that predict and certify.

        Returns
        -------
        SimilarityView
            Posteriors as sums of normalised similarities.
        """
        check_is_fitted(self)
        return SimilarityView(
            prototypes=self.prototypes_,
            sigma=self.sigma_,
            coefficients=concept_owners(self._owners, len(self.classes_), 1),
            offsets=np.zeros((len(self.classes_), 1)),
            metric="sqeuclidean",
            normalized=True,
            device=exact_device(self._fitted_with["device"]),
        )

    def _explanation(self, X):
        similarities = self._similarities(X)
        belongs = concept_owners(self._owners, len(self.classes_), 1).squeeze(1)
        parts = linear_contributions(similarities, belongs, np.zeros(len(belongs)))
        account = self._shared_fields(X, self._class_scores(X), similarities, parts)
        exponents = self._map_rows(X, lambda v, x: -v.exponents(x), len(self._owners))
        of_class = np.where(belongs > 0, exponents[:, np.newaxis], np.inf)
        winning = of_class.argmin(axis=-1)
        own, rival = deciding_prototypes(account["scores"], winning).T
        return NearestPrototypeExplanation(
            **account,
            winning_prototypes=np.where(belongs.any(axis=1), winning, -1),
            winning_distances=of_class.min(axis=-1),
            feature_terms=self._feature_terms(X, rival) - self._feature_terms(X, own),
            decision="log-ratio of the densities",
        )

    def _feature_terms(self, X, which):
        """Parts (n, d) of the exponent of one prototype of each row."""
        step = X - self.prototypes_[which]
        return step**2 / self.sigma_[which, np.newaxis]

    @undisturbed
    def predict_proba(self, X):
        """Predict the posteriors of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one.
        """
        X = self._validate_rows(X)
        p = self._class_scores(X)
        # Shares of prototypes may sum to a rounding error more than 1.
        return (p / p.sum(axis=1, keepdims=True)).astype(X.dtype, copy=False)
