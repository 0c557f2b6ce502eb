"""Lengths of vectors for any exponent, at any scale."""

import torch
from torch import Tensor


def lp_norm(rows: Tensor, p: float) -> Tensor:
    """Take the lp norm of each row; it neither overflows nor vanishes on the way.

    Powers are taken of what is left after the largest entry is divided out, where they
    would leave the range of numbers: the 4,002nd power of 0.001 is 0, and so is the
    square of an entry below 1e-162 (1e-23 in float32).

    Parameters
    ----------
    rows : Tensor of shape (..., d)
        Vectors.
    p : float
        Exponent, at least 1, or infinity.

    Returns
    -------
    Tensor of shape (...)
        Norms, to a few units in the last place of each.
    """
    if p not in (1.0, 2.0, torch.inf):
        return _of_shares(rows, p)
    found: Tensor = torch.linalg.vector_norm(rows, p, dim=-1)
    if p == 2.0:
        dtype = torch.finfo(rows.dtype)
        # A square that vanishes takes less than `tiny` from the sum.
        least = (rows.shape[-1] * dtype.tiny / dtype.eps) ** 0.5
        unsure = ~((found > least) & found.isfinite())
        if bool(unsure.any()):
            found = found.clone()
            found[unsure] = _of_shares(rows[unsure], p)
    return found


def _of_shares(rows: Tensor, p: float) -> Tensor:
    largest = rows.abs().amax(-1, keepdim=True)
    # A row of zeros, or with an entry that is no number, is what that entry says.
    usual = (largest > 0) & largest.isfinite()
    unit = torch.where(usual, largest, 1.0)
    shares = torch.linalg.vector_norm(rows / unit, p, dim=-1, keepdim=True)
    return torch.where(usual, unit * shares, largest).squeeze(-1)


# Powers up to this one of a unit roundoff are still numbers of float64.
_LARGEST_POWER = 20.0


def lp_distances(a: Tensor, b: Tensor, p: float) -> Tensor:
    """Take the lp norm of ``a_i - b_j`` (n, m), for rows (n, d) and (m, d).

    Each is the norm of a difference. A product of matrices would be faster, and lose
    the digits of points that lie close to each other: `torch.cdist` takes one for more
    than 25 rows unless it is told not to.
    """
    if _LARGEST_POWER < p < torch.inf:
        return torch.stack([lp_norm(a - point, p) for point in b], -1)
    if not len(a):
        return a.new_empty((0, len(b)))
    largest = torch.maximum(a.abs().amax(), b.abs().amax())
    if not bool((largest > 0) & largest.isfinite()):
        largest = torch.ones_like(largest)
    # By a power of 2 nothing is rounded, whatever the other rows are.
    unit = 2.0 ** largest.log2().floor().clamp(-1000.0, 1000.0)
    direct = "donot_use_mm_for_euclid_dist"
    found: Tensor = torch.cdist(a / unit, b / unit, p=p, compute_mode=direct)
    return unit * found
