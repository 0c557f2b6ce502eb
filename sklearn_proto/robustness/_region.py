"""Pieces of balls: boxes along some axes, cut off by the ball."""

from dataclasses import dataclass

import torch
from torch import Tensor


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
        return Region(self.lo[chosen], self.hi[chosen], self.eps[chosen])

    def beside(self) -> "Region":
        """Append an axis along which the ball alone is the limit."""
        eps = self.eps[:, None]
        lo, hi = torch.cat([self.lo, -eps], 1), torch.cat([self.hi, eps], 1)
        return Region(lo, hi, self.eps)

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
        return nearest.norm(dim=1) > self.eps

    @property
    def farthest(self) -> Tensor:
        """Bound (m,) on the length of a perturbation in each piece."""
        corner = torch.maximum(-self.lo, self.hi).norm(dim=1)
        return torch.minimum(corner, self.eps)

    def nearest_to(self, x: Tensor) -> Tensor:
        """Clip points (m, D) to the box, then shorten them to the ball."""
        x = torch.minimum(torch.maximum(x, self.lo), self.hi)
        length = x.norm(dim=1).clamp_min(1e-300)
        return x * (self.eps / length).clamp_max(1.0)[:, None]

    def largest(self, rows: Tensor, x: Tensor) -> Tensor:
        """Bound (m, k) on ``rows . (y - x)``, for rows (m, k, D) and y in the piece."""
        at_x = (rows @ x[:, :, None]).squeeze(2)
        in_ball = self.eps[:, None] * rows.norm(dim=2)
        in_box = (rows @ self.centre[:, :, None] + rows.abs() @ self.half[:, :, None])
        return (torch.minimum(in_ball, in_box.squeeze(2)) - at_x).clamp_min(0.0)

    def longest(self, x: Tensor) -> Tensor:
        """Bound (m,) on the length of ``y - x`` for y in the piece."""
        corner = torch.maximum(x - self.lo, self.hi - x).norm(dim=1)
        return torch.minimum(corner, self.eps + x.norm(dim=1))
