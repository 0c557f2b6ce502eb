r"""The smallest value of a quadratic on a box and a ball, from below.

For multipliers ``mu >= 0`` of the ball and ``nu_i >= 0`` of the sides of the box,

    q(d) + mu (|x + d|^2 - eps^2) / 2 + sum_i nu_i ((x_i + d_i - c_i)^2 - h_i^2) / 2

is at most q(d) on the piece, and where it is convex its smallest value is known. Any
multipliers give a bound; an interior-point method finds good ones. With the ball alone
the best is the minimum itself: the S-lemma, as in the trust-region problem.

Proof in the guide: `node-bound`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto.robustness._similarity._branch_and_bound._quadratic import Quadratic
from sklearn_proto.robustness._similarity._branch_and_bound._region import Region

_STEPS = 12
# Weight of the barrier at the start, in units of the log-ratio, and how it falls.
_BARRIER, _BARRIER_DECAY = 0.5, 0.3
_WARM = 0.1
# Share of the magnitudes that enter a bound which its rounding may reach.
_ROUNDING = 1e-11


class Multipliers(NamedTuple):
    """mu (m, 1) and nu (m, D)."""

    ball: Tensor
    box: Tensor

    @property
    def diagonal(self) -> Tensor:
        """What they add to the Hessian."""
        return self.ball + self.box

    def take(self, chosen: Tensor) -> "Multipliers":
        """Select some of them."""
        return Multipliers(self.ball[chosen], self.box[chosen])

    def where(self, chosen: Tensor, other: "Multipliers") -> "Multipliers":
        """Take some, and the rest from `other`."""
        both = zip(self, other, strict=True)
        return Multipliers(*(torch.where(chosen[:, None], a, b) for a, b in both))


class Dual(NamedTuple):
    """A lower bound (m,), where the relaxation attains it (m, D), and multipliers."""

    bound: Tensor
    step: Tensor
    multipliers: Multipliers


def dual_bound(
    quadratic: Quadratic, region: Region, start: Multipliers | None = None
) -> Dual:
    """Maximise over the multipliers and the tangent of the logarithm in `quadratic`.

    `start` are multipliers that were good for a quadratic nearby.
    """
    multipliers = _start(quadratic, region)
    barrier = torch.full_like(quadratic.value, _BARRIER)
    if start is not None:
        multipliers = Multipliers(
            start.ball, torch.maximum(start.box, 0.01 * multipliers.box)
        )
        barrier = barrier * _WARM
    level = torch.zeros_like(barrier)
    best = Dual(
        bound=torch.full_like(barrier, -torch.inf),
        step=torch.zeros_like(quadratic.x),
        multipliers=multipliers,
    )
    for i in range(_STEPS):
        curvature = quadratic.curvature(level)
        multipliers, inverse, convex = _made_convex(multipliers, curvature)
        found = _evaluate(quadratic, region, multipliers, curvature, inverse, level)
        better = (found.bound > best.bound) & convex
        best = Dual(
            bound=torch.where(better, found.bound, best.bound),
            step=torch.where(better[:, None], found.step, best.step),
            multipliers=multipliers.where(better, best.multipliers),
        )
        if i == _STEPS - 1 or bool((best.bound > 0).all()):
            break
        level = (level + quadratic.variance(found.step).clamp_max(50.0)) / 2
        multipliers = _newton(
            quadratic, region, multipliers, curvature, inverse, found.step, barrier
        )
        barrier = barrier * _BARRIER_DECAY
    return best


def _start(quadratic: Quadratic, region: Region) -> Multipliers:
    size, slope = quadratic.size, quadratic.slope.norm(dim=1) / region.eps
    small = 1e-3 * slope + 1e-12 / region.eps.square()
    ball, box = (2.2 * size + small)[:, None], (0.1 * size + small)[:, None]
    return Multipliers(ball, box.expand_as(quadratic.x))


def _made_convex(
    multipliers: Multipliers, curvature: Tensor
) -> tuple[Multipliers, Tensor, Tensor]:
    """Raise mu until the Lagrangian is convex; its inverse Hessian, and if it is."""
    ball = multipliers.ball
    for _ in range(12):
        hessian = torch.diag_embed(ball + multipliers.box) - 2.0 * curvature
        factor, info = torch.linalg.cholesky_ex(hessian)
        if not bool(info.any()):
            break
        ball = torch.where(info[:, None] > 0, 1.3 * ball, ball)
    return (
        multipliers._replace(ball=ball),
        torch.cholesky_inverse(factor),
        info == 0,
    )


def _evaluate(
    quadratic: Quadratic,
    region: Region,
    multipliers: Multipliers,
    curvature: Tensor,
    inverse: Tensor,
    level: Tensor,
) -> Dual:
    """Smallest value of the Lagrangian, less what rounding may have added."""
    x = quadratic.x
    ball, box = multipliers
    off = x - region.centre
    tilted = quadratic.slope + ball * x + box * off
    step = -(inverse @ tilted[:, :, None]).squeeze(2)
    # At a step that is off by r this is too large by a term of second order in r.
    curved = multipliers.diagonal * step - 2.0 * (curvature @ step[:, :, None]).squeeze(
        2
    )
    change = ((tilted + curved / 2) * step).sum(1)
    lost_to_ball = ball.squeeze(1) * (region.eps.square() - x.square().sum(1)) / 2
    lost_to_box = (box * (region.half.square() - off.square())).sum(1) / 2
    value = quadratic.value - quadratic.tangent(level)
    bound = value + change - lost_to_ball - lost_to_box
    length = region.longest(x)
    magnitude = (
        1.0
        + value.abs()
        + change.abs()
        + multipliers.diagonal.sum(1) * (length + region.eps).square()
        + tilted.norm(dim=1) * length
    )
    return Dual(bound=bound - _ROUNDING * magnitude, step=step, multipliers=multipliers)


def _newton(
    quadratic: Quadratic,
    region: Region,
    multipliers: Multipliers,
    curvature: Tensor,
    inverse: Tensor,
    step: Tensor,
    barrier: Tensor,
) -> Multipliers:
    """One Newton step towards the maximum of the bound plus the barrier.

    The barrier is ``t (log det H + sum log nu_i + log mu)``, with H the Hessian of the
    Lagrangian. The bound has the derivative ``(|x + d|^2 - eps^2) / 2`` in mu, and
    likewise in the nu_i, at the minimum d; d moves by ``-H^-1 (x + d)``.
    """
    given = torch.cat(multipliers, 1)
    at = quadratic.x + step
    off = at - region.centre
    gradient = torch.cat(
        [
            (at.square().sum(1) - region.eps.square())[:, None] / 2,
            (off.square() - region.half.square()) / 2,
        ],
        1,
    )
    pushes = torch.cat([at[:, :, None], torch.diag_embed(off)], 2)
    t = barrier[:, None]
    diagonal = inverse.diagonal(dim1=1, dim2=2)
    gradient = gradient + t * (
        torch.cat([diagonal.sum(1, keepdim=True), diagonal], 1) + 1.0 / given
    )
    squares = inverse.square()
    with_ball = squares.sum(2)
    corner = with_ball.sum(1)[:, None, None]
    determinant = torch.cat(
        [
            torch.cat([corner, with_ball[:, None]], 2),
            torch.cat([with_ball[:, :, None], squares], 2),
        ],
        1,
    )
    dual_hessian = pushes.mT @ inverse @ pushes + t[:, :, None] * (
        determinant + torch.diag_embed(1.0 / given.square())
    )
    direction = torch.linalg.solve_ex(dual_hessian, gradient)[0].nan_to_num(0.0)
    share = (0.9 / (-direction / given).amax(1).clamp_min(1e-9)).clamp_max(1.0)
    for _ in range(8):
        taken = given + share[:, None] * direction
        hessian = torch.diag_embed(taken[:, :1] + taken[:, 1:]) - 2.0 * curvature
        info = torch.linalg.cholesky_ex(hessian)[1]
        if not bool(info.any()):
            break
        share = torch.where(info > 0, share / 2, share)
    return Multipliers(taken[:, :1], taken[:, 1:])
