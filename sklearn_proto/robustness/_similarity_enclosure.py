"""Branch and bound where a similarity-based model has it, else the best bounds."""

import numpy as np
import torch
from torch import Tensor

from sklearn_proto.robustness._auto import auto_radius
from sklearn_proto.robustness._branch import prove_ball
from sklearn_proto.robustness._enclosure import Effort, Enclosure, attained, finished
from sklearn_proto.robustness._pairs import Pairs, SimilarityBatch
from sklearn_proto.robustness._trust_region import nearest_boundary

# How often a counterexample may start the proof of a smaller radius.
_ROUNDS = 5


def enclose(batch: SimilarityBatch, attacked: Tensor, effort: Effort) -> Enclosure:
    """Bounds on the radii of a batch, given the sizes (n,) an attack has reached."""
    duels = batch.duels()
    pairs = batch.pairs(duels)
    found = nearest_boundary(pairs)
    upper = torch.minimum(attained(batch, duels.row, found.delta), attacked)
    lower = torch.minimum(auto_radius(batch), upper)
    done = finished(lower, upper, effort.rtol)
    status = np.where(done.cpu().numpy(), "exact", "bounded")
    view, perturbations = batch.view, batch.perturbations
    plain = view.metric == "sqeuclidean" and perturbations.norm == 2
    if not plain or perturbations.room is not None:
        return Enclosure(lower, upper, status)
    # At a tie there is nothing to prove.
    open_ = batch.worst_rival(found.size, duels) > 0
    for i in (~done & upper.isfinite() & open_).nonzero().squeeze(1).tolist():
        of_row = (duels.row == i).nonzero().squeeze(1)
        some, worst = pairs.take(of_row), found.delta[of_row]
        holds, upper[i] = _close(batch, i, some, worst, upper[i], effort)
        target = (1 - effort.rtol) * upper[i]
        if holds:
            lower[i] = torch.maximum(lower[i], target)
        status[i] = "exact" if lower[i] >= target else "budget"
    return Enclosure(torch.minimum(lower, upper), upper, status)


def _close(
    batch: SimilarityBatch,
    i: int,
    pairs: Pairs,
    worst: Tensor,
    upper: Tensor,
    effort: Effort,
) -> tuple[bool, Tensor]:
    """Prove row `i` up to its attained radius, which counterexamples may lower."""
    row = torch.tensor([i], device=upper.device)
    for _ in range(_ROUNDS):
        target = float((1 - effort.rtol) * upper)
        holds, closed = prove_ball(pairs, worst, target, effort.max_nodes, batch.n_own)
        if closed is None:
            return holds, upper
        if not bool(batch.flips(row, closed[None])):
            return False, upper
        upper = closed.norm()
    return False, upper
