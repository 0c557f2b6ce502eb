"""The largest of all bounds, with the work where it decides something."""

from collections.abc import Iterator

import torch
from torch import Tensor

from sklearn_proto._devices import float32_is_kept
from sklearn_proto.robustness._similarity._boundary_search import nearest_boundary
from sklearn_proto.robustness._similarity._certificate import Root
from sklearn_proto.robustness._similarity._fast_pass import TIGHT, attempt
from sklearn_proto.robustness._similarity._gaps import Duels, Pairs, SimilarityBatch
from sklearn_proto.robustness._similarity._interval import Interval
from sklearn_proto.robustness._similarity._second_order import SecondOrder
from sklearn_proto.robustness._similarity._tilted import Tilted
from sklearn_proto.robustness._similarity._trust_region import prove
from sklearn_proto.robustness._similarity._vertices import Vertices
from sklearn_proto.robustness._similarity._weighted import Weighted

# What another bound must add to be worth its search.
_GAIN = 0.007
# Bounds that may exceed the trust region, in either precision, and in float64 only. The
# closed form never exceeds the interval.
_IN_EITHER: tuple[Root, ...] = (SecondOrder(),)
_IN_FLOAT64: tuple[Root, ...] = (Vertices(), Weighted(), Interval(), Tilted())


def auto_radius(batch: SimilarityBatch) -> Tensor:
    """Radii (n,) of the rows: about 0.99 of the largest of all bounds, or more.

    The rival whose linearised boundary is nearest decides most radii: one proof is
    tried that reaches its boundary. Others are proven harmless up to there. The pairs
    for which either fails get every bound.
    """
    if batch.view.metric != "sqeuclidean" or not batch.view.same_width:
        duels = batch.duels()
        pairs = batch.pairs(duels)
        boundary = nearest_boundary(pairs)
        # No rival lowers a radius to more than the boundary of another.
        least = batch.worst_rival(boundary.up_to(), duels)
        most = boundary.up_to(least[duels.row])
        proven = prove(pairs, boundary, most)
        bound = _improved(pairs, proven, most, (*_IN_FLOAT64, *_IN_EITHER))
        return batch.worst_rival(bound, duels)
    order = batch.order
    radius = _of_sorted(batch.take(order))
    return torch.empty_like(radius).index_copy_(0, order, radius)


def _of_sorted(batch: SimilarityBatch) -> Tensor:
    """Do that for rows in their order; in float32 where its rounding matters little."""
    radius = torch.zeros_like(batch.lost)
    rows = torch.arange(len(batch), device=radius.device)
    left, bounds, limits = [], [], []
    for rounded, unit in _precisions(batch):
        found = attempt(rounded.take(rows))
        radius[rows] = unit * found.radius.to(radius)
        sure = found.sure | (rounded is batch)
        chosen = sure[found.left.row].nonzero().squeeze(1)
        duels = found.left.take(chosen).among(rows)
        pairs = rounded.pairs(duels)
        boundary = nearest_boundary(pairs, found.at_row.take(chosen))
        most = boundary.up_to((radius[duels.row] / unit).to(pairs.anchor))
        proven = _improved(pairs, prove(pairs, boundary, most), most, _IN_EITHER)
        left.append(duels)
        bounds.append(unit * proven.to(radius))
        limits.append(unit * most.to(radius))
        rows = rows[~sure]
        if not len(rows):
            break
    duels, proven, most = Duels.joined(left), torch.cat(bounds), torch.cat(limits)
    bound = _improved(batch.pairs(duels), proven, most, _IN_FLOAT64)
    return torch.minimum(radius, batch.worst_rival(bound, duels))


def _precisions(batch: SimilarityBatch) -> Iterator[tuple[SimilarityBatch, float]]:
    """Give the rows in float32, if products keep it, and as they are, with units."""
    if float32_is_kept() and batch.perturbations.fits_float32:
        yield batch.in_float32()
    yield batch, 1.0


def _improved(
    pairs: Pairs, proven: Tensor, most: Tensor, others: tuple[Root, ...]
) -> Tensor:
    """Raise radii (m,) of pairs that are not tight by other bounds."""
    proven = proven.clone()
    loose = (proven < TIGHT * most).nonzero().squeeze(1)
    some, most = pairs.take(loose), most[loose]
    for other in others:
        if len(loose) and other.refusal(pairs.view, pairs.perturbations) is None:
            proven[loose] = other.improved(some, proven[loose], most, _GAIN)
    return proven
