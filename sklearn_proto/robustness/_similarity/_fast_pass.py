"""One proof for the rival nearest to each row, and cheap ones for all others."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto.robustness._similarity._boundary_search import (
    AtRow,
    nearest_boundary,
)
from sklearn_proto.robustness._similarity._gaps import Duels, SimilarityBatch
from sklearn_proto.robustness._similarity._quadratic_bound import expand
from sklearn_proto.robustness._similarity._trace_screen import Screen, screen
from sklearn_proto.robustness._similarity._trust_region import hold_at

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
# Rows attempted, and pairs looked at together: their arrays fit into a cache.
_AT_ONCE = 2048
# The first look is this share of the way: what it sees holds on either side.
_PART = 0.8


class Attempt(NamedTuple):
    """What is known of n rows."""

    radius: Tensor  # (n,), at most, where pairs are left
    sure: Tensor  # (n,), whether rounding matters little
    left: Duels  # pairs that may lower it
    at_row: AtRow  # of these pairs


def attempt(batch: SimilarityBatch) -> Attempt:
    """Prove radii that reach the boundary, as far as it takes one proof for each rival.

    For Gaussian kernels of one width, and rows in their `SimilarityBatch.order`.
    """
    every = torch.arange(len(batch), device=batch.predicted.device)
    parts = [_attempt(batch, rows) for rows in torch.split(every, _AT_ONCE)]
    return Attempt(
        torch.cat([part.radius for part in parts]),
        torch.cat([part.sure for part in parts]),
        Duels.joined([part.left for part in parts]),
        AtRow.joined([part.at_row for part in parts]),
    )


def _attempt(every: SimilarityBatch, rows: Tensor) -> Attempt:
    """Do that for a few of the rows."""
    batch = every.take(rows)
    duels, screens = batch.duels(), list(screen(batch))
    estimates = torch.cat([some.estimates() for some in screens])
    value = torch.cat([some.value.flatten() for some in screens])
    slope = torch.cat([some.slope.flatten(0, 1) for some in screens])
    at_row = AtRow(value, slope)
    first = _nearest_rival(estimates, batch)
    pairs = batch.pairs(duels.take(first))
    boundary = nearest_boundary(pairs, at_row.take(first), settled=_NEAR, steps=_STEPS)
    goal = (boundary.size * (1 - _SHORT)).masked_fill(~boundary.crossed, torch.inf)
    holds = hold_at(pairs, boundary, goal) | (goal <= 0)
    # The best of the own concepts counts.
    q = batch.n_own
    reached = torch.where(holds, goal, 0.0).view(-1, q).amax(1)
    goal = goal.view(-1, q).amax(1)
    settled = reached >= TIGHT * goal
    failed = first[(~settled).repeat_interleave(q)]
    radius = torch.where(settled, reached, goal)
    harmless = torch.cat(list(_harmless(screens, radius))).flatten()
    harmless[first] = True
    others = (~batch.of_rival(harmless)).nonzero().squeeze(1)
    left = torch.cat([failed, _look_closer(batch, duels, slope, others, radius)])
    rounding = torch.cat([some.rounding for some in screens])
    least = value.view(len(batch), -1).amin(1)
    sure = (least > _SURE * rounding) & (least < _LARGE)
    return Attempt(radius, sure, duels.take(left).among(rows), at_row.take(left))


def _nearest_rival(estimate: Tensor, batch: SimilarityBatch) -> Tensor:
    """Find the pairs of the rival that looks nearest to each row."""
    q = batch.n_own
    per_rival = estimate.view(len(batch), -1, q).amax(2)
    row = torch.arange(len(batch), device=estimate.device)
    start = (row * per_rival.shape[1] + per_rival.argmin(1)) * q
    return (start[:, None] + torch.arange(q, device=estimate.device)).reshape(-1)


def _harmless(screens: list[Screen], eps: Tensor) -> Iterator[Tensor]:
    """Which pairs (n, r) of each screen hold up to the sizes `eps` of all rows."""
    sizes = torch.split(eps, [len(some.rounding) for some in screens])
    for some, size in zip(screens, sizes, strict=True):
        # A radius of 0 cannot be lowered.
        yield some.holds(size) | (size <= 0)[:, None]


def _look_closer(
    batch: SimilarityBatch, duels: Duels, slope: Tensor, left: Tensor, radius: Tensor
) -> Tensor:
    """Those of the pairs `left` that looks around the worst perturbation leave.

    The gradient at the row tells roughly which is the worst, and the one there tells
    better. Two looks at the radius in question cost far less than the search for a
    radius of its own.
    """
    slope = slope.index_select(0, left)
    for share, rough in ((_PART, True), (1.0, False)):
        kept, slopes = [left[:0]], [slope[:0]]
        looked = (torch.split(part, _AT_ONCE * batch.n_own) for part in (left, slope))
        for some, steep in zip(*looked, strict=True):
            chosen = duels.take(some)
            pairs, eps = batch.pairs(chosen), radius[chosen.row]
            delta = pairs.perturbations.steepest(steep).mul_(share * eps[:, None])
            at = expand(pairs, eps, delta)
            open_ = ~batch.of_rival((at.rough if rough else at).holds())
            kept.append(some[open_])
            slopes.append(at.slope[open_])
        left, slope = torch.cat(kept), torch.cat(slopes)
    return left
