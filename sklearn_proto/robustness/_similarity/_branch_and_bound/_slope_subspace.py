r"""Gaps of Gaussian models in the span of their slopes.

Every term of a gap is the exponential of ``b_k . delta + beta_k |A delta|^2``, so gaps
depend on a perturbation only through its part in the span of the slopes b_k, which has
no more dimensions than there are prototypes, and through ``|A delta|``. Coordinates in
that span are all that branch and bound has to divide.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sklearn_proto._functional import log_psi
from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


@dataclass(frozen=True)
class SlopeSubspace:
    """m log-ratios ``log P - log N`` in D orthonormal coordinates each.

    Parameters
    ----------
    log_positive, log_negative : Tensor of shape (m, K + 1)
        Logarithms of the positive and the negative terms at the row; the last is the
        constant.
    slopes : Tensor of shape (m, K + 1, D)
        The b_k.
    leftover : Tensor of shape (K + 1,)
        The beta_k.
    axes : Tensor of shape (m, D, d)
        The directions of the coordinates.
    projected_map : Tensor of shape (m, r, D)
        E with ``|A delta| >= |E x|`` for all perturbations of coordinates x.
    rounding : Tensor of shape (m,)
        What a log-ratio must exceed.
    perturbations : Perturbations
        What the rows must withstand; without bounds.
    """

    log_positive: Tensor
    log_negative: Tensor
    slopes: Tensor
    leftover: Tensor
    axes: Tensor
    projected_map: Tensor
    rounding: Tensor
    perturbations: Perturbations

    def __len__(self) -> int:
        """Count the log-ratios."""
        return len(self.log_positive)

    @property
    def n_axes(self) -> int:
        """Count the coordinates."""
        return self.axes.shape[1]

    def take(self, chosen: Tensor) -> "SlopeSubspace":
        """Select some of the log-ratios."""
        return replace(
            self,
            log_positive=self.log_positive[chosen],
            log_negative=self.log_negative[chosen],
            slopes=self.slopes[chosen],
            axes=self.axes[chosen],
            projected_map=self.projected_map[chosen],
            rounding=self.rounding[chosen],
        )

    def perturbation(self, x: Tensor) -> Tensor:
        """Perturbations (m, d) with coordinates x (m, D)."""
        return along(self.axes.mT, x)

    def log_ratio(self, x: Tensor) -> Tensor:
        """Values (m,) of the log-ratios at coordinates x (m, D)."""
        moved = self.perturbations.apply(self.perturbation(x))
        e = along(self.slopes, x) + self.leftover * moved.square().sum(1, keepdim=True)
        return torch.logsumexp(self.log_positive + e, 1) - torch.logsumexp(
            self.log_negative + e, 1
        )


def along(rows: Tensor, x: Tensor) -> Tensor:
    """Inner products (m, k) of rows (m, k, D) with x (m, D)."""
    return (rows @ x[:, :, None]).squeeze(2)


def summed(weight: Tensor, rows: Tensor) -> Tensor:
    """``sum_k weight_k rows_k rows_k^T`` (m, D, D) of weights (m, k)."""
    return rows.mT @ (weight[:, :, None] * rows)


def slope_subspace(gaps: GapBatch, n_own: int, eps: Tensor) -> SlopeSubspace:
    """Coordinates for `gaps`, the same for the `n_own` gaps of one rival.

    They are the principal axes of the curvature that the negative sides may have on
    balls of radius `eps` (m,): what needs dividing most is then along few of them.
    """
    geometry = gaps.geometry
    exponents = torch.nn.functional.pad(gaps.exponents + gaps.level[:, None], (0, 1))
    offsets = geometry.points - gaps.anchor[:, None]
    # The constant has slope 0.
    slopes = torch.nn.functional.pad(geometry.rates[:, None] * offsets, (0, 0, 0, 1))
    log_positive, log_negative = (
        torch.cat([weights, constant.clamp_min(0.0)[:, None]], 1).log() + exponents
        for weights, constant in (
            (gaps.positive_weights, gaps.constant),
            (gaps.negative_weights, -gaps.constant),
        )
    )
    axes = torch.linalg.qr(slopes[::n_own, :-1].mT)[0].repeat_interleave(n_own, 0)
    slopes = slopes @ axes
    axes = axes @ (turn := _principal_axes(log_negative, slopes, eps, n_own))
    return SlopeSubspace(
        log_positive=log_positive,
        log_negative=log_negative,
        slopes=slopes @ turn,
        leftover=torch.cat([geometry.leftover, geometry.reference[None]]),
        axes=axes.mT.contiguous(),
        projected_map=_projected_map(gaps, axes),
        rounding=gaps.rounding,
        perturbations=replace(gaps.perturbations, box_slack=None),
    )


def _principal_axes(
    log_negative: Tensor, slopes: Tensor, eps: Tensor, n_own: int
) -> Tensor:
    p = torch.softmax(log_negative, 1).nan_to_num(0.0)
    apart = slopes - (p[:, None] @ slopes)
    # Growth is kept finite: axes need no proof.
    reach = (eps[:, None] * apart.norm(dim=2)).clamp_max(100.0)
    scatter = summed(p * log_psi(reach).exp(), apart)
    shape = (-1, n_own, *scatter.shape[1:])
    size = scatter.diagonal(dim1=1, dim2=2).sum(1).clamp_min(1e-300)
    mean = (scatter / size[:, None, None]).view(shape).sum(1)
    axes: Tensor = torch.linalg.eigh(mean)[1].flip(2)
    return axes.repeat_interleave(n_own, 0)


def _projected_map(gaps: GapBatch, axes: Tensor) -> Tensor:
    """Map coordinates to the part of ``A delta`` in the span of the ``w_k - z``.

    ``A^T`` maps that span into the one of the slopes, so the part depends on nothing
    but the coordinates of delta.
    """
    perturbations = gaps.perturbations
    if perturbations.matrix is None:
        n_axes = axes.shape[2]
        return torch.eye(n_axes, dtype=axes.dtype, device=axes.device).expand(
            len(axes), n_axes, n_axes
        )
    offsets = gaps.view.tensor(gaps.view.prototypes) - gaps.z[:, None]
    _, size, directions = torch.linalg.svd(offsets, full_matrices=False)
    # Directions that rounding has turned out of the span are left out.
    certain = size > 1e-3 * size[:, :1]
    return perturbations.adjoint(directions * certain[:, :, None]) @ axes
