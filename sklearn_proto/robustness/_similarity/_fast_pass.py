"""Fast pass: one proof for the rival nearest to each row, cheap ones for all others.

Its radius holds for every gap but those that it returns as uncertified.

Proof in the guide: `largest-step-1`, `largest-step-2`, `largest-step-3`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto.robustness._similarity._boundary_search import (
    AtRow,
    nearest_boundary,
)
from sklearn_proto.robustness._similarity._gaps import GapIndex, SimilarityBatch
from sklearn_proto.robustness._similarity._quadratic_bound import expand
from sklearn_proto.robustness._similarity._trace_bound import TraceBound, trace_bounds
from sklearn_proto.robustness._similarity._trust_region import certifies_at

# A proof that reaches this share of the boundary leaves nothing for other bounds: less
# what the first proof stops short, it is 0.99.
TIGHT = 0.993
# The first proof stops short of the boundary by this share. That covers the rounding of
# float32 where log-ratios at the row are at least so many times as large, and a search
# for the boundary that ends where they are this share of what they are at the row.
_SHORT, _SURE, _NEAR = 2e-3, 300.0, 1e-3
# Log-ratios that are larger may need growth that overflows a float32.
_LARGE = 60.0
_STEPS = 8
# Rows, and gaps of some rows, that are bounded together: their arrays fit into a cache.
_AT_ONCE = 2048
# The first expansion is at this share of the way, and so has the row in its reach.
_PART = 0.8


class FastPassResult(NamedTuple):
    """Radii, whether float32 suffices for them, and the gaps still uncertified."""

    radius: Tensor  # (n,), upper bounds where gaps are uncertified
    float32_suffices: Tensor  # (n,), whether its rounding decides nothing
    uncertified: GapIndex  # gaps that may lower the radius
    at_row: AtRow  # of these gaps


def fast_pass(batch: SimilarityBatch) -> FastPassResult:
    """Prove radii that reach the boundary, as far as it takes one proof for each rival.

    For Gaussian kernels of one width, and rows in their `SimilarityBatch.order`.
    """
    every = torch.arange(len(batch), device=batch.predicted.device)
    parts = [_fast_pass_of(batch, rows) for rows in torch.split(every, _AT_ONCE)]
    return FastPassResult(
        radius=torch.cat([part.radius for part in parts]),
        float32_suffices=torch.cat([part.float32_suffices for part in parts]),
        uncertified=GapIndex.joined([part.uncertified for part in parts]),
        at_row=AtRow.joined([part.at_row for part in parts]),
    )


def _fast_pass_of(every: SimilarityBatch, rows: Tensor) -> FastPassResult:
    """Run the fast pass on few rows: their arrays fit into a cache."""
    batch = every.take(rows)
    index, bounds = batch.gap_index(), list(trace_bounds(batch))
    estimates = torch.cat([some.estimates() for some in bounds])
    value = torch.cat([some.value.flatten() for some in bounds])
    slope = torch.cat([some.slope.flatten(0, 1) for some in bounds])
    at_row = AtRow(value, slope)
    first = _nearest_rival(estimates, batch)
    gaps = batch.gaps(index.take(first))
    boundary = nearest_boundary(gaps, at_row.take(first), settled=_NEAR, steps=_STEPS)
    goal = (boundary.size * (1 - _SHORT)).masked_fill(~boundary.crossed, torch.inf)
    holds = certifies_at(gaps, boundary, goal) | (goal <= 0)
    # The best of the own concepts counts.
    q = batch.n_own
    reached = torch.where(holds, goal, 0.0).view(-1, q).amax(1)
    goal = goal.view(-1, q).amax(1)
    settled = reached >= TIGHT * goal
    failed = first[(~settled).repeat_interleave(q)]
    radius = torch.where(settled, reached, goal)
    harmless = torch.cat(list(_harmless(bounds, radius))).flatten()
    harmless[first] = True
    others = (~batch.any_own_concept(harmless)).nonzero().squeeze(1)
    uncertified = torch.cat(
        [failed, _refine_uncertified(batch, index, slope, others, radius)]
    )
    rounding = torch.cat([some.rounding for some in bounds])
    least = value.view(len(batch), -1).amin(1)
    float32_suffices = (least > _SURE * rounding) & (least < _LARGE)
    return FastPassResult(
        radius=radius,
        float32_suffices=float32_suffices,
        uncertified=index.take(uncertified).among(rows),
        at_row=at_row.take(uncertified),
    )


def _nearest_rival(estimate: Tensor, batch: SimilarityBatch) -> Tensor:
    """Find the gaps of the rival that looks nearest to each row."""
    q = batch.n_own
    per_rival = estimate.view(len(batch), -1, q).amax(2)
    row = torch.arange(len(batch), device=estimate.device)
    start = (row * per_rival.shape[1] + per_rival.argmin(1)) * q
    return (start[:, None] + torch.arange(q, device=estimate.device)).reshape(-1)


def _harmless(bounds: list[TraceBound], eps: Tensor) -> Iterator[Tensor]:
    """Which gaps (n, r) of each class stay positive up to sizes `eps` of all rows."""
    sizes = torch.split(eps, [len(some.rounding) for some in bounds])
    for some, size in zip(bounds, sizes, strict=True):
        # A radius of 0 cannot be lowered.
        yield some.holds(size) | (size <= 0)[:, None]


def _refine_uncertified(
    batch: SimilarityBatch,
    index: GapIndex,
    slope: Tensor,
    uncertified: Tensor,
    radius: Tensor,
) -> Tensor:
    """Gaps of `uncertified` that expansions at the worst perturbation do not certify.

    The gradient at the row tells roughly which is the worst, and the one there tells
    better. Two expansions at the radius in question cost far less than the search for
    a radius of its own (guide, step 3 of *The largest of all*).
    """
    slope = slope.index_select(0, uncertified)
    for share, trace_only in ((_PART, True), (1.0, False)):
        kept, slopes = [uncertified[:0]], [slope[:0]]
        batches = (
            torch.split(part, _AT_ONCE * batch.n_own) for part in (uncertified, slope)
        )
        for some, steep in zip(*batches, strict=True):
            chosen = index.take(some)
            gaps, eps = batch.gaps(chosen), radius[chosen.row]
            delta = gaps.perturbations.steepest(steep).mul_(share * eps[:, None])
            at = expand(gaps, eps, delta)
            open_ = ~batch.any_own_concept(
                (at.trace_only if trace_only else at).holds()
            )
            kept.append(some[open_])
            slopes.append(at.slope[open_])
        uncertified, slope = torch.cat(kept), torch.cat(slopes)
    return uncertified
