"""Squared distances from rows to points or to affine subspaces."""

import torch
from torch import Tensor


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


def mapped_coordinates(x: Tensor, w: Tensor, omega: Tensor) -> Tensor:
    """``omega_k (x - w_k)`` of shape (n, K, r), for maps `omega` (K, r, d)."""
    k, r, d = omega.shape
    mapped = (x @ omega.reshape(k * r, d).T).view(-1, k, r)
    return mapped - torch.einsum("krd,kd->kr", omega, w)


def safe_sqrt(sq: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0 instead of infinite."""
    zero = sq <= 0
    return sq.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)
