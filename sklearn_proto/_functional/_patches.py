"""Comparing the patches of feature maps with prototypes."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d


def squared_distance_map(z: Tensor, p: Tensor) -> Tensor:
    """Squared distance of every patch of every map to every prototype.

    By convolutions: ``|z|^2 - 2 z.p + |p|^2`` (Chen et al. 2019, section 2.1).

    Parameters
    ----------
    z : Tensor of shape (n, D, H, W)
        Feature maps.
    p : Tensor of shape (K, D, h, w)
        Prototypes.

    Returns
    -------
    Tensor of shape (n, K, H - h + 1, W - w + 1)
        Never negative.
    """
    products = conv2d(z, p)
    sq = patch_squares(z, p) - 2.0 * products + p.square().sum((1, 2, 3))[:, None, None]
    return sq.clamp_min(0.0)


def product_map(z: Tensor, p: Tensor) -> Tensor:
    """Inner product of every patch with every prototype of length one."""
    return conv2d(z, p / _lengths(p))


def cosine_map(z: Tensor, p: Tensor) -> Tensor:
    """Cosine of the angle between every patch and every prototype."""
    lengths = patch_squares(z, p).clamp_min(_smallest(z)).sqrt()
    return product_map(z, p) / lengths


def patch_squares(z: Tensor, p: Tensor) -> Tensor:
    """Squared length (n, 1, ...) of every patch as large as the prototypes `p`."""
    squares = z.square().sum(1, keepdim=True)
    if p.shape[2:] == (1, 1):
        return squares
    return conv2d(squares, torch.ones_like(p[:1, :1]))


def patches_at(z: Tensor, position: Tensor, size: tuple[int, int]) -> Tensor:
    """Patches (n, D, h, w) of maps, each at one flat `position` (n,)."""
    n, d = z.shape[:2]
    columns = torch.nn.functional.unfold(z, size)
    index = position[:, None, None].expand(n, columns.shape[1], 1)
    return columns.gather(2, index).view(n, d, *size)


def _lengths(p: Tensor) -> Tensor:
    squares = p.square().sum((1, 2, 3), keepdim=True)
    return squares.clamp_min(_smallest(p)).sqrt()


def _smallest(z: Tensor) -> float:
    """Square of a length below which a direction is rounding noise."""
    return float(torch.finfo(z.dtype).eps ** 2)
