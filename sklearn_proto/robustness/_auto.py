"""The largest of all bounds, with the work where it decides something."""

import torch
from torch import Tensor

from sklearn_proto.robustness._certificate import Root
from sklearn_proto.robustness._expansion import expand
from sklearn_proto.robustness._interval import Interval
from sklearn_proto.robustness._pairs import Duels, Pairs, SimilarityBatch
from sklearn_proto.robustness._screen import Screen, screen
from sklearn_proto.robustness._second_order import SecondOrder
from sklearn_proto.robustness._tilted import Tilted
from sklearn_proto.robustness._trust_region import nearest_boundary, prove

# A proof that reaches this share of the boundary leaves nothing for other bounds.
_TIGHT = 0.99
# What another bound must add to be worth its search.
_GAIN = 0.01
# Bounds that may exceed the trust region; the closed form never exceeds the interval.
_OTHERS: tuple[Root, ...] = (SecondOrder(), Interval(), Tilted())


def auto_radius(batch: SimilarityBatch) -> Tensor:
    """Radii (n,) of the rows: at least 0.99 of the largest of all bounds.

    The rival whose linearised boundary is nearest decides most radii. Its pairs get
    every bound. A rival that a cheap bound proves harmless at that radius cannot lower
    it; the few that are left get every bound too.
    """
    duels = batch.duels()
    widths = batch.view.widths
    if batch.view.metric != "sqeuclidean" or bool((widths != widths[0]).any()):
        return _every_bound(batch, duels)
    cheap = screen(batch)
    first = _nearest_rival(cheap.estimate, batch)
    radius = _every_bound(batch, duels.take(first))
    eps = radius[duels.row]
    # A radius of 0 cannot be lowered.
    harmless = cheap.holds(eps) | (eps <= 0)
    harmless[first] = True
    left = (~batch.of_rival(harmless)).nonzero().squeeze(1)
    left = left[~batch.of_rival(_holds_closer(batch, duels, cheap, left, eps))]
    return torch.minimum(radius, _every_bound(batch, duels.take(left)))


def _every_bound(batch: SimilarityBatch, duels: Duels) -> Tensor:
    bound = _best_bound(batch.pairs(duels))
    return batch.worst_rival(bound, duels)


def _nearest_rival(estimate: Tensor, batch: SimilarityBatch) -> Tensor:
    """Find the pairs of the rival that looks nearest to each row."""
    q = batch.n_own
    per_rival = estimate.view(len(batch), -1, q).amax(2)
    row = torch.arange(len(batch), device=estimate.device)
    start = (row * per_rival.shape[1] + per_rival.argmin(1)) * q
    return (start[:, None] + torch.arange(q, device=estimate.device)).reshape(-1)


def _holds_closer(
    batch: SimilarityBatch, duels: Duels, cheap: Screen, left: Tensor, eps: Tensor
) -> Tensor:
    """Look again around the worst perturbation that the gradient at the row points to.

    One look at the radius in question settles most of what the screen leaves, for a
    tenth of what a search for their own radius costs.
    """
    pairs, eps = batch.pairs(duels.take(left)), eps[left]
    worst = eps[:, None] * pairs.perturbations.steepest(cheap.slope[left])
    return expand(pairs, eps, worst).lower_bound(1) > pairs.rounding


def _best_bound(pairs: Pairs) -> Tensor:
    """Largest bound (m,) on each pair: others only where the first is not tight."""
    boundary = nearest_boundary(pairs)
    proven = prove(pairs, boundary)
    tight = boundary.crossed & (proven >= _TIGHT * boundary.size)
    loose = (~tight & (boundary.size > 0)).nonzero().squeeze(1)
    some = pairs.take(loose)
    # A gap that closes at the boundary is not proven open beyond it.
    most = torch.where(boundary.crossed, boundary.size, pairs.far)
    for other in _OTHERS:
        if len(loose) and other.refusal(pairs.view) is None:
            proven[loose] = other.improved(some, proven[loose], most[loose], _GAIN)
    return proven
