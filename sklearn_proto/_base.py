"""The scikit-learn face that every classifier shares."""

from abc import ABCMeta, abstractmethod
from contextlib import contextmanager

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._class_weights import class_weights, scaled
from sklearn_proto._compat import check_sample_weight
from sklearn_proto._inputs._checked_data import (
    check_classes,
    check_finite,
    check_labels,
    checked_data,
)
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training import TrainingData
from sklearn_proto._validation import LARGEST, ValidatedParameters, shown
from sklearn_proto.robustness import certified_radius

# Sums of squares of float32 numbers below this do not overflow in float32.
_LARGEST_FLOAT32 = 1e15


def _in_type_that_holds(scores, dtype):
    """Scores in the type of the rows, or as they are if they leave its range."""
    limits = np.finfo(dtype)
    size = np.abs(scores[np.isfinite(scores)]).max(initial=0.0)
    fits = size == 0 or limits.tiny <= size <= limits.max
    return scores.astype(dtype, copy=False) if fits else scores


@contextmanager
def all_or_nothing(estimator):
    """Undo what happened to the attributes where a fit fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


class PrototypeClassifier(
    ValidatedParameters,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """Validation, prediction, explanation and certificates on top of a view.

    A subclass implements ``fit``, `certifiable_view` and `_explanation`; all the rest
    follows from them.
    """

    @abstractmethod
    def certifiable_view(self):
        """Return the fitted model as arrays that predict and certify."""

    @abstractmethod
    def _explanation(self, X):
        """Take the decisions on validated rows apart."""

    def __sklearn_is_fitted__(self):
        """Tell scikit-learn whether there is a model; classes alone are none."""
        return hasattr(self, "prototypes_")

    def __sklearn_tags__(self):
        """Tell scikit-learn what the estimator accepts and returns."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self):
        return len(self.prototypes_)

    def _checked(self, X, y, sample_weight, *, reset):
        """Check rows to train on, their labels and their weights."""
        X, y = checked_data(self, X, y, dtype=self._training_types(X), reset=reset)
        largest = float(max(X.max(), -X.min()))
        self._check_size(largest)
        if X.dtype == np.float32 and largest > _LARGEST_FLOAT32:
            X = X.astype(np.float64)
        check_labels(y)
        weight = check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        # scikit-learn 1.7 lets them pass.
        if not weight.any():
            raise ValueError(
                f"sample_weight={shown(sample_weight)} is 0 for every row; at least "
                "one weight must be above 0."
            )
        return X, y, weight

    def _validate_training_data(self, X, y, sample_weight):
        """Check the arguments of fit; return the classes and the rows.

        A row of weight zero, its own or that of its class, is left out, as if it had
        not been given, and equal rows are merged. Their weights are 1 on average:
        only ratios of weights count.
        """
        X, y, weight = self._checked(X, y, sample_weight, reset=True)
        labels, encoded = np.unique(y, return_inverse=True)
        weight = scaled(weight)
        by_class = class_weights(self.class_weight, labels, y, weight)
        weight = weight * by_class[encoded]
        present = np.flatnonzero(weight > 0)
        if len(present) < len(weight):
            X, y, weight = X[present], y[present], weight[present]
        classes, encoded = np.unique(y, return_inverse=True)
        check_classes(self, classes)
        data = TrainingData(X, encoded, weight, present).distinct()
        return classes, data.with_mean_weight_one()

    def _split(self, data, random_state):
        """Rows to train on, and those that `early_stopping` holds out, if any."""
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

    def _validate_rows(self, X):
        """Check rows, but for NaN and infinity: `_batches` looks for those."""
        check_is_fitted(self)
        return checked_data(
            self,
            X,
            dtype=self._row_types(X),
            reset=False,
            ensure_all_finite=False,
        )

    def _row_types(self, X):
        """Types that rows may have; those of any other become the first."""
        return [np.float64, np.float32]

    def _training_types(self, X):
        """Types that rows to train on may have; here the same."""
        return self._row_types(X)

    def _batches(self, view, X, at_once=None):
        """Slices and tensors of `X`; each batch is checked while it is in the cache.

        What is no number comes out of the comparison as too large.
        """
        for rows, x in view.batches(X, at_once):
            low, high = torch.aminmax(x)
            largest = float(torch.maximum(-low, high))
            if not largest <= LARGEST:
                check_finite(self, X)
                self._check_size(largest)
            yield rows, x

    def _check_size(self, largest):
        if largest > LARGEST:
            raise ValueError(
                f"X holds a number of size {largest:g}; {type(self).__name__} takes at "
                f"most {LARGEST:g}, since squared distances of more overflow."
            )

    def _map_rows(self, X, function, width):
        """Apply a function of tensors to `X`, batch by batch; shape (n, width)."""
        view = self.certifiable_view()
        out = np.empty((X.shape[0], width))
        for rows, x in self._batches(view, X):
            out[rows] = function(view, x).cpu().numpy()
        return out

    def _class_scores(self, X):
        return self._map_rows(X, lambda v, x: v.class_scores(x), len(self.classes_))

    @undisturbed
    def decision_function(self, X):
        """Compute the scores of the classes before they become probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            One score per class; for two classes the score of ``classes_[1]`` minus
            that of ``classes_[0]``. This is the gap that certificates keep positive.
            Rows in float32 have scores in float32, unless all would be 0 or infinite.
        """
        X = self._validate_rows(X)
        scores = self._class_scores(X)
        if len(self.classes_) == 2:
            scores = scores[:, 1] - scores[:, 0]
        return _in_type_that_holds(scores, X.dtype)

    @undisturbed
    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels; a tie goes to the first class.
        """
        X = self._validate_rows(X)
        view = self.certifiable_view()
        winners = np.empty(X.shape[0], dtype=np.intp)
        for rows, x in self._batches(view, X, view.winners_at_once(X.shape[1])):
            winners[rows] = view.winners(x).cpu().numpy()
        return self.classes_[winners]

    @undisturbed
    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Softmax of the scores over ``temperature_``; rows sum to one.
        """
        X = self._validate_rows(X)
        p = softmax(self._class_scores(X) / self.temperature_, axis=1)
        return p.astype(X.dtype, copy=False)

    @undisturbed
    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Minus infinity where a probability underflows.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @undisturbed
    def transform(self, X):
        """Compute the similarities to the prototypes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_prototypes)
            Values in [0, 1].
        """
        X = self._validate_rows(X)
        return self._similarities(X).astype(X.dtype, copy=False)

    def _similarities(self, X):
        return self._map_rows(X, lambda v, x: v.similarities(x), len(self.prototypes_))

    @undisturbed
    def explain(self, X):
        """Take the decision on each row apart.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        Explanation
            Contributions of every prototype to every class score; they add up.
        """
        return self._explanation(self._validate_rows(X))

    def _shared_fields(self, X, scores, similarities, parts):
        """Fields that every explanation has."""
        return {
            "X": X.astype(np.float64),
            "classes": self.classes_,
            "scores": scores,
            "contributions": parts.values,
            "baseline": parts.baseline,
            "similarities": similarities,
            "prototypes": self.prototypes_,
            "prototype_labels": self.prototype_labels_,
            "feature_names": self._feature_names(),
            "evidence": parts.evidence,
            "row_indices": np.arange(len(X)),
        }

    def _feature_names(self):
        default = [f"x{i}" for i in range(self.n_features_in_)]
        return np.asarray(getattr(self, "feature_names_in_", default), dtype=object)

    @undisturbed
    def certified_radius(
        self,
        X,
        y=None,
        *,
        norm=2,
        method="auto",
        bounds=None,
        feature_scale=None,
    ):
        """Distance within which the prediction of each row provably does not change.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows or images, whatever ``predict`` takes; what it refuses is refused.
        y : array-like of shape (n_samples,), optional
            True labels; a row that is predicted wrongly then gets 0.
        norm : {1, 2, inf} or float >= 1
            The lp norm that measures a perturbation.
        method : str
            Which bound. For scores from similarities "closed_form", "interval",
            "tilted", "second_order", "trust_region", for norms beyond 2 "weighted",
            and for norm 1 and Gaussian kernels "vertices"; for nearest-prototype models
            "margin", "interval", "hyperplane" or "quadric"; for part-prototype networks
            with ``lipschitz=True`` "interval" or "patchwise". "auto" is about 0.99 of
            the largest of those that apply, "exact" goes further at a higher cost.
        bounds : tuple of two array-likes, optional
            Smallest and largest valid value, each a scalar or of shape (n_features,).
            Rows must lie inside; perturbations that leave the box do not count.
        feature_scale : array-like of shape (n_features,), optional
            Budget of each feature at radius 1, at least 0; 0 freezes a feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            Radii in the units of `X`, float64; infinite where nothing can change the
            prediction.

        See Also
        --------
        sklearn_proto.robustness.certified_radius : The same for a Pipeline.
        """
        check_is_fitted(self)
        return certified_radius(
            self,
            X,
            y,
            norm=norm,
            method=method,
            bounds=bounds,
            feature_scale=feature_scale,
        )
