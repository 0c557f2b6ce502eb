"""Many small quadratic programs at once: how much each own prototype counts."""

import torch
from torch import Tensor

# Relative to the scaled problem, in which constraints are unit vectors.
_RIDGE, _TOLERANCE = 1e-13, 1e-11
_ROUNDS = 4


def dual_weights(gram: Tensor, gaps: Tensor) -> Tensor:
    r"""Maximise ``gaps . v - v . gram v / 2`` over ``v >= 0``, for B problems.

    The dual of the shortest step to where all constraints ``a_i . delta >= gaps_i``
    hold, by an active set as in the method of Lawson and Hanson: let the constraint
    that is violated most into the set, solve on the set, and drop what would become
    negative on the way. All problems take a step at a time; the number of rounds is
    bounded, since whatever they end with is a proof.

    Parameters
    ----------
    gram : Tensor of shape (B, q, q)
        Inner products of the a_i.
    gaps : Tensor of shape (B, q)
        Right sides; where none is positive the answer is 0.

    Returns
    -------
    Tensor of shape (B, q)
        Weights of at least 0.
    """
    length = gram.diagonal(dim1=1, dim2=2).clamp_min(0.0).sqrt()
    unit = torch.where(length > 0, length, torch.ones_like(length))
    target = gaps / unit
    size = target.amax(1, keepdim=True).clamp_min(1e-300)
    answer = _solved(gram / (unit[:, :, None] * unit[:, None]), target / size)
    return answer * size / unit


def _solved(gram: Tensor, target: Tensor) -> Tensor:
    weights = torch.zeros_like(target)
    chosen = torch.zeros_like(target, dtype=torch.bool)
    settled = torch.ones_like(target[:, 0], dtype=torch.bool)
    active = torch.arange(len(target), device=target.device)
    for _ in range(_ROUNDS * (target.shape[1] + 1)):
        g, v, free, ready = (
            gram[active],
            weights[active],
            chosen[active],
            settled[active],
        )
        lack = target[active] - (g @ v[:, :, None]).squeeze(2)
        lack = lack.masked_fill(free, -torch.inf)
        worst = lack.max(1)
        going = ~ready | (worst.values > _TOLERANCE)
        active, g, v, free = active[going], g[going], v[going], free[going]
        if not len(active):
            break
        enters = ready[going].nonzero().squeeze(1)
        free[enters, worst.indices[going][enters]] = True
        v, free, ready = _stepped(g, target[active], v, free)
        weights[active], chosen[active], settled[active] = v, free, ready
    return weights


def _stepped(
    gram: Tensor, target: Tensor, weights: Tensor, free: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Go to the optimum on the free weights, or to where the first becomes 0."""
    inside = free[:, :, None] & free[:, None]
    eye = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
    system = torch.where(inside, gram + _RIDGE * eye, eye)
    goal = torch.linalg.solve(system, torch.where(free, target, 0.0))
    drops_below = free & (goal <= 0)
    share = torch.where(drops_below, weights / (weights - goal), torch.inf).nan_to_num(
        0.0
    )
    # A weight that has just come in and would fall at once has a share of 0 / 0.
    length = share.amin(1, keepdim=True).clamp_max(1.0)
    reached = torch.lerp(weights, goal, length)
    drops = drops_below & (share <= length)
    free = free & ~drops
    return torch.where(free, reached.clamp_min(0.0), 0.0), free, ~drops.any(1)
