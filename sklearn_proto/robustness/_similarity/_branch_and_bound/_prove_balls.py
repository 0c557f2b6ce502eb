"""Branch and bound: prove that gaps stay positive on Euclidean balls, piece by piece.

Proof in the guide: `node-bound`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._memory import at_once
from sklearn_proto.robustness._similarity._branch_and_bound._multipliers import (
    Multipliers,
    dual_bound,
)
from sklearn_proto.robustness._similarity._branch_and_bound._quadratic import (
    quadratic_below,
)
from sklearn_proto.robustness._similarity._branch_and_bound._region import Region
from sklearn_proto.robustness._similarity._branch_and_bound._slope_subspace import (
    SlopeSubspace,
)

# Elements of the largest array of a wave of nodes, and nodes at most.
_WAVE = 256
# How often a node is expanded again, where the last relaxation has its minimum.
_MAX_REEXPANSIONS = 4
# Weight of the curvature along an axis against what its box costs the relaxation.
_CURVATURE = 0.2


class Proof(NamedTuple):
    """Whether the gaps of every row stay positive, and where one closes if not."""

    holds: Tensor  # (n,)
    closed: Tensor  # (n,), whether a point was found where the gap is closed
    counterexample: Tensor  # (n, d), that point
    nodes: Tensor  # (n,), how many were examined


@dataclass(frozen=True)
class GapsOnBalls:
    """Rivals of several rows, each with the gaps of its own concepts side by side.

    Parameters
    ----------
    subspace : SlopeSubspace
        Log-ratios of all gaps.
    row : Tensor of shape (rivals,)
        Which row each rival belongs to.
    n_own : int
        Own concepts.
    """

    subspace: SlopeSubspace
    row: Tensor
    n_own: int

    def of_rows(self, chosen: Tensor) -> "GapsOnBalls":
        """Select the rivals of some of the rows, given as a mask; rows keep places."""
        kept = chosen[self.row]
        return GapsOnBalls(
            self.subspace.take(kept.repeat_interleave(self.n_own)),
            self.row[kept],
            self.n_own,
        )


class _Nodes(NamedTuple):
    """Boxes (nodes, D) in the coordinates of a rival (nodes,)."""

    lo: Tensor
    hi: Tensor
    rival: Tensor

    def take(self, chosen: Tensor | slice) -> "_Nodes":
        return _Nodes(*(part[chosen] for part in self))

    def join(self, other: "_Nodes") -> "_Nodes":
        both = zip(self, other, strict=True)
        return _Nodes(*(torch.cat(parts) for parts in both))


class _Verdict(NamedTuple):
    """Which nodes of a wave are proven or closed, and where to divide the others."""

    proven: Tensor
    cost: Tensor  # (nodes, D), what not dividing an axis costs
    closed: Tensor
    point: Tensor  # (nodes, D), where it is closed


def prove_balls(problem: GapsOnBalls, eps: Tensor, max_nodes: Tensor) -> Proof:
    """Prove all rivals of every row harmless on the ball of radius `eps` (n,).

    A node is done when, for some own concept, the quadratic below its log-ratio is
    positive on it. Otherwise it is halved along the axis that costs most. The nodes of
    all rows are examined together, the last ones first. A row ends when none is left,
    when it has had `max_nodes` (n,), or when a point is found that closes its gap.
    """
    row, subspace = problem.row, problem.subspace
    whole = eps[row][:, None].expand(-1, subspace.n_axes)
    open_ = _Nodes(-whole, whole, torch.arange(len(row), device=row.device))
    nodes = torch.zeros_like(eps, dtype=torch.int64)
    failed = torch.zeros_like(eps, dtype=torch.bool)
    closed = failed.clone()
    point = subspace.axes.new_zeros((len(eps), subspace.axes.shape[2]))
    size = _wave_size(problem)
    while len(open_.rival):
        wave, open_ = open_.take(slice(-size, None)), open_.take(slice(-size))
        nodes += row[wave.rival].bincount(minlength=len(eps))
        failed |= nodes > max_nodes
        wave = wave.take(~failed[row[wave.rival]])
        of_row = row[wave.rival]
        verdict = _examine(problem, wave, eps[of_row])
        some = verdict.closed.nonzero().squeeze(1)
        own = subspace.take(wave.rival[some] * problem.n_own)
        point[of_row[some]] = own.perturbation(verdict.point[some])
        closed[of_row[some]] = True
        failed |= closed
        open_ = open_.join(_halved(wave, verdict, eps[of_row]))
        open_ = open_.take(~failed[row[open_.rival]])
    return Proof(holds=~failed, closed=closed, counterexample=point, nodes=nodes)


def _wave_size(problem: GapsOnBalls) -> int:
    _, terms, n_axes = problem.subspace.slopes.shape
    element = problem.n_own * (n_axes + 1) * (terms + n_axes)
    return min(at_once(element), _WAVE)


def _examine(problem: GapsOnBalls, nodes: _Nodes, eps: Tensor) -> _Verdict:
    """Expand every node around its centre, then where its relaxation is lowest.

    Helpful terms are convex, and bounded by their tangent: what it loses vanishes once
    it touches at the minimum. A node of which that does not raise the bound is left.
    """
    n_own = problem.n_own
    own = torch.arange(n_own, device=eps.device)
    pair = (nodes.rival[:, None] * n_own + own).reshape(-1)
    node = torch.arange(len(eps), device=eps.device).repeat_interleave(n_own)
    piece = Region(lo=nodes.lo, hi=nodes.hi, eps=eps)
    at = piece.nearest_to(piece.centre)[node]
    best = torch.full_like(at[:, 0], -torch.inf)
    cost = torch.zeros_like(at)
    lowest = at.clone()
    proven = torch.zeros_like(eps, dtype=torch.bool)
    active, start = torch.arange(len(pair), device=eps.device), None
    for expansion in range(1 + _MAX_REEXPANSIONS):
        if not len(active):
            break
        subspace, region = problem.subspace.take(pair[active]), piece.take(node[active])
        at[active] = region.nearest_to(lowest[active])
        found = _node_bound(subspace, region, at[active], start)
        raised = found.bound > best[active]
        best[active] = torch.maximum(best[active], found.bound)
        lowest[active], cost[active] = at[active] + found.step, found.cost
        holds = found.bound > subspace.rounding
        proven[node[active[holds]]] = True
        kept = (raised | (expansion < 2)) & ~proven[node[active]]
        active, start = active[kept], found.multipliers.take(kept)
    first = n_own * torch.arange(len(eps), device=eps.device)
    chosen = best.view(-1, n_own).argmax(1) + first
    everywhere = problem.subspace.take(pair).log_ratio(at[chosen][node])
    closed = (everywhere.view(-1, n_own).amax(1) <= 0) & ~proven
    return _Verdict(proven=proven, cost=cost[chosen], closed=closed, point=at[chosen])


class _NodeBound(NamedTuple):
    """A bound (m,), where the relaxation attains it, and the cost of every axis."""

    bound: Tensor
    step: Tensor
    cost: Tensor
    multipliers: Multipliers


def _node_bound(
    subspace: SlopeSubspace, region: Region, x: Tensor, start: Multipliers | None
) -> _NodeBound:
    n_axes = subspace.n_axes
    half = region.half
    if subspace.perturbations.matrix is not None:
        region, x = region.with_free_axis(), torch.nn.functional.pad(x, (0, 1))
    quadratic = quadratic_below(subspace, region, x)
    bound, step, multipliers = dual_bound(quadratic, region, start)
    curvature = quadratic.scatter.diagonal(dim1=1, dim2=2)
    weight = torch.minimum(multipliers.box, 2.0 * curvature) + _CURVATURE * curvature
    cost = weight[:, :n_axes] * half.square()
    return _NodeBound(
        bound=bound, step=step[:, :n_axes], cost=cost, multipliers=multipliers
    )


def _halved(nodes: _Nodes, verdict: _Verdict, eps: Tensor) -> _Nodes:
    """Both halves of every node not proven, but for what lies outside the ball."""
    left = ~verdict.proven
    lo, hi, rival = nodes.take(left)
    axis = verdict.cost[left].argmax(1, keepdim=True)
    middle = (lo.gather(1, axis) + hi.gather(1, axis)) / 2
    halves = _Nodes(lo, hi.scatter(1, axis, middle), rival).join(
        _Nodes(lo.scatter(1, axis, middle), hi, rival)
    )
    return halves.take(
        ~Region(lo=halves.lo, hi=halves.hi, eps=eps[left].repeat(2)).empty
    )
