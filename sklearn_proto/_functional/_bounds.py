"""Lower bounds on how far a row must move before a gap of scores closes.

A gap is ``f(x) = sum_k g_k phi_k(x) + B``; statements and proofs are in the user
guide, "What a certificate means".
"""

import math

import torch
from torch import Tensor


def lipschitz_constant(norm: float, n_features: int) -> float:
    """Largest Euclidean length of a vector whose lp norm is one."""
    return float(n_features ** max(0.0, 0.5 - 1.0 / norm))


def interval_range(
    lower: Tensor, upper: Tensor, sigma: Tensor, metric: str, reach: Tensor
) -> tuple[Tensor, Tensor]:
    """Exponents of each similarity at the far and the near end of a ball.

    Parameters
    ----------
    lower, upper : Tensor of shape (n, K)
        Between these is the Euclidean distance to each prototype (or to its subspace).
    sigma : Tensor of shape (K,)
        Kernel widths.
    metric : str
        Dissimilarity, as in `exponents`.
    reach : Tensor of shape (n, 1)
        Euclidean radius of a ball that contains the perturbations.

    Returns
    -------
    far, near : Tensor of shape (n, K)
        Distances are 1-Lipschitz, so every exponent stays in [far, near].
    """
    far, near = upper + reach, (lower - reach).clamp_min(0.0)
    if metric == "sqeuclidean":
        far, near = far.square(), near.square()
    return -far / sigma, -near / sigma


def closed_form_radius(
    positive: Tensor,
    negative: Tensor,
    offset: Tensor,
    *,
    sigma: float,
    metric: str,
    largest_distance: Tensor,
) -> Tensor:
    """Euclidean radius of Theorem 1 of Saralajew et al. (AAAI 2025), netted.

    With ``t`` the largest change of an exponent, the gap is at least
    ``positive e^-t - negative e^t + offset``: a quadratic in ``z = e^t``. For the
    squared distance ``t <= (2 M eps + eps^2) / sigma``, M the largest distance, which
    inverts to ``-M + sqrt(M^2 + sigma log z)``; the paper relaxes it further.

    Parameters
    ----------
    positive, negative : Tensor of shape (n, P)
        ``sum_k max(g_k, 0) phi_k`` and ``sum_k max(-g_k, 0) phi_k`` of each gap.
    offset : Tensor of shape (n, P)
        The constant B.
    sigma : float
        Smallest kernel width.
    metric : str
        Dissimilarity, as in `exponents`.
    largest_distance : Tensor of shape (n, 1)
        M.
    """
    root = torch.sqrt(offset.square() + 4 * positive * negative)
    # Two forms of the same root: the denominator must not cancel.
    z = torch.where(
        offset > 0,
        (offset + root) / (2 * negative),
        2 * positive / (root - offset),
    )
    change = sigma * torch.log(z.nan_to_num(nan=1.0, posinf=math.inf)).clamp_min(0.0)
    open_gap = positive - negative + offset > 0
    if metric == "sqeuclidean":
        m = largest_distance
        # -M + sqrt(M^2 + c), written so that a small c does not cancel.
        change = torch.where(
            change.isinf(), change, change / (m + torch.sqrt(m * m + change))
        ).nan_to_num(nan=0.0, posinf=math.inf)
    return torch.where(open_gap, change, torch.zeros_like(change))
