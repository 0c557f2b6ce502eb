"""Gaps of a classifier that has scores of its classes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._inputs._containers import like
from sklearn_proto.robustness._attack._batches import batches
from sklearn_proto.robustness._attack._gaps import spread

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Scores = Callable[[Array], Array]


@dataclass(frozen=True)
class NumericGaps:
    """Central differences of scores, one feature at a time."""

    scores: Scores
    step: Array  # (d,)
    owner: Indices
    needs_random_steps: bool = False
    own_scores: int = 1

    def targets(self, centre: Array) -> Array:
        return np.zeros((0, len(centre)))

    def linearised(
        self, X: Array, own: Indices, rival: Indices, rank: int = 0
    ) -> tuple[Array, Array]:
        del rank
        gap, gradient = np.empty(len(X)), np.empty_like(X)
        d = X.shape[1]
        steps = np.diag(self.step)
        moves = np.concatenate([np.zeros((1, d)), steps, -steps])
        for some in batches(len(X), d * len(moves)):
            near = (X[some, None] + moves).reshape(-1, d)
            s = self.scores(near).reshape(-1, len(moves), len(self.owner))
            at = np.arange(len(s))
            margin = s[at, :, own[some]] - s[at, :, rival[some]]
            gap[some] = margin[:, 0]
            rise = margin[:, 1 : d + 1] - margin[:, d + 1 :]
            gradient[some] = rise / (2 * self.step)
        return gap, gradient


def numeric_gaps(
    estimator: Any, X: ArrayLike, rows: Array, classes: NDArray[Any], label: Any
) -> NumericGaps | None:
    """Scores that agree with predict and have a slope; None where none do."""
    step = 1e-4 * spread(rows)
    best, found = 0.9, None
    for scores in _score_functions(estimator, X):
        s = scores(rows)
        if s.shape != (len(rows), len(classes)):
            continue  # One against one, or several outputs.
        agreement = float((classes[s.argmax(1)] == label).mean())
        gaps = NumericGaps(scores, step, np.arange(len(classes)))
        order = np.argsort(s[:20], axis=1)
        if agreement >= best and gaps.linearised(rows[:20], *order.T[-2:])[1].any():
            best, found = agreement, gaps
    return found


def _score_functions(estimator: Any, X: ArrayLike) -> list[Scores]:
    """Scores (m, C) that rise with the class that they speak for."""

    def decision(rows: Array) -> Array:
        s = np.asarray(estimator.decision_function(like(X, rows)), dtype=np.float64)
        return s if s.ndim == 2 else np.column_stack([-s, s]) / 2

    def log_proba(rows: Array) -> Array:
        p = np.asarray(estimator.predict_proba(like(X, rows)), dtype=np.float64)
        return np.log(np.maximum(p, 1e-300))

    functions = {"decision_function": decision, "predict_proba": log_proba}
    return [f for name, f in functions.items() if hasattr(estimator, name)]
