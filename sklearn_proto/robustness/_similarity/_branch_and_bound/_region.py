"""Pieces of balls: boxes along some axes, cut off by the ball."""

from dataclasses import dataclass

import torch
from torch import Tensor

# Multipliers tried for the largest value of a linear function.
_TRIES = 3
# Steps towards the nearest point of a piece.
_HALVINGS = 16


@dataclass(frozen=True)
class Region:
    """m boxes, each intersected with the ball around 0 of its own radius.

    Parameters
    ----------
    lo, hi : Tensor of shape (m, D)
        Ends of the box along each axis.
    eps : Tensor of shape (m,)
        Radius of the ball.
    """

    lo: Tensor
    hi: Tensor
    eps: Tensor

    def __len__(self) -> int:
        """Count the pieces."""
        return len(self.eps)

    def take(self, chosen: Tensor) -> "Region":
        """Select some of the pieces."""
        return Region(lo=self.lo[chosen], hi=self.hi[chosen], eps=self.eps[chosen])

    def with_free_axis(self) -> "Region":
        """Append an axis along which the ball alone is the limit."""
        eps = self.eps[:, None]
        lo, hi = torch.cat([self.lo, -eps], 1), torch.cat([self.hi, eps], 1)
        return Region(lo=lo, hi=hi, eps=self.eps)

    @property
    def centre(self) -> Tensor:
        """Middle (m, D) of the box."""
        return (self.lo + self.hi) / 2

    @property
    def half(self) -> Tensor:
        """Half width (m, D) of the box."""
        return (self.hi - self.lo) / 2

    @property
    def empty(self) -> Tensor:
        """Whether the box lies outside the ball."""
        nearest = torch.maximum(self.lo, -self.hi).clamp_min(0.0)
        outside: Tensor = nearest.norm(dim=1) > self.eps
        return outside

    @property
    def farthest(self) -> Tensor:
        """Bound (m,) on the length of a perturbation in each piece."""
        corner = torch.maximum(-self.lo, self.hi).norm(dim=1)
        return torch.minimum(corner, self.eps)

    def nearest_to(self, x: Tensor) -> Tensor:
        """Points (m, D) of the pieces near x, all but the nearest ones.

        The nearest is ``s x`` clipped to the box, with the largest s up to 1 at which
        it is in the ball. It is found by bisection.
        """
        share = torch.zeros_like(self.eps)
        for i in range(_HALVINGS + 1):
            longer = share + 0.5**i
            inside = self._clipped(longer[:, None] * x).norm(dim=1) <= self.eps
            share = torch.where(inside & (longer <= 1.0), longer, share)
        return self._clipped(share[:, None] * x)

    def _clipped(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, self.lo), self.hi)

    def largest(self, rows: Tensor, x: Tensor) -> Tensor:
        """Bound (m, k) on ``rows . (y - x)``, for rows (m, k, D) and y in the piece.

        With a multiplier t >= 0 for ``|y|^2 <= eps^2`` it is at most ``t eps^2 / 2``
        plus the sum of ``max a_i y_i - t y_i^2 / 2`` over the sides of the box. The
        first t is the best one for the ball alone; the next ones make up for what the
        box takes off the length of y. The last, 0, is for the box alone.
        """
        lo, hi, eps = self.lo[:, None], self.hi[:, None], self.eps[:, None]
        length = rows.norm(dim=2).clamp_min(1e-300)
        t = length / eps
        best = eps * length
        for _ in range(_TRIES):
            y = torch.minimum(torch.maximum(rows / t[:, :, None], lo), hi)
            squares = y.square().sum(2)
            best = torch.minimum(
                best, (rows * y).sum(2) + t * (eps.square() - squares) / 2
            )
            t = (t * squares.sqrt() / eps).clamp_min(1e-300)
        in_box = (torch.maximum(rows * lo, rows * hi)).sum(2)
        at_x = (rows @ x[:, :, None]).squeeze(2)
        return (torch.minimum(best, in_box) - at_x).clamp_min(0.0)

    def longest(self, x: Tensor) -> Tensor:
        """Bound (m,) on the length of ``y - x`` for y in the piece."""
        corner = torch.maximum(x - self.lo, self.hi - x).norm(dim=1)
        return torch.minimum(corner, self.eps + x.norm(dim=1))
