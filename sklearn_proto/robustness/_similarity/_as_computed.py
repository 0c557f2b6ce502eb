"""Radii of rows that hold for the scores as they are computed, however far out."""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto.robustness._allowance import as_far_as_allowed
from sklearn_proto.robustness._similarity._gaps import SimilarityBatch

Bound = Callable[[SimilarityBatch], Tensor]


def as_computed(bound: Bound) -> Bound:
    """Radii (n,) of a bound, on the given perturbations or on larger sets of them."""
    best = _with_larger_sets(bound)
    return lambda batch: as_far_as_allowed(batch, best)


def _with_larger_sets(bound: Bound) -> Bound:
    def largest(batch: SimilarityBatch) -> Tensor:
        found = bound(batch)
        for larger, size in batch.larger_sets():
            found = torch.maximum(found, bound(larger) / size)
        return found

    return largest
