"""Which rows may stand for prototypes at the least loss."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_proto._threads import suitable_threads
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._objective import Objective

# More rows than this are thinned out to compare candidates.
_COMPARED_ROWS = 4_000


def exchange_rows(
    objective: Objective,
    data: TrainingData,
    labels: NDArray[np.intp],
    indices: NDArray[np.intp],
    n_candidates: int,
    places: NDArray[Any],
) -> NDArray[np.intp]:
    """Replace the rows of the prototypes, one prototype at a time, in place.

    Each goes to the one of its nearest rows of the class, as many as `n_candidates`,
    that lowers the objective most, all else left as it is (coordinate exchange). Rows
    are near where their `places` (n, r) are.

    Returns
    -------
    ndarray of shape (K,)
        The row of each prototype.
    """
    chunks = list(objective.chunks(data.take(_compared(len(data)))))
    prototypes = objective.network.prototypes
    chosen = indices.copy()
    work = objective.multiply_adds(min(len(data), _COMPARED_ROWS))
    with torch.no_grad(), suitable_threads(work):
        least = _value(objective, chunks)
        for k, label in enumerate(labels):
            own = np.flatnonzero(data.y == label)
            here = places[chosen[k]].astype(np.float64)
            order = np.square(places[own] - here).sum(axis=1).argsort(kind="stable")
            for row in own[order[:n_candidates]]:
                prototypes[k] = torch.as_tensor(data.X[row], dtype=prototypes.dtype)
                value = _value(objective, chunks)
                if value < least:
                    least, chosen[k] = value, row
            prototypes[k] = torch.as_tensor(data.X[chosen[k]], dtype=prototypes.dtype)
    return chosen


def _compared(n: int) -> NDArray[np.intp]:
    return np.linspace(0, n - 1, min(n, _COMPARED_ROWS)).astype(np.intp)


def _value(
    objective: Objective, chunks: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
) -> float:
    mass = sum(float(weight.sum()) for _, _, weight in chunks)
    value = sum(float(objective.batch_loss(*chunk)) for chunk in chunks) / mass
    return value + (float(objective.penalty()) if objective.penalty else 0.0)
