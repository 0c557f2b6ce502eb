"""Radii of rows that hold for the scores as they are computed, however far out."""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto.robustness._pairs import SimilarityBatch

Bound = Callable[[SimilarityBatch], Tensor]

# Rounding is tried as it is this many scales out: farther than data are, and still so
# small that most gaps keep their digits.
_FAR = 100.0


def as_computed(bound: Bound) -> Bound:
    """Radii (n,) of a bound, on the given perturbations or on larger sets of them.

    What rounding may do to a score grows with how far out the perturbed row is. A batch
    allows for perturbations as long as its rows; a radius that is larger counts up to
    where the allowance that it was computed with ends.
    """
    best = _with_larger_sets(bound)

    def radius(batch: SimilarityBatch) -> Tensor:
        claimed, scale = best(batch), batch.view.scale(batch.z)
        reach = batch.reach(claimed)
        rows = ((reach > scale) & reach.isfinite()).nonzero().squeeze(1)
        if not len(rows):
            return claimed
        some, scale, reach = batch.take(rows), scale[rows], reach[rows]
        safe = some.within(scale, claimed[rows])
        for farthest in (_FAR * scale, reach):
            found = torch.minimum(best(some.reaching(farthest)), claimed[rows])
            safe = torch.maximum(safe, some.within(farthest, found))
        return claimed.index_copy(0, rows, safe)

    return radius


def _with_larger_sets(bound: Bound) -> Bound:
    def radius(batch: SimilarityBatch) -> Tensor:
        found = bound(batch)
        for larger, size in batch.larger_sets():
            found = torch.maximum(found, bound(larger) / size)
        return found

    return radius
