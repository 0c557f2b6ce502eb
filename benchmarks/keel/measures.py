"""What is measured of a fitted model on the rows of a fold."""

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss, pairwise_distances
from threadpoolctl import threadpool_limits

from keel.models import build, with_probabilities

N_BINS = 15
N_ROWS = 500
CHANGE = 0.1
LEAST = 1e-4  # No probability counts as less in the log loss, where 0 is infinite.


def calibration_error(confidence, right):
    """Expected calibration error, of bins of as many rows each (Naeini et al. 2015).

    The rows are put in the order of the probability of the predicted class, and into
    `N_BINS` bins; the error is the mean, over rows, of the distance between the mean
    probability and the share of right predictions in the row's bin.
    """
    order = np.argsort(confidence, kind="stable")
    gaps = (confidence - right)[order]
    bins = np.array_split(gaps, min(N_BINS, len(gaps)))
    return float(sum(abs(part.sum()) for part in bins) / len(gaps))


def balanced_accuracy(y, predicted):
    """Mean recall of the classes, all of which are in `y` (folds are stratified)."""
    return float(np.mean([np.mean(predicted[y == c] == c) for c in np.unique(y)]))


def gap_between_classes(X, y):
    """Median distance between rows of different classes, of at most `N_ROWS`."""
    chosen = np.random.default_rng(0).permutation(len(y))[:N_ROWS]
    distances = pairwise_distances(X[chosen])
    return float(np.median(distances[y[chosen][:, None] != y[chosen]]))


def certified_accuracy(model, arrays):
    """Share of test rows, at most `N_ROWS`, that no change up to `CHANGE` makes wrong.

    The change is in the units of the median distance between classes.
    """
    X, y, X_test, y_test = arrays
    radius = model.certified_radius(X_test[:N_ROWS], y_test[:N_ROWS])
    return float(np.mean(radius > CHANGE * gap_between_classes(X, y)))


def fit(variant, X, y):
    """Fitted model, seconds on one thread, and whether its budget ran out."""
    model = build(variant, X)
    with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        model.fit(X, y)
        spent = time.perf_counter() - start
    return model, spent, any(w.category is ConvergenceWarning for w in caught)


def measure(variant, arrays):
    """Record of a model on a fold."""
    X, y, X_test, y_test = arrays
    model, spent, unsettled = fit(variant, X, y)
    predicted = model.predict(X_test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        judge = with_probabilities(model, X, y)
    p = judge.predict_proba(X_test)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y_test
    p = np.clip(p, LEAST, None)
    record = {
        "accuracy": float(accuracy_score(y_test, predicted)),
        "balanced accuracy": balanced_accuracy(y_test, predicted),
        "log loss": float(log_loss(y_test, p / p.sum(axis=1, keepdims=True))),
        "ECE": calibration_error(confidence, right),
        "overconfidence": float(np.mean(confidence - right)),
        "fit seconds": spent,
        "unsettled": unsettled,
    }
    if hasattr(model, "prototypes_"):
        record["prototypes"] = len(model.prototypes_) / p.shape[1]
        record["certified"] = certified_accuracy(model, arrays)
    return record
