r"""A quadratic below the log-ratio on a piece of a ball, with its curvature in full.

Around a point x, with u and v the mean slopes of the negative and the positive terms,
``r_j = b_j - u`` and ``t_k = b_k - v``, the user guide proves that

    log P(x + d) >= log P(x) + v . d + kappa sum_k psi(-m_k) q_k (t_k . d)^2 + ...
    log N(x + d) <= log N(x) + u . d + log(1 + sum_j psi(m_j) p_j (r_j . d)^2)

with p and q their shares at x, and m how far each exponent can move on the piece.

Proof in the guide: `node-negative`, `node-positive`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_proto._functional import log_psi
from sklearn_proto.robustness._similarity._branch_and_bound._region import Region
from sklearn_proto.robustness._similarity._branch_and_bound._slope_subspace import (
    SlopeSubspace,
    along,
    summed,
)

_LARGE = 1e6


@dataclass(frozen=True)
class Quadratic:
    """``value + slope . d + d' lift d - log(1 + d' scatter d)`` around x.

    Parameters
    ----------
    x, slope : Tensor of shape (m, D)
        The point, and the gradient there.
    value : Tensor of shape (m,)
        Log-ratio at the point.
    lift, scatter : Tensor of shape (m, D, D)
        Curvature that the positive side has at least, and the negative one at most.
    """

    x: Tensor
    slope: Tensor
    value: Tensor
    lift: Tensor
    scatter: Tensor

    @property
    def size(self) -> Tensor:
        """Bound (m,) on the eigenvalues of the scatter."""
        size: Tensor = torch.linalg.matrix_norm(self.scatter)
        return size

    def variance(self, d: Tensor) -> Tensor:
        """``d' scatter d`` of shape (m,)."""
        return (along(self.scatter, d) * d).sum(1)

    def curvature(self, level: Tensor) -> Tensor:
        """Matrix of the quadratic whose logarithm is replaced by its tangent."""
        return self.scatter / (1.0 + level)[:, None, None] - self.lift

    def tangent(self, level: Tensor) -> Tensor:
        """Value at 0 of the tangent that touches ``log(1 + y)`` at y = level."""
        return torch.log1p(level) - level / (1.0 + level)


def quadratic_below(subspace: SlopeSubspace, region: Region, x: Tensor) -> Quadratic:
    """Expand the log-ratios of `subspace` around x, for the pieces of `region`.

    With a map in front, `region` and x have one coordinate more than `subspace`: the
    free axis, outside the subspace, along which ``|A delta|^2`` grows around x. The
    positive terms may change along it, the negative ones do not.
    """
    perturbations = subspace.perturbations
    inner = x[:, : subspace.n_axes]
    moved = perturbations.apply(subspace.perturbation(inner))
    widening = 2.0 * _coordinates(subspace, perturbations.adjoint(moved), x.shape[1])
    slopes = _padded(subspace.slopes, x.shape[1])
    exponents = along(subspace.slopes, inner)
    up = (
        subspace.log_positive
        + exponents
        + subspace.leftover * moved.square().sum(1, keepdim=True)
    )
    # A box says nothing of what lies outside the span.
    everything = subspace.n_axes == perturbations.n_features
    farthest = region.farthest if everything else region.eps
    most = (perturbations.spectral_norm * farthest).square()
    down = subspace.log_negative + exponents + subspace.leftover * most[:, None]
    log_up, q = _shares(up)
    log_down, p = _shares(down)
    rising = slopes + subspace.leftover[:, None] * widening[:, None]
    v, lift = _lift(subspace, region, x, q, rising)
    u = along(slopes.mT, p)
    apart = slopes - u[:, None]
    reach = region.largest(apart, x)
    scatter = summed(p * log_psi(reach).exp(), apart)
    # Without negative terms the value is infinite: any large one is below.
    value = (log_up - log_down).clamp_max(_LARGE)
    return Quadratic(x=x, slope=v - u, value=value, lift=lift, scatter=scatter)


def _shares(logs: Tensor) -> tuple[Tensor, Tensor]:
    """Log of the sum (m,), and shares (m, K + 1); those of an empty side are 0."""
    total = torch.logsumexp(logs, 1)
    floor = total.clamp_min(torch.finfo(total.dtype).min)
    return total, (logs - floor[:, None]).exp()


def _coordinates(subspace: SlopeSubspace, mapped: Tensor, count: int) -> Tensor:
    inward = along(subspace.axes, mapped)
    if count == subspace.n_axes:
        return inward
    outward = (mapped - subspace.perturbation(inward)).norm(dim=1, keepdim=True)
    return torch.cat([inward, outward], 1)


def _padded(rows: Tensor, count: int) -> Tensor:
    return torch.nn.functional.pad(rows, (0, count - rows.shape[-1]))


def _lift(
    subspace: SlopeSubspace, region: Region, x: Tensor, q: Tensor, rising: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean slope of the positive side, and the curvature that it has at least.

    ``e^(t + s) >= 1 + t + psi(-m) t^2 + e^-m s`` where t >= -m and s >= 0. Then
    ``log(1 + y) >= kappa y`` for y up to Y, with ``kappa = log(1 + Y) / Y``.
    """
    v = along(rising.mT, q)
    apart = rising - v[:, None]
    down, up = region.largest(-apart, x), region.largest(apart, x)
    weight = q * psi_lower(down)
    square = (q * subspace.leftover * torch.exp(-down)).sum(1)
    projected_map = _padded(subspace.projected_map, x.shape[1])
    curved = square[:, None, None] * (projected_map.mT @ projected_map)
    length = subspace.perturbations.spectral_norm * region.longest(x)
    most = (weight * torch.maximum(down, up).square()).sum(1) + square * length.square()
    most = most.clamp_min(1e-300)
    kappa = torch.log1p(most) / most
    return v, kappa[:, None, None] * (summed(weight, apart) + curved)


def psi_lower(m: Tensor) -> Tensor:
    """``psi(-m) = (e^-m - 1 + m) / m^2`` for m >= 0, not above it but for rounding."""
    small = m < 1e-2
    safe = torch.where(small, torch.ones_like(m), m)
    large = (torch.expm1(-safe) + safe) / safe.square()
    # The series alternates: cut after a negative term it is below the sum.
    return torch.where(small, 0.5 - m / 6.0 + m.square() / 24.0 - m**3 / 120.0, large)
