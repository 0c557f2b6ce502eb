"""Branch and bound: prove that gaps stay positive on a Euclidean ball."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto.robustness._expansion import Expansion, expand, log_ratio
from sklearn_proto.robustness._pairs import Pairs

# Nodes examined at once: enough to keep the arithmetic busy.
_WAVE = 256


class Proof(NamedTuple):
    """Whether the gaps stay positive, and where one was found closed if not."""

    holds: bool
    counterexample: Tensor | None = None


@dataclass(frozen=True)
class Nodes:
    """Pieces of a ball: boxes along some axes, everything across them.

    Parameters
    ----------
    centre, half : Tensor of shape (nodes, axes)
        Middle and half width along each axis; one that has not been divided yet has
        centre 0 and an infinite half width.
    rival : Tensor of shape (nodes,)
        Which rival the piece is to be proven against.
    """

    centre: Tensor
    half: Tensor
    rival: Tensor

    def __len__(self) -> int:
        """Count the nodes."""
        return len(self.rival)

    def take(self, chosen: Tensor) -> "Nodes":
        """Select some of the nodes."""
        return Nodes(self.centre[chosen], self.half[chosen], self.rival[chosen])

    def join(self, other: "Nodes") -> "Nodes":
        """Put other nodes behind these."""
        return Nodes(
            torch.cat([self.centre, other.centre]),
            torch.cat([self.half, other.half]),
            torch.cat([self.rival, other.rival]),
        )

    @property
    def boxed(self) -> Tensor:
        """Which axes have been divided."""
        return self.half.isfinite()

    def across(self, eps: float) -> Tensor:
        """Radius (nodes,) of what the ball leaves across the boxes; NaN if nothing."""
        nearest = (self.centre.abs() - self.half).clamp_min(0.0)
        return (eps * eps - nearest.square().sum(1)).sqrt()

    def farthest(self, across: Tensor, eps: float) -> Tensor:
        """Largest length (nodes,) of a perturbation in each node."""
        outer = torch.where(self.boxed, self.centre.abs() + self.half, 0.0)
        return (outer.square().sum(1) + across.square()).sqrt().clamp_max(eps)


def prove_ball(
    pairs: Pairs, worst: Tensor, eps: float, max_nodes: int, n_own: int
) -> Proof:
    """Prove all rivals of one row harmless on the ball of radius `eps`.

    A node is done when, for some own concept, the expansion around its centre is
    positive on all of it. Otherwise it is halved along the axis that costs the bound
    most. The first axis is the direction of the worst perturbation, since it is near
    the pole of the ball that the gap is small; the others are the principal directions
    of the prototypes across it. Axes that cost nothing are never divided.

    Parameters
    ----------
    pairs : Pairs
        All pairs of the row, those of one rival side by side.
    worst : Tensor of shape (m, d)
        The worst perturbation found for each pair.
    eps : float
        Radius.
    max_nodes : int
        Nodes to examine before giving up.
    n_own : int
        Concepts of the row's class.
    """
    nearest = int(
        worst.norm(dim=1).masked_fill((worst == 0).all(1), torch.inf).argmin()
    )
    axes = _axes(pairs, worst[nearest])
    open_nodes = _whole_ball(len(pairs) // n_own, len(axes), like=axes)
    examined = 0
    while len(open_nodes):
        wave = open_nodes.take(torch.arange(min(_WAVE, len(open_nodes))))
        rest = open_nodes.take(torch.arange(len(wave), len(open_nodes)))
        examined += len(wave)
        if examined > max_nodes:
            return Proof(holds=False)
        failing, cost, closed = _examine(pairs, axes, wave, eps, n_own)
        if closed is not None:
            return Proof(holds=False, counterexample=closed)
        open_nodes = _halved(wave.take(failing), cost[failing], eps).join(rest)
    return Proof(holds=True)


def _axes(pairs: Pairs, first: Tensor) -> Tensor:
    """Orthonormal axes (axes, d) of all directions in which the slopes can point."""
    geometry = pairs.geometry
    first = first / first.norm()
    slopes = geometry.points - geometry.place(pairs.z[:1])
    across = slopes - (slopes @ first)[:, None] * first
    _, size, directions = torch.linalg.svd(across, full_matrices=False)
    kept = directions[size > 1e-9 * size.max().clamp_min(1e-300)]
    return torch.cat([first[None], kept])


def _whole_ball(rivals: int, axes: int, like: Tensor) -> Nodes:
    centre = torch.zeros((rivals, axes), dtype=like.dtype, device=like.device)
    return Nodes(
        centre,
        torch.full_like(centre, torch.inf),
        torch.arange(rivals, device=like.device),
    )


def _examine(
    pairs: Pairs, axes: Tensor, nodes: Nodes, eps: float, n_own: int
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Find the nodes not proven, the cost of every axis, and a closed centre."""
    across = nodes.across(eps)
    empty = across.isnan()
    across = across.nan_to_num(0.0)
    own = torch.arange(n_own, device=across.device)
    chosen = (nodes.rival[:, None] * n_own + own).reshape(-1)
    repeated = torch.arange(len(nodes), device=across.device).repeat_interleave(n_own)
    delta = (nodes.centre @ axes)[repeated]
    size = nodes.farthest(across, eps)[repeated]
    at = expand(pairs.take(chosen), size, delta)
    bound, cost = _on_nodes(at, axes, nodes.take(repeated), across[repeated], eps)
    proven = (bound > at.pairs.rounding).view(-1, n_own).any(1) | empty
    best = bound.view(-1, n_own).argmax(1)
    cost = cost.view(len(nodes), n_own, -1)[torch.arange(len(nodes)), best]
    inside = (nodes.centre.norm(dim=1) <= eps) & ~empty
    value, _ = log_ratio(at.pairs, delta)
    closed = inside & (value.view(-1, n_own).amax(1) <= 0)
    failing = (~proven).nonzero().squeeze(1)
    if bool(closed.any()):
        return failing, cost, (nodes.centre @ axes)[int(closed.nonzero()[0])]
    return failing, cost, None


def _on_nodes(
    at: Expansion, axes: Tensor, nodes: Nodes, across: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """Bound (m,) on every node, and what every axis costs it (m, axes).

    A node is the part of a box that is inside the ball. With a multiplier mu >= 0 for
    ``|delta|^2 <= eps^2`` the concave quadratic of the expansion has the bound

        value - mu (eps^2 - |c|^2) / 2
        + sum_i min (g_i + mu c_i) d_i + (mu - k) d_i^2 / 2

    over ``|d_i| <= h_i``, axis by axis. The multiplier that takes the slope along c
    away makes the loss at the rim of the ball one of second order.
    """
    boxed = nodes.boxed
    half = torch.where(boxed, nodes.half, 0.0)
    # Across all the axes no slope has a component: nothing changes there.
    across = across.masked_fill(boxed.all(1), 0.0)
    reach = (half.square().sum(1) + across.square()).sqrt()
    k = at.curvature(reach)
    along = at.slope @ axes.T
    square = nodes.centre.square().sum(1)
    pull = -(along * nodes.centre).sum(1) / square.clamp_min(1e-300)
    best = torch.full_like(k, -torch.inf)
    for mu in (torch.zeros_like(k), pull.clamp_min(0.0)):
        tilted = along + mu[:, None] * nodes.centre
        inner = torch.where(boxed, tilted, 0.0)
        outside = (at.slope.square().sum(1) - along.square().sum(1)).clamp_min(0.0)
        rest = (outside + torch.where(boxed, 0.0, along).square().sum(1)).sqrt()
        bend = mu - k
        bound = (
            at.value
            - mu * (eps * eps - square) / 2
            + _smallest(inner.abs(), bend[:, None], half).sum(1)
            + _smallest(rest, bend, across)
        )
        best = torch.fmax(best, bound.nan_to_num(nan=-torch.inf))
    width = torch.where(boxed, half, across[:, None])
    cost = tilted.abs() * width + _variances(at, axes) * width.square()
    return best, cost


def _smallest(slope: Tensor, bend: Tensor, half: Tensor) -> Tensor:
    """Minimum of ``bend d^2 / 2 - slope |d|`` over ``|d| <= half``."""
    at_end = bend * half.square() / 2 - slope * half
    inside = (bend > 0) & (slope < bend * half)
    return torch.where(inside, -slope.square() / (2 * bend), at_end)


def _variances(at: Expansion, axes: Tensor) -> Tensor:
    """Variance (m, axes) of the negative slopes along each axis."""
    assert at.deviations is not None
    slopes = at.deviations.slopes
    coordinates = slopes.geometry.points @ axes.T
    anchor = slopes.anchor @ axes.T
    mass = at.p * slopes.scale
    squares = mass * slopes.scale
    second = (
        squares @ coordinates.square()
        - 2 * anchor * (squares @ coordinates)
        + squares.sum(1, keepdim=True) * anchor.square()
    )
    first = mass @ coordinates - mass.sum(1, keepdim=True) * anchor
    return (second - first.square()).clamp_min(0.0)


def _halved(nodes: Nodes, cost: Tensor, eps: float) -> Nodes:
    """Both halves of every node along its most expensive axis."""
    axis = cost.argmax(1, keepdim=True)
    half = nodes.half.gather(1, axis).clamp_max(eps) / 2
    centre = nodes.centre.gather(1, axis)
    halves = nodes.half.scatter(1, axis, half)
    sides = [nodes.centre.scatter(1, axis, centre + s * half) for s in (-1, 1)]
    return Nodes(sides[0], halves, nodes.rival).join(
        Nodes(sides[1], halves, nodes.rival)
    )
