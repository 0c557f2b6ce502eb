"""A classifier as the attack sees it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._inputs._containers import like
from sklearn_proto.robustness._attack._exact_gaps import exact_gaps
from sklearn_proto.robustness._attack._gaps import Gaps, spread
from sklearn_proto.robustness._attack._label_gaps import LabelGaps
from sklearn_proto.robustness._attack._numeric_gaps import numeric_gaps

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

# A pool of targets beyond this only costs distances.
_LARGEST_POOL = 1000


class Targets(NamedTuple):
    """Points to walk towards, and what they are predicted as."""

    X: Array
    label: NDArray[Any]


@dataclass(frozen=True)
class AttackedModel:
    """Labels, and what is known of the scores."""

    predict: Callable[[Array], NDArray[Any]]
    gaps: Gaps
    classes: NDArray[Any]

    def indices(self, label: NDArray[Any]) -> Indices:
        """Where the labels stand among the classes; 0 where nothing is known."""
        if not len(self.gaps.owner):
            return np.zeros(len(label), dtype=np.intp)
        return np.asarray(np.searchsorted(self.classes, label), dtype=np.intp)

    def targets(self, rows: Array, rng: np.random.RandomState) -> Targets:
        """Rows, and the prototypes where they are known."""
        X = rows
        if len(rows) > _LARGEST_POOL:
            X = rows[rng.choice(len(rows), _LARGEST_POOL, replace=False)]
        X = np.concatenate([X, self.gaps.targets(rows.mean(axis=0))])
        return Targets(X, self.predict(X))


def model_of(
    estimator: Any, X: ArrayLike, rows: Array, rng: np.random.RandomState
) -> AttackedModel:
    """Model with the best gaps that the estimator has."""
    classes = np.asarray(getattr(estimator, "classes_", ()))

    def predict(some: Array) -> NDArray[Any]:
        if not len(some):  # Estimators refuse no rows.
            return classes[:0]
        return np.asarray(estimator.predict(like(X, some)))

    gaps: Gaps | None = exact_gaps(estimator, X)
    if gaps is None:
        gaps = numeric_gaps(estimator, X, rows, classes, predict(rows))
    if gaps is None:
        gaps = LabelGaps(predict, 1e-2 * spread(rows), rng)
    return AttackedModel(predict, gaps, classes)
