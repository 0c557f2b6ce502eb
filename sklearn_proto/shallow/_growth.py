"""The number of prototypes of a classifier, grown with the classifier itself."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_random_state

from sklearn_proto._growth import Trial, grow
from sklearn_proto._inputs._pipelines import unwrap_pipeline

_SMALLEST = np.finfo(np.float64).tiny
# Iterations by which the numbers of prototypes are told apart.
_MAX_ITER = 300


def grows(n_prototypes_per_class):
    """Whether the parameter leaves the number of prototypes to the fit."""
    return isinstance(n_prototypes_per_class, str)


def grown_path(classifier, classes, data):
    """Try a classifier with more and more prototypes on its training rows.

    Parameters
    ----------
    classifier : ShallowClassifier
        With the parameters that every trial shares.
    classes : ndarray of shape (n_classes,)
        Labels.
    data : TrainingData
        Distinct rows; their weights hold those of the classes.

    Returns
    -------
    PrototypePath
        What each number brought, and which is chosen.
    """
    require_free_counts(classifier)
    # Apart from the numbers that the last fit draws: that is the fit of its counts.
    own = check_random_state(copy.deepcopy(classifier.random_state))
    seed = own.randint(np.iinfo(np.int32).max)
    refit = Refit(
        clone(classifier).set_params(
            class_weight=None,
            warm_start=False,
            random_state=seed,
            early_stopping=False,
            max_iter=min(classifier.max_iter, _MAX_ITER),
            verbose=0,
        ),
        data.X,
        data.y,
        data.weight,
    )
    return grow(
        refit,
        classes,
        data.y,
        data.weight,
        max_prototypes=classifier.max_prototypes,
        preference=classifier.preference,
        seed=seed,
    )


def require_free_counts(classifier):
    """Refuse parameters that hold an entry for each prototype."""
    given = [name for name in ("init", "sigma") if _is_array(classifier, name)]
    if given:
        raise ValueError(
            f"{given[0]} is an array with an entry for each prototype, but their "
            "number is left open; give n_prototypes_per_class too."
        )


def _is_array(classifier, name):
    value = getattr(classifier, name, "auto")
    return not isinstance(value, str) and np.ndim(value) > 0


@dataclass(frozen=True)
class Refit:
    """A classifier that is fitted on some rows with any number of prototypes.

    Parameters
    ----------
    classifier : estimator or Pipeline
        What to clone.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : ndarray of shape (n_samples,)
        Labels.
    weight : ndarray of shape (n_samples,)
        Weights to fit with.
    prefix : str
        What stands before the names of parameters of the last step.
    certify : callable, optional
        Maps (fitted classifier, rows, labels) to whether each is certified.
    """

    classifier: Any
    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64]
    prefix: str = ""
    certify: Callable[..., NDArray[np.bool_]] | None = None

    def try_counts(self, counts, train, held_out):
        """See `Candidate`."""
        model = clone(self.classifier)
        model.set_params(**{f"{self.prefix}n_prototypes_per_class": counts})
        weight = {f"{self.prefix}sample_weight": self.weight[train]}
        with warnings.catch_warnings():
            # The last fit tells what the user should know.
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            model.fit(_safe_indexing(self.X, train), self.y[train], **weight)
        if getattr(unwrap_pipeline(model)[1], "_interrupted", False):
            return None
        X, y = _safe_indexing(self.X, held_out), self.y[held_out]
        probabilities = model.predict_proba(X).astype(np.float64)
        right = probabilities[np.arange(len(y)), np.searchsorted(model.classes_, y)]
        return Trial(
            wrong=model.predict(X) != y,
            loss=-np.log(np.maximum(right, _SMALLEST)),
            certified=None if self.certify is None else self.certify(model, X, y),
        )
