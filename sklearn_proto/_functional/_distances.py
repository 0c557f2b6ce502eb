"""Squared distances from rows to points or to affine subspaces."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_proto._functional._local_maps import LocalMaps


def squared_distances(x: Tensor, w: Tensor, tangents: Tensor | None = None) -> Tensor:
    """Squared distance of every row to every prototype.

    The expansion ``|x|^2 - 2 x.w + |w|^2`` keeps the work in one matrix product.
    Both sides are first centred on the mean prototype: far from the origin the
    expansion would otherwise cancel all significant digits.

    Parameters
    ----------
    x : Tensor of shape (n, d)
        Rows.
    w : Tensor of shape (K, d)
        Prototypes.
    tangents : Tensor of shape (K, d, m), optional
        Orthonormal columns; the distance is then the one to the affine subspace
        ``w_k + span(tangents[k])`` (Saralajew & Villmann 2016).

    Returns
    -------
    Tensor of shape (n, K)
        Never negative.
    """
    centre = w.detach().mean(0)
    x, w = x - centre, w - centre
    sq = torch.addmm(w.square().sum(1), x, w.T, alpha=-2.0)
    sq = sq + x.square().sum(1, keepdim=True)
    if tangents is not None:
        sq = sq - squared_projections(x, w, tangents)
    return sq.clamp_min(0.0)


def squared_projections(x: Tensor, w: Tensor, tangents: Tensor) -> Tensor:
    """Squared length of ``T_k^T (x - w_k)``, of shape (n, K)."""
    return tangent_coordinates(x, w, tangents).square().sum(-1)


def tangent_coordinates(x: Tensor, w: Tensor, tangents: Tensor) -> Tensor:
    """``T_k^T (x - w_k)`` of shape (n, K, m)."""
    k, d, m = tangents.shape
    along = (x @ tangents.permute(1, 0, 2).reshape(d, k * m)).view(-1, k, m)
    return along - torch.einsum("kd,kdm->km", w, tangents)


def mapped_squares(x: Tensor, w: Tensor, omega: Tensor) -> Tensor:
    """``|omega_k (x - w_k)|^2`` of shape (n, K), for maps `omega` (K, r, d).

    A loss of learning vector quantisation looks at two distances of each row. So the
    backward pass visits only pairs of row and prototype that have a gradient, and
    nothing of size (n, K, r) is made at once or kept for it.
    """
    found: Tensor = _MappedSquares.apply(x, w, omega)  # type: ignore[no-untyped-call]
    return found


class _MappedSquares(torch.autograd.Function):
    """See `mapped_squares`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, omega: Tensor) -> Tensor:
        ctx.save_for_backward(x, w, omega)
        return LocalMaps.of(w, omega).lengths(x).square_()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, w, omega = ctx.saved_tensors
        to_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        to_w, to_omega = torch.zeros_like(w), torch.zeros_like(omega)
        for k, column in enumerate(grad.unbind(1)):
            rows = column.nonzero().squeeze(1)
            if not len(rows):
                continue
            gap = x[rows] - w[k]
            # d|omega gap|^2 = 2 (omega gap) . d(omega gap)
            mapped = 2.0 * column[rows, None] * (gap @ omega[k].T)
            to_omega[k] = mapped.T @ gap
            back = mapped @ omega[k]
            to_w[k] = -back.sum(0)
            if to_x is not None:
                to_x.index_add_(0, rows, back)
        return to_x, to_w, to_omega


def safe_sqrt(sq: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0 instead of infinite."""
    zero = sq <= 0
    return sq.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)
