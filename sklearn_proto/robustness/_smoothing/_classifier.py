"""Randomized smoothing: ``s Phi^-1(p)`` for any classifier, by voting under noise.

Proof in the guide: `smoothed-classifier`, `smoothing`.
"""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any
from warnings import warn

import numpy as np
from scipy.special import ndtri
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    clone,
    is_classifier,
)
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._compat import (
    Interval,
    StrOptions,
    check_sample_weight,
    fit_context,
)
from sklearn_proto._functional import lipschitz_constant
from sklearn_proto._inputs._checked_data import (
    check_classes,
    check_labels,
    checked_data,
)
from sklearn_proto._inputs._containers import like
from sklearn_proto._inputs._labels import checked_labels
from sklearn_proto._memory import default_rows_per_batch
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import ValidatedParameters, shown
from sklearn_proto.robustness._smoothing._votes import (
    Noise,
    Poll,
    SmoothedCertificate,
    lower_confidence_bound,
)
from sklearn_proto.robustness._threat_model._arguments import checked_bounds

# From a warning in fit to the user's line: scikit-learn's wrapper is between.
_CALLER_OF_FIT = 5


class SmoothedClassifier(
    ValidatedParameters, MetaEstimatorMixin, ClassifierMixin, BaseEstimator
):
    r"""Classifier that votes under Gaussian noise and certifies the winner.

    For any classifier f, the smoothed classifier
    :math:`g(x) = \arg\max_c P(f(x + \epsilon) = c)` with
    :math:`\epsilon \sim N(0, s^2 I)`, s being `noise_std`, is certifiably robust in
    l2 [1]_. It is estimated by sampling, so its certificate holds with probability at
    least ``1 - alpha`` for each row.

    Parameters
    ----------
    estimator : classifier
        Classifier or Pipeline to smooth. It is cloned and fitted; wrap one that is
        already fitted in :class:`sklearn.frozen.FrozenEstimator`. Only its ``predict``
        is used. Noise is added to the raw `X`, so that for a Pipeline radii are in
        the units of its input, whatever its steps do. As the last step of a Pipeline of
        affine steps it has radii in raw units too, by
        `sklearn_proto.robustness.certified_radius`.
    noise_std : float, default=0.25
        Standard deviation of the noise in the units of `X`, positive. More noise
        allows larger radii and blurs the decision more.
    n_samples : int, default=1000
        Noisy copies of a row that estimate the probability of its class. No radius
        exceeds ``noise_std * norm.ppf(alpha ** (1 / n_samples))``; ``fit`` warns where
        that is nothing.
    n_samples_selection : int, default=100
        Noisy copies of a row that choose its class, before and independently of the
        former. `predict` and `predict_proba` use these alone.
    alpha : float, default=0.001
        Probability in (0, 1), per row, that the certificate is wrong.
    noise_augmentation : int, default=0
        Noisy copies of each row that ``fit`` appends to the training data. A
        classifier that has not seen noise often votes badly under it. It holds
        ``(1 + noise_augmentation) * n_samples`` rows in memory, and has no effect on a
        frozen estimator.
    batch_size : int or "auto", default="auto"
        Noisy rows to hold in memory at once; the noise does not depend on it. "auto"
        fits them into the cache of a core.
    random_state : int, RandomState instance or None, default=None
        Where ``fit`` draws `noise_seed_` from. An int gives the same result in each
        fit.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted.
    noise_seed_ : int
        Key of the noise. The noise on a row is a function of this and of the values
        of the row. So neither the other rows nor the batches matter, and `predict`,
        `certify` and `certified_radius` agree about the class whenever they are
        called.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where `X` in ``fit`` had any.

    See Also
    --------
    sklearn_proto.robustness.certified_radius : Certificates without sampling, for the
        models that have one.

    Notes
    -----
    With k of n estimation votes for the class c chosen before, the Clopper-Pearson
    bound p is the `alpha` quantile of Beta(k, n - k + 1), and
    :math:`P(f(x + \epsilon) = c) \ge p` fails with probability at most `alpha` over
    the noise. Where p > 1/2, :math:`g(x + \delta) = c` for all
    :math:`\|\delta\|_2 < s\, \Phi^{-1}(p)`; elsewhere the row is abstained on.

    The guarantee is about g and not about `predict`, which estimates g from finitely
    many votes and may err at other rows within the radius. It holds for rows chosen
    without knowledge of `noise_seed_`; over m rows, all radii hold at once with
    probability at least ``1 - m * alpha``. Noise is drawn in float64 and rounded to
    the type of `X`; that rounding is not accounted for.

    The number of samples, the noise and `alpha` may be changed by ``set_params``
    without another ``fit``. Choosing among several radii of a row after seeing them
    costs the guarantee.

    References
    ----------
    .. [1] J. Cohen, E. Rosenfeld, Z. Kolter, "Certified Adversarial Robustness via
       Randomized Smoothing", ICML 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_proto.robustness import SmoothedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SmoothedClassifier(KNeighborsClassifier(), random_state=0).fit(X, y)
    >>> certificate = model.certify(X[::50])
    >>> certificate.prediction
    array([0, 1, 2])
    >>> certificate.abstained
    array([False, False, False])
    >>> certificate.radius.round(1)
    array([0.6, 0.5, 0.6])
    """

    _parameter_constraints = {
        # What makes a classifier is checked in fit, with a message of its own.
        "estimator": "no_validation",
        "noise_std": [Interval(Real, 0, None, closed="neither")],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_samples_selection": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "noise_augmentation": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "random_state": ["random_state"],
    }
    # Whether the weights are wanted is asked of the inner estimator.
    __metadata_request__fit = {"sample_weight": UNUSED}

    def __init__(
        self,
        estimator,
        *,
        noise_std=0.25,
        n_samples=1000,
        n_samples_selection=100,
        alpha=0.001,
        noise_augmentation=0,
        batch_size="auto",
        random_state=None,
    ):
        self.estimator = estimator
        self.noise_std = noise_std
        self.n_samples = n_samples
        self.n_samples_selection = n_samples_selection
        self.alpha = alpha
        self.noise_augmentation = noise_augmentation
        self.batch_size = batch_size
        self.random_state = random_state

    def __sklearn_tags__(self):
        """Tell scikit-learn what the inner estimator accepts, made dense by noise."""
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.non_deterministic = inner.non_deterministic
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
            tags.classifier_tags.poor_score = inner.classifier_tags.poor_score
        return tags

    def get_metadata_routing(self):
        """Say that metadata of ``fit`` goes to ``estimator.fit``.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    @undisturbed
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit a clone of the estimator and draw the key of the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, dense. Of a frame the inner estimator sees a frame.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, passed to ``estimator.fit`` if given.
        **fit_params : dict
            Further arguments of ``estimator.fit``; with metadata routing enabled,
            those that the estimator requests.

        Returns
        -------
        SmoothedClassifier
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or the estimator is no classifier or
            was fitted on another number of features.
        """
        _check_classifier(self.estimator)
        self._warn_of_too_few_samples()
        values, y = self._validate(X, y)
        check_labels(y)
        seed = check_random_state(self.random_state).bytes(16)
        self.noise_seed_ = int.from_bytes(seed, "little")
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, values)
        given = self._metadata(sample_weight, fit_params)
        if self.noise_augmentation:
            given = {k: self._repeated(v, len(y)) for k, v in given.items()}
            values, y = self._augmented(values), self._repeated(y, len(y))
        fitted = clone(self.estimator).fit(like(X, values), y, **given)
        _check_features(fitted, self.n_features_in_)
        classes = np.asarray(getattr(fitted, "classes_", np.unique(y)))
        # Not those of y: what is frozen knows its own.
        check_classes(self, classes)
        self.estimator_, self.classes_ = fitted, classes
        return self

    def _warn_of_too_few_samples(self):
        """Warn where even a unanimous vote proves nothing: alpha^(1/n) <= 1/2."""
        unanimous = np.asarray(self.n_samples)
        if lower_confidence_bound(unanimous, self.n_samples, self.alpha) > 0.5:
            return
        # 1/2 itself is not enough.
        least = int(np.floor(-np.log2(self.alpha))) + 1
        warn(
            f"n_samples={self.n_samples} can certify no row at alpha={self.alpha}, "
            f"since a unanimous vote of so few does not prove a majority; use at least "
            f"n_samples={least}.",
            UserWarning,
            stacklevel=_CALLER_OF_FIT,
        )

    def _metadata(self, sample_weight, fit_params):
        given = {**fit_params, "sample_weight": sample_weight}
        given = {k: v for k, v in given.items() if v is not None}
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", **given).estimator.fit
        return given

    def _repeated(self, value, n_rows):
        """Repeat what has one entry per row for every noisy copy."""
        rows = np.asarray(value)
        if rows.shape[:1] != (n_rows,):
            return value
        return np.concatenate([rows] * (1 + self.noise_augmentation))

    def _augmented(self, values):
        # Keyed by the row as well, so that weight 2 equals the row twice.
        noise = self._noise()
        streams = noise.streams(values, "training")
        noisy = noise.added(values, streams, self.noise_augmentation)
        return np.concatenate([values, *noisy.swapaxes(0, 1)])

    def _validate(self, X, *y):
        finite = "allow-nan" if get_tags(self).input_tags.allow_nan else True
        return checked_data(
            self,
            X,
            *y,
            dtype=[np.float64, np.float32],
            ensure_all_finite=finite,
            reset=bool(y),
        )

    @undisturbed
    def predict(self, X):
        """Class that wins the selection vote.

        It never abstains: `certify` says where the class could not be certified.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels; a tie goes to the first class.
        """
        winner = self.predict_proba(X).argmax(axis=1)
        return self.classes_[winner]

    @undisturbed
    def predict_proba(self, X):
        """Return the shares of the selection vote.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Multiples of ``1 / n_samples_selection``; rows sum to one.
        """
        check_is_fitted(self)
        (votes,) = self._votes(X, [self.n_samples_selection])
        return votes / self.n_samples_selection

    @undisturbed
    def certify(self, X):
        """Predict each row and certify the prediction in l2.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        SmoothedCertificate
            Arrays `prediction`, `radius`, `abstained` and `p_lower`.
        """
        check_is_fitted(self)
        selection, votes = self._votes(X, [self.n_samples_selection, self.n_samples])
        winner = selection.argmax(axis=1)
        k = votes[np.arange(len(votes)), winner]
        p_lower = lower_confidence_bound(k, self.n_samples, self.alpha)
        certain = p_lower > 0.5
        radius = np.where(certain, self.noise_std * ndtri(p_lower), 0.0)
        return SmoothedCertificate(
            prediction=self.classes_[winner],
            radius=radius,
            abstained=~certain,
            p_lower=p_lower,
        )

    @undisturbed
    def certified_radius(self, X, y=None, *, norm=2, method="auto", bounds=None):
        """Distance within which the smoothed class of each row does not change.

        Each radius holds with probability at least ``1 - alpha``; see the notes of
        the class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,), optional
            True labels; a row that is predicted wrongly then gets 0.
        norm : {1, 2, inf}
            The lp norm that measures a perturbation. The l2 ball of a radius holds the
            l1 ball of the same radius, and the l-infinity ball of the radius divided
            by the square root of ``n_features_in_``.
        method : {"auto", "smoothing"}
            There is only one; both names mean it.
        bounds : tuple of two array-likes, optional
            Smallest and largest valid value, each a scalar or of shape
            (n_features,). Rows must lie inside. The radius holds for perturbations
            that leave the box too, so it is not enlarged by the box.

        Returns
        -------
        ndarray of shape (n_samples,)
            Radii in the units of `X`, float64; 0 where abstained.

        Raises
        ------
        ValueError
            If a parameter is out of its range or a row is outside `bounds`.
        """
        check_is_fitted(self)
        shrink = _checked_shrinkage(norm, self.n_features_in_)
        if method not in ("auto", "smoothing"):
            raise ValueError(
                f"method={shown(method)} is not a certificate of "
                f"{type(self).__name__}; use 'auto' or 'smoothing'."
            )
        if bounds is not None:
            checked_bounds(self._validate(X), bounds)
        certificate = self.certify(X)
        radius = certificate.radius / shrink
        if y is None:
            return radius
        right = certificate.prediction == checked_labels(y, len(radius))
        return np.where(right, radius, 0.0)

    def _votes(self, X, sizes):
        """Votes (n, C) of each of several samples of the noise, in turn."""
        self._validate_params()  # set_params may have changed what fit has checked.
        values, at_once = self._validate(X), self.batch_size
        if at_once == "auto":
            at_once = default_rows_per_batch(values.shape[1])

        def predict(rows):
            return self.estimator_.predict(like(X, rows))

        poll = Poll(predict, self.classes_, self._noise(), at_once)
        return poll.votes(values, sizes)

    def _noise(self):
        return Noise(self.noise_std, self.noise_seed_)


def _check_classifier(estimator: Any) -> None:
    known = hasattr(estimator, "__sklearn_tags__") and not isinstance(estimator, type)
    if not known or not is_classifier(estimator):
        raise ValueError(
            f"estimator={shown(estimator)} must be a classifier or a Pipeline that "
            "ends in one."
        )


def _check_features(estimator: Any, n_features: int) -> None:
    known = getattr(estimator, "n_features_in_", n_features)
    if known != n_features:
        raise ValueError(
            f"X has {n_features} features, but estimator={shown(estimator)} was fitted "
            f"on {known} features."
        )


def _checked_shrinkage(norm: Any, n_features: int) -> float:
    """Largest l2 length of a vector of length 1 in the norm."""
    allowed: Sequence[float] = (1, 2, np.inf)
    if isinstance(norm, bool) or not isinstance(norm, Real) or norm not in allowed:
        raise ValueError(
            f"norm={shown(norm)} is not allowed: smoothing certifies l2; use 2, or 1 "
            "or numpy.inf for balls inside the l2 ball."
        )
    return lipschitz_constant(float(norm), n_features)
