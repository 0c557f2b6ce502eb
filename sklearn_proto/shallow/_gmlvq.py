"""Generalised matrix learning vector quantisation."""

from numbers import Integral

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._modules import Relevances, SharedMatrix, to_numpy
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.shallow._matrices import (
    canonical,
    export_metric,
    learned_metric,
    mapped,
)
from sklearn_proto.shallow._nearest import NearestPrototypeClassifier
from sklearn_proto.shallow._shallow import to_tensor


class GMLVQClassifier(NearestPrototypeClassifier):
    """Generalised matrix learning vector quantisation.

    The closest prototype gives its label, in a metric ``|omega (x - w)|^2`` that is
    learned with the prototypes [1]_. A limited rank makes `transform` a supervised
    projection [2]_.

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
    relevance : {"full", "diagonal"}, default="full"
        Learn a full matrix, or one weight per feature (GRLVQ [3]_).
    n_components : int or None, default=None
        Rows of omega, at most the number of features: the rank of the metric and the
        dimension of `transform`. None takes as many as there are features.
    init : {"kmeans", "random"} or array-like of shape (n_prototypes, n_features), \
    default="kmeans"
        Start of the prototypes: centres of k-means in each class, rows of each class,
        or the given points in the order of the classes.
    loss : {"glvq", "triplet"}, default="glvq"
        With d+ the dissimilarity of the closest prototype of the class of a row and d-
        that of the closest of any other: ``f((d+ - d-) / (d+ + d-))``, or
        ``max(0, margin + d+ - d-)``.
    activation : {"sigmoid", "identity"}, default="sigmoid"
        The f of "glvq".
    beta : float, default=10.0
        Slope of the sigmoid, above 0. The steeper, the closer "glvq" is to the number
        of errors.
    margin : float, default=1.0
        Margin of "triplet" in units of D, at least 0.
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
    omega_ : ndarray of shape (n_components, n_features)
        The linear map: ``D = |omega_ (x - w)|^2``. Its rows are orthogonal, the one of
        the largest norm first, and their squared norms sum to 1.
    relevance_matrix_ : ndarray of shape (n_features, n_features)
        ``omega_.T @ omega_``, of trace 1.
    relevance_ : ndarray of shape (n_features,)
        Its diagonal: how much each feature counts; they sum to 1.
    width_ : float
        Mean D of the training rows to their closest prototypes: the unit of the
        similarities ``exp(-D / width_)``.
    temperature_ : float
        Temperature of the softmax over minus the D of the classes that gives the
        probabilities, fitted to the training rows. For better calibrated ones wrap the
        estimator in :class:`sklearn.calibration.CalibratedClassifierCV`.
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
    GLVQClassifier : A fixed metric.
    LGMLVQClassifier : A metric of each prototype or class.

    References
    ----------
    .. [1] P. Schneider, M. Biehl and B. Hammer, "Adaptive Relevance Matrices in
       Learning Vector Quantization", Neural Computation 21, 2009.
    .. [2] K. Bunte, P. Schneider, B. Hammer, F.-M. Schleif, T. Villmann and M. Biehl,
       "Limited Rank Matrix Learning, discriminative dimension reduction and
       visualization", Neural Networks 26, 2012.
    .. [3] B. Hammer and T. Villmann, "Generalized relevance learning vector
       quantization", Neural Networks 15, 2002.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_proto import GMLVQClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), GMLVQClassifier(random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.97
    True
    >>> flat = GMLVQClassifier(n_components=2, random_state=0).fit(X, y)
    >>> flat.transform(X).shape
    (178, 2)
    """

    _parameter_constraints = {
        **NearestPrototypeClassifier._parameter_constraints,
        "relevance": [StrOptions({"full", "diagonal"})],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_prototypes_per_class=1,
        *,
        max_prototypes=None,
        preference="fewer",
        relevance="full",
        n_components=None,
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
        super().__init__(
            n_prototypes_per_class,
            max_prototypes=max_prototypes,
            preference=preference,
            init=init,
            loss=loss,
            activation=activation,
            beta=beta,
            margin=margin,
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
        self.relevance = relevance
        self.n_components = n_components

    def _make_metric(self, start):
        return learned_metric(start.data, self.relevance, self.n_components)

    def _fitted_metric(self):
        if self._fitted_with["relevance"] == "full":
            return SharedMatrix(to_tensor(self._raw))
        return Relevances(to_tensor(self._raw))

    def _export_metric(self, metric):
        self._raw = to_numpy(metric.raw)
        export_metric(self, canonical(to_numpy(metric.omega)))

    def _places(self, network, points):
        return mapped(points, network.metric)

    def _view_options(self):
        return {"omega": self.omega_}

    @property
    def _n_features_out(self):
        return len(self.omega_)

    @undisturbed
    def transform(self, X):
        """Project rows to the space in which distances are Euclidean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            ``X @ omega_.T``: directions that tell the classes apart, the one that
            counts most first.
        """
        X = self._validate_rows(X)
        return self._map_rows(
            X, lambda view, x: x @ view.tensor(view.omega).T, len(self.omega_)
        ).astype(X.dtype, copy=False)
