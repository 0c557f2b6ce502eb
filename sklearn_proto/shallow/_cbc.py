"""Classification-by-Components."""

from numbers import Integral

from sklearn_proto._compat import Interval, NameIn
from sklearn_proto._modules import IndefiniteReasoning, SignedReasoning
from sklearn_proto.explain import agreement_contributions
from sklearn_proto.shallow._similarity import SimilarityClassifier

HEADS = {"signed": SignedReasoning, "indefinite": IndefiniteReasoning}


class CBCClassifier(SimilarityClassifier):
    """Classification-by-Components: reasoning over present and absent prototypes.

    A concept of a class holds a probability for every component (prototype) to be
    *present* (R+) and to be *absent* (R-); they sum to one. Its agreement with a row is
    the expectation ``sum_k phi_k R+_k + (1 - phi_k) R-_k``, in [0, 1], with
    similarities ``phi_k(x) = exp(-D_k(x) / sigma_k)``. The class with the best
    agreement wins.

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
    metric : {"sqeuclidean", "euclidean", "tangent"}, default="sqeuclidean"
        Dissimilarity D. "sqeuclidean" is the Gaussian kernel, with the best
        certificates; "tangent" the distance to an affine subspace per prototype.
    n_tangents : int, default=1
        Dimension of the subspaces of ``metric="tangent"``, less than the features.
    relevance : {"full", "diagonal"} or None, default=None
        Learn a metric ``|omega (x - w)|`` of all prototypes with them: a full matrix,
        or one weight per feature. None takes the features as they are.
    n_components : int or None, default=None
        Rows of omega for ``relevance="full"``, at most the number of features: the rank
        of the metric. None takes as many as there are features.
    init : {"kmeans", "random"} or array-like of shape (n_prototypes, n_features), \
default="kmeans"
        Start of the prototypes: centres of k-means in each class, rows of each class,
        or the given points in the order of the classes.
    sigma : "auto", float or array-like of shape (n_prototypes,), default="auto"
        Start of the kernel width, in units of D. A number is shared by all
        prototypes; an array gives each its own. "auto" gives a row at a typical
        distance (mean plus standard deviation) to its nearest prototype a similarity
        of 0.01.
    learn_sigma : bool, default=True
        Whether to train the width.
    reasoning : {"signed", "indefinite"}, default="signed"
        One distribution over present and absent components per concept [2]_, or the
        original model with an indefinite state and a prior shared by all classes
        [1]_, kept for comparison: its normalisation lets a component that is nearly
        ignored decide alone.
    n_concepts_per_class : int, default=1
        Concepts of each class; the best one speaks for it.
    loss : {"log_loss", "margin", "robust"}, default="log_loss"
        Cross-entropy; hinge on the gap to the best wrong class; or hinge on the
        certified radius against the runner-up.
    margin : float, default=0.3
        Gap asked for by "margin" in units of the score, radius asked for by "robust"
        in units of the features.
    alpha : float, default=3e-5
        Strength of the penalty on the norm of the class scores in the function space
        of the kernel.
    clip_prototypes : bool or "auto", default="auto"
        Keep prototypes inside the range of the training rows, feature by feature. With
        "auto" only where the range ends at a limit: the 0 of a count, where at least 3
        rows, and 2 % of them, lie, or either value of a feature that has two.
    snap_to_data : bool, default=False
        After training, move every prototype to a training row of its class that keeps
        the loss low, one of those near it, and train the rest to them. Warns where that
        costs more than 0.01 of the accuracy on the training rows.
    solver : {"auto", "lbfgs", "adam"}, default="auto"
        Full-batch L-BFGS or mini-batch Adam; "auto" takes Adam above 20,000 rows.
    learning_rate : float, default=0.01
        Step size of Adam.
    max_iter : int, default=2000
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
        Class each prototype was placed in.
    prototype_indices_ : ndarray of shape (n_prototypes,)
        Row of the training `X` that each prototype is, only with
        ``snap_to_data=True``.
    snap_score_change_ : float
        Accuracy on the training rows, weighted, with prototypes that are rows less that
        with free ones, only with ``snap_to_data=True``.
    sigma_ : ndarray of shape (n_prototypes,)
        Kernel widths.
    tangents_ : ndarray of shape (n_prototypes, n_features, n_tangents) or None
        Orthonormal tangent vectors of ``metric="tangent"``.
    omega_ : ndarray of shape (n_components, n_features)
        The linear map, only with `relevance`: D is ``|omega_ (x - w)|^2``, or its root
        for "euclidean". Its rows are orthogonal, their squared norms sum to 1, and
        those of a full matrix are in falling order.
    relevance_matrix_ : ndarray of shape (n_features, n_features)
        ``omega_.T @ omega_``, of trace 1, only with `relevance`.
    relevance_ : ndarray of shape (n_features,)
        Its diagonal: how much each feature counts; they sum to 1. Only with
        `relevance`.
    reasoning_ : ndarray of shape (n_classes, n_concepts_per_class, n_prototypes, 2)
        Probabilities R+ and R- that a component must be present and absent. For
        ``reasoning="indefinite"`` what they are after normalisation.
    requiredness_ : ndarray of shape (n_classes, n_concepts_per_class, n_prototypes, 3)
        Positive, indefinite and negative requiredness, only with
        ``reasoning="indefinite"``.
    component_prior_ : ndarray of shape (n_prototypes,)
        Component prior, only with ``reasoning="indefinite"``.
    temperature_ : float
        Temperature of the softmax that turns scores into probabilities; fitted to the
        training rows for losses other than "log_loss".
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
    RBFClassifier : Weighs the similarities freely.

    References
    ----------
    .. [1] S. Saralajew, L. Holdijk, M. Rees, E. Asan and T. Villmann,
       "Classification-by-Components: Probabilistic Modeling of Reasoning over a Set of
       Components", NeurIPS 2019.
    .. [2] S. Saralajew, A. Rana, T. Villmann and A. Shaker, "A Robust Prototype-Based
       Network with Interpretable RBF Classifier Foundations", AAAI 2025.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_proto import CBCClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), CBCClassifier(2, random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.97
    True
    """

    _parameter_constraints = {
        **SimilarityClassifier._parameter_constraints,
        "reasoning": [NameIn(HEADS)],
        "n_concepts_per_class": [Interval(Integral, 1, None, closed="left")],
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
        reasoning="signed",
        n_concepts_per_class=1,
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
        super().__init__(
            n_prototypes_per_class,
            max_prototypes=max_prototypes,
            preference=preference,
            metric=metric,
            n_tangents=n_tangents,
            relevance=relevance,
            n_components=n_components,
            init=init,
            sigma=sigma,
            learn_sigma=learn_sigma,
            loss=loss,
            margin=margin,
            alpha=alpha,
            clip_prototypes=clip_prototypes,
            snap_to_data=snap_to_data,
            solver=solver,
            learning_rate=learning_rate,
            max_iter=max_iter,
            batch_size=batch_size,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            warm_start=warm_start,
            class_weight=class_weight,
            random_state=random_state,
            device=device,
            verbose=verbose,
        )
        self.reasoning = reasoning
        self.n_concepts_per_class = n_concepts_per_class

    @property
    def _concepts_per_class(self):
        return self.n_concepts_per_class

    def _make_head(self, owners):
        return HEADS[self.reasoning](owners)

    def _affine(self):
        presence, absence = self.reasoning_[..., 0], self.reasoning_[..., 1]
        return presence - absence, absence.sum(-1)

    def _contributions(self, similarities):
        return agreement_contributions(similarities, self.reasoning_)
