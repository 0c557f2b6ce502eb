"""Auto: at least 0.99 of the largest of all bounds, with work only where it decides.

Proof in the guide: `largest-step-1`, `largest-step-2`, `largest-step-3`,
`largest-step-4`.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from sklearn_proto._devices import float32_is_kept
from sklearn_proto.robustness._similarity._boundary_search import nearest_boundary
from sklearn_proto.robustness._similarity._certificate import RootFindingCertificate
from sklearn_proto.robustness._similarity._fast_pass import TIGHT, fast_pass
from sklearn_proto.robustness._similarity._gaps import (
    GapBatch,
    GapIndex,
    SimilarityBatch,
)
from sklearn_proto.robustness._similarity._interval import SimilarityInterval
from sklearn_proto.robustness._similarity._second_order import SecondOrder
from sklearn_proto.robustness._similarity._tilted import Tilted
from sklearn_proto.robustness._similarity._trust_region import trust_region_radius
from sklearn_proto.robustness._similarity._vertices import Vertices
from sklearn_proto.robustness._similarity._weighted import Weighted

# What another bound must add to be worth its search.
_GAIN = 0.007
# Bounds that may exceed the trust region, in either precision, and in float64 only. The
# closed form never exceeds the interval.
_IN_EITHER: tuple[RootFindingCertificate, ...] = (SecondOrder(),)
_IN_FLOAT64: tuple[RootFindingCertificate, ...] = (
    Vertices(),
    Weighted(),
    SimilarityInterval(),
    Tilted(),
)


def auto_radius(batch: SimilarityBatch) -> Tensor:
    """Radii (n,) of the rows: about 0.99 of the largest of all bounds, or more.

    The rival whose linearised boundary is nearest decides most radii: one proof is
    tried that reaches its boundary. Others are proven harmless up to there. The gaps
    for which either fails get every bound.
    """
    if batch.view.metric != "sqeuclidean" or not batch.view.same_width:
        index = batch.gap_index()
        gaps = batch.gaps(index)
        boundary = nearest_boundary(gaps)
        # No rival lowers a radius to more than the boundary of another.
        least = batch.worst_rival(boundary.up_to(), index)
        most = boundary.up_to(least[index.row])
        proven = trust_region_radius(gaps, boundary, most)
        bound = _improved(gaps, proven, most, (*_IN_FLOAT64, *_IN_EITHER))
        return batch.worst_rival(bound, index)
    order = batch.order
    radius = _of_sorted(batch.take(order))
    return torch.empty_like(radius).index_copy_(0, order, radius)


def _of_sorted(batch: SimilarityBatch) -> Tensor:
    """Certify rows sorted by class: float32 first, float64 where it could decide.

    Steps 1 to 4 of *The largest of all* in the guide.
    """
    radius = torch.zeros_like(batch.relative_rounding)
    rows = torch.arange(len(batch), device=radius.device)
    uncertified, bounds, limits = [], [], []
    for rounded, unit in _precisions(batch):
        found = fast_pass(rounded.take(rows))
        radius[rows] = unit * found.radius.to(radius)
        float32_suffices = found.float32_suffices | (rounded is batch)
        chosen = float32_suffices[found.uncertified.row].nonzero().squeeze(1)
        index = found.uncertified.take(chosen).among(rows)
        gaps = rounded.gaps(index)
        boundary = nearest_boundary(gaps, found.at_row.take(chosen))
        most = boundary.up_to((radius[index.row] / unit).to(gaps.anchor))
        proven = _improved(
            gaps, trust_region_radius(gaps, boundary, most), most, _IN_EITHER
        )
        uncertified.append(index)
        bounds.append(unit * proven.to(radius))
        limits.append(unit * most.to(radius))
        rows = rows[~float32_suffices]
        if not len(rows):
            break
    index, proven, most = (
        GapIndex.joined(uncertified),
        torch.cat(bounds),
        torch.cat(limits),
    )
    bound = _improved(batch.gaps(index), proven, most, _IN_FLOAT64)
    return torch.minimum(radius, batch.worst_rival(bound, index))


def _precisions(batch: SimilarityBatch) -> Iterator[tuple[SimilarityBatch, float]]:
    """Give the rows in float32, if products keep it, and as they are, with units."""
    if float32_is_kept() and batch.perturbations.fits_float32:
        yield batch.in_float32()
    yield batch, 1.0


def _improved(
    gaps: GapBatch,
    proven: Tensor,
    most: Tensor,
    others: tuple[RootFindingCertificate, ...],
) -> Tensor:
    """Raise radii (m,) of gaps that are not tight by other bounds."""
    proven = proven.clone()
    loose = (proven < TIGHT * most).nonzero().squeeze(1)
    some, most = gaps.take(loose), most[loose]
    for other in others:
        if (
            len(loose)
            and other.why_not_applicable(gaps.view, gaps.perturbations) is None
        ):
            proven[loose] = other.improved(some, proven[loose], most, _GAIN)
    return proven
