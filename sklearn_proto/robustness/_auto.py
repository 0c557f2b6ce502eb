"""The largest of all bounds, with the work where it decides something."""

import torch
from torch import Tensor

from sklearn_proto.robustness._certificate import Root
from sklearn_proto.robustness._expansion import expand
from sklearn_proto.robustness._interval import Interval
from sklearn_proto.robustness._pairs import Duels, Pairs, SimilarityBatch
from sklearn_proto.robustness._screen import screen
from sklearn_proto.robustness._second_order import SecondOrder
from sklearn_proto.robustness._tilted import Tilted
from sklearn_proto.robustness._trust_region import nearest_boundary, prove

# A proof that reaches this share of the boundary leaves nothing for other bounds.
_TIGHT = 0.99
# What another bound must add to be worth its search.
_GAIN = 0.01
# Pairs looked at together: their arrays fit into a cache.
_AT_ONCE = 1024
# Bounds that may exceed the trust region; the closed form never exceeds the interval.
_OTHERS: tuple[Root, ...] = (SecondOrder(), Interval(), Tilted())


def auto_radius(batch: SimilarityBatch) -> Tensor:
    """Radii (n,) of the rows: at least 0.99 of the largest of all bounds.

    The rival whose linearised boundary is nearest decides most radii. Its pairs get
    every bound. A rival that a cheap bound proves harmless at that radius cannot lower
    it; the few that are left get every bound too.
    """
    if batch.view.metric != "sqeuclidean" or not batch.view.same_width:
        return _every_bound(batch, batch.duels())
    order = batch.predicted.argsort()
    radius = _screened(batch.take(order))
    return torch.empty_like(radius).index_copy_(0, order, radius)


def _screened(batch: SimilarityBatch) -> Tensor:
    """Do that for rows in the order of their classes."""
    duels, screens = batch.duels(), list(screen(batch))
    estimates = torch.cat([some.estimates() for some in screens])
    first = _nearest_rival(estimates, batch)
    radius = _every_bound(batch, duels.take(first))
    of_class = torch.split(radius, [len(some.rounding) for some in screens])
    holds = [some.holds(eps) for some, eps in zip(screens, of_class, strict=True)]
    # A radius of 0 cannot be lowered.
    harmless = (torch.cat(holds) | (radius <= 0)[:, None]).flatten()
    harmless[first] = True
    left = (~batch.of_rival(harmless)).nonzero().squeeze(1)
    slope = torch.cat([some.slope.flatten(0, 1) for some in screens])
    eps = radius[duels.row]
    left = _look_closer(batch, duels, slope, left, eps)
    return torch.minimum(radius, _every_bound(batch, duels.take(left), eps[left]))


def _every_bound(
    batch: SimilarityBatch, duels: Duels, needed: Tensor | None = None
) -> Tensor:
    bound = _best_bound(batch.pairs(duels), needed)
    return batch.worst_rival(bound, duels)


def _nearest_rival(estimate: Tensor, batch: SimilarityBatch) -> Tensor:
    """Find the pairs of the rival that looks nearest to each row."""
    q = batch.n_own
    per_rival = estimate.view(len(batch), -1, q).amax(2)
    row = torch.arange(len(batch), device=estimate.device)
    start = (row * per_rival.shape[1] + per_rival.argmin(1)) * q
    return (start[:, None] + torch.arange(q, device=estimate.device)).reshape(-1)


def _look_closer(
    batch: SimilarityBatch, duels: Duels, slope: Tensor, left: Tensor, eps: Tensor
) -> Tensor:
    """Those of the pairs `left` that looks around the worst perturbation leave.

    The gradient at the row tells roughly which is the worst, and the one there tells
    better. Two looks at the radius in question cost far less than the search for a
    radius of its own.
    """
    slope = slope[left]
    for rough in (True, False):
        kept, slopes = [left[:0]], [slope[:0]]
        looked = (torch.split(part, _AT_ONCE * batch.n_own) for part in (left, slope))
        for some, towards in zip(*looked, strict=True):
            pairs, size = batch.pairs(duels.take(some)), eps[some]
            worst = size[:, None] * pairs.perturbations.steepest(towards)
            at = expand(pairs, size, worst)
            holds = (at.rough if rough else at).lower_bound() > pairs.rounding
            open_ = ~batch.of_rival(holds)
            kept.append(some[open_])
            slopes.append(at.slope[open_])
        left, slope = torch.cat(kept), torch.cat(slopes)
    return left


def _best_bound(pairs: Pairs, needed: Tensor | None = None) -> Tensor:
    """Largest bound (m,) on each pair, up to what is needed of it."""
    boundary = nearest_boundary(pairs)
    # A gap that closes at the boundary is not proven open beyond it.
    most = torch.where(boundary.crossed, boundary.size, torch.inf)
    if needed is not None:
        most = torch.minimum(most, needed)
    proven = prove(pairs, boundary, most)
    # Other bounds only where the first is not tight.
    loose = (proven < _TIGHT * most).nonzero().squeeze(1)
    some, most = pairs.take(loose), most[loose]
    for other in _OTHERS:
        if len(loose) and other.refusal(pairs.view) is None:
            proven[loose] = other.improved(some, proven[loose], most, _GAIN)
    return proven
