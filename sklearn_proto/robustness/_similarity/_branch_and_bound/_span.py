r"""Gaps of Gaussian models in the span of their slopes.

Every term of a gap is the exponential of ``b_k . delta + beta_k |A delta|^2``, so gaps
depend on a perturbation only through its part in the span of the slopes b_k, which has
no more dimensions than there are prototypes, and through ``|A delta|``. Coordinates in
that span are all that branch and bound has to divide.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sklearn_proto._functional import log_growth
from sklearn_proto.robustness._similarity._gaps import Pairs
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


@dataclass(frozen=True)
class Span:
    """m log-ratios ``log P - log N`` in D orthonormal coordinates each.

    Parameters
    ----------
    rise, fall : Tensor of shape (m, K + 1)
        Logarithms of the positive and the negative terms at the row; the last is the
        constant.
    slopes : Tensor of shape (m, K + 1, D)
        The b_k.
    leftover : Tensor of shape (K + 1,)
        The beta_k.
    axes : Tensor of shape (m, D, d)
        The directions of the coordinates.
    stretching : Tensor of shape (m, r, D)
        E with ``|A delta| >= |E x|`` for all perturbations of coordinates x.
    rounding : Tensor of shape (m,)
        What a log-ratio must exceed.
    perturbations : Perturbations
        What the rows must withstand; without bounds.
    """

    rise: Tensor
    fall: Tensor
    slopes: Tensor
    leftover: Tensor
    axes: Tensor
    stretching: Tensor
    rounding: Tensor
    perturbations: Perturbations

    def __len__(self) -> int:
        """Count the log-ratios."""
        return len(self.rise)

    @property
    def n_axes(self) -> int:
        """Count the coordinates."""
        return self.axes.shape[1]

    def take(self, chosen: Tensor) -> "Span":
        """Select some of the log-ratios."""
        return replace(
            self,
            rise=self.rise[chosen],
            fall=self.fall[chosen],
            slopes=self.slopes[chosen],
            axes=self.axes[chosen],
            stretching=self.stretching[chosen],
            rounding=self.rounding[chosen],
        )

    def perturbation(self, x: Tensor) -> Tensor:
        """Perturbations (m, d) with coordinates x (m, D)."""
        return along(self.axes.mT, x)

    def log_ratio(self, x: Tensor) -> Tensor:
        """Values (m,) of the log-ratios at coordinates x (m, D)."""
        moved = self.perturbations.push(self.perturbation(x))
        e = along(self.slopes, x) + self.leftover * moved.square().sum(1, keepdim=True)
        return torch.logsumexp(self.rise + e, 1) - torch.logsumexp(self.fall + e, 1)


def along(rows: Tensor, x: Tensor) -> Tensor:
    """Inner products (m, k) of rows (m, k, D) with x (m, D)."""
    return (rows @ x[:, :, None]).squeeze(2)


def summed(weight: Tensor, rows: Tensor) -> Tensor:
    """``sum_k weight_k rows_k rows_k^T`` (m, D, D) of weights (m, k)."""
    return rows.mT @ (weight[:, :, None] * rows)


def span_of(pairs: Pairs, n_own: int, eps: Tensor) -> Span:
    """Coordinates for `pairs`, the same for the `n_own` pairs of one rival.

    They are the principal axes of the curvature that the negative sides may have on
    balls of radius `eps` (m,): what needs dividing most is then along few of them.
    """
    geometry = pairs.geometry
    exponents = torch.nn.functional.pad(pairs.exponents + pairs.level[:, None], (0, 1))
    offsets = geometry.points - pairs.anchor[:, None]
    # The constant has slope 0.
    slopes = torch.nn.functional.pad(geometry.rates[:, None] * offsets, (0, 0, 0, 1))
    rise, fall = (
        torch.cat([weights, constant.clamp_min(0.0)[:, None]], 1).log() + exponents
        for weights, constant in (
            (pairs.rise, pairs.constant),
            (pairs.fall, -pairs.constant),
        )
    )
    axes = torch.linalg.qr(slopes[::n_own, :-1].mT)[0].repeat_interleave(n_own, 0)
    slopes = slopes @ axes
    axes = axes @ (turn := _principal_axes(fall, slopes, eps, n_own))
    return Span(
        rise,
        fall,
        slopes @ turn,
        torch.cat([geometry.leftover, geometry.reference[None]]),
        axes.mT.contiguous(),
        _stretching(pairs, axes),
        pairs.rounding,
        replace(pairs.perturbations, room=None),
    )


def _principal_axes(fall: Tensor, slopes: Tensor, eps: Tensor, n_own: int) -> Tensor:
    p = torch.softmax(fall, 1).nan_to_num(0.0)
    apart = slopes - (p[:, None] @ slopes)
    # Growth is kept finite: axes need no proof.
    reach = (eps[:, None] * apart.norm(dim=2)).clamp_max(100.0)
    scatter = summed(p * log_growth(reach).exp(), apart)
    shape = (-1, n_own, *scatter.shape[1:])
    size = scatter.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-300)
    mean = (scatter / size[:, None, None]).view(shape).sum(1)
    axes: Tensor = torch.linalg.eigh(mean)[1].flip(2)
    return axes.repeat_interleave(n_own, 0)


def _stretching(pairs: Pairs, axes: Tensor) -> Tensor:
    """Map coordinates to the part of ``A delta`` in the span of the ``w_k - z``.

    ``A^T`` maps that span into the one of the slopes, so the part depends on nothing
    but the coordinates of delta.
    """
    perturbations = pairs.perturbations
    if perturbations.matrix is None:
        n_axes = axes.shape[2]
        return torch.eye(n_axes, dtype=axes.dtype, device=axes.device).expand(
            len(axes), n_axes, n_axes
        )
    offsets = pairs.view.tensor(pairs.view.prototypes) - pairs.z[:, None]
    _, size, directions = torch.linalg.svd(offsets, full_matrices=False)
    # Directions that rounding has turned out of the span are left out.
    sure = size > 1e-3 * size[:, :1]
    return perturbations.pull(directions * sure[:, :, None]) @ axes
