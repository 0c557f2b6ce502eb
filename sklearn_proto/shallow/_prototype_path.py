"""What more prototypes bring to a classifier, alone or at the end of a pipeline."""

from dataclasses import replace
from functools import partial
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import (
    _safe_indexing,
    check_consistent_length,
    check_random_state,
)
from sklearn.utils.multiclass import check_classification_targets

from sklearn_proto._class_weights import class_weights, scaled
from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._growth import PREFERENCES, grow
from sklearn_proto._inputs._norm import checked_norm
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._training import TrainingData
from sklearn_proto._validation import as_column, as_numbers, shown, validated
from sklearn_proto.robustness import certified_radius
from sklearn_proto.shallow._growth import Refit, require_free_counts

# More than there are sizes: none is left out.
_ALL = 100


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    sample_weight="no_validation",
    max_prototypes=[Interval(Integral, 1, None, closed="left"), None],
    preference=[StrOptions(set(PREFERENCES))],
    radius=[Interval(Real, 0, None, closed="left"), None],
    norm="no_validation",
    bounds="no_validation",
    feature_scale="no_validation",
    random_state=["random_state"],
)
def prototype_path(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    max_prototypes=None,
    preference="fewer",
    radius=None,
    norm=2,
    bounds=None,
    feature_scale=None,
    random_state=None,
):
    """Accuracy on held-out rows with more and more prototypes.

    Says how much accuracy it costs to read fewer prototypes. Sizes double; the classes
    that lose most on held-out rows get most of the new prototypes. Up to 500 rows are
    held out in five folds, up to 1,500 in three; of more, one half is trained on and
    one held out, of at most 3,000 rows each.

    Parameters
    ----------
    estimator : classifier or Pipeline
        A classifier with the parameter `n_prototypes_per_class`, alone or at the end of
        a pipeline, fitted or not. It is cloned.
    X : array-like of shape (n_samples, n_features)
        Rows, as the estimator takes them.
    y : array-like of shape (n_samples,)
        Labels of at least two classes.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows, at least 0.
    max_prototypes : int, optional
        Most prototypes in all; by default 20 a class on average. No class gets more
        than half as many as it has distinct rows to train on.
    preference : {"fewer", "accuracy"}, default="fewer"
        What is chosen: the fewest prototypes with an accuracy within a standard error
        of the highest, or those with the highest.
    radius : float, optional
        Size of perturbations of `X` to certify against, at least 0.
    norm : {1, 2, inf} or float >= 1, default=2
        The lp norm that measures them.
    bounds : tuple of two array-likes, optional
        As in `certified_radius`.
    feature_scale : array-like of shape (n_features,), optional
        As in `certified_radius`: the standard deviations of the features, for example,
        let a `radius` of 0.5 be half a standard deviation.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds.

    Returns
    -------
    PrototypePath
        Accuracy, loss and, for a `radius`, certified accuracy of every size, and which
        is chosen.

    Raises
    ------
    ValueError
        If the estimator has no such parameter, or `max_prototypes` is less than the
        number of classes.

    See Also
    --------
    sklearn_proto.inspection.PrototypePathDisplay : Draws the path.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn_proto import GLVQClassifier, prototype_path
    >>> X, y = make_moons(300, noise=0.15, random_state=0)
    >>> path = prototype_path(GLVQClassifier(), X, y, random_state=0)
    >>> path.n_prototypes[:4]
    array([ 2,  4,  8, 16])
    >>> bool(path.accuracy[path.chosen] > path.accuracy[0])
    True
    """
    prefix, last = _last_of(estimator)
    require_free_counts(last)
    check_consistent_length(X, y)
    y = as_column("y", y)
    check_classification_targets(y)
    X, y, weight = _distinct(X, y, sample_weight, last)
    # The weights hold those of the classes, of which some may count nothing.
    estimator = clone(estimator)
    if hasattr(last, "class_weight"):
        estimator.set_params(**{f"{prefix}class_weight": None})
    classes, encoded = np.unique(y, return_inverse=True)
    certify = None
    if radius is not None:
        norm = checked_norm(norm)
        certify = partial(
            _certified,
            radius=radius,
            norm=norm,
            bounds=bounds,
            feature_scale=feature_scale,
        )
    path = grow(
        Refit(estimator, X, y, weight, prefix, certify),
        classes,
        encoded,
        weight,
        max_prototypes=max_prototypes,
        preference=preference,
        seed=check_random_state(random_state).randint(np.iinfo(np.int32).max),
        patience=_ALL,
    )
    return path if certify is None else replace(path, radius=radius, norm=norm)


def _last_of(estimator):
    """Last step of pipelines, and what stands before the names of its parameters."""
    prefix, last = "", estimator
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    fitting = hasattr(last, "get_params") and not isinstance(last, type)
    if not fitting or "n_prototypes_per_class" not in last.get_params(deep=False):
        raise ValueError(
            f"estimator={shown(last)} has no parameter n_prototypes_per_class; "
            "use a prototype classifier, alone or at the end of a Pipeline."
        )
    return prefix, last


def _checked_weight(sample_weight, n):
    """Weights (n,) of rows, as a share of the largest; 1 each for None."""
    if sample_weight is None:
        return np.ones(n)
    weight = as_numbers("sample_weight", sample_weight)
    valid = weight.shape == (n,) and np.isfinite(weight).all() and (weight >= 0).all()
    if not valid or not weight.any():
        raise ValueError(
            f"sample_weight={shown(sample_weight)} must hold a finite number of at "
            f"least 0 for each of the {n} rows, not all of them 0."
        )
    return scaled(weight)


def _distinct(X, y, sample_weight, last):
    """Rows that differ and count, their labels and their weights.

    A row that is held out must not be among those trained on.
    """
    weight = _checked_weight(sample_weight, len(y))
    classes, encoded = np.unique(y, return_inverse=True)
    all_rows = TrainingData(_comparable(X), encoded, weight, np.arange(len(y)))
    found = all_rows.distinct()
    found = found.take(np.argsort(found.index))  # in the order in which they were given
    asked = getattr(last, "class_weight", None)
    by_class = class_weights(asked, classes, y[found.index], found.weight)
    weight = found.weight * by_class[found.y]
    counts = weight > 0
    rows = found.index[counts]
    return _safe_indexing(X, rows), y[rows], weight[counts]


def _comparable(X):
    """Numbers (n, m) that are equal where rows are."""
    if issparse(X):
        table = X.tocsr().copy()
        table.sum_duplicates()
        table.eliminate_zeros()
        ends = zip(table.indptr, table.indptr[1:], strict=False)
        keys = [
            table.indices[i:j].tobytes() + table.data[i:j].tobytes() for i, j in ends
        ]
    else:
        values = np.asarray(X)
        values = values.reshape(len(values), -1)
        if values.dtype.kind in "biuf":
            return values
        keys = [repr([_number(v) for v in row]) for row in values.tolist()]
    numbers = np.unique(np.array(keys, dtype=object), return_inverse=True)[1]
    return numbers.reshape(-1, 1)


def _number(value):
    """Write equal numbers alike, of whatever type they are."""
    return float(value) if isinstance(value, Real) else value


def _certified(model, X, y, *, radius, **how):
    found = certified_radius(model, X, y, **how)
    return (found > 0) & (found >= radius)
