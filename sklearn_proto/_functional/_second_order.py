"""The second-order bound on a gap of Gaussians, as a differentiable function.

It is the bound of ``method="second_order"`` of `certified_radius` in the l2 norm, with
the trace for the norm of the scatter. Here every length comes from squared distances
between prototypes and rows, so it can be trained on.
"""

import math

import torch
from torch import Tensor

from sklearn_proto._functional._distances import safe_sqrt
from sklearn_proto._functional._psi import log_psi

_TINY = 1e-30


def second_order_gap(
    eps: Tensor,
    weights: Tensor,
    offsets: Tensor,
    squares: Tensor,
    between: Tensor,
    sigma: Tensor,
) -> Tensor:
    """Lower bound (n,) on ``log P - log N`` within l2 perturbations of size `eps`.

    P and N are the sums of the positive and of the negative terms of the gap
    ``sum_k weights_k phi_k + offsets``. The proof is in the user guide, "What a
    certificate means".

    Parameters
    ----------
    eps : Tensor of shape (n,)
        Size of the perturbations.
    weights, offsets : Tensor of shape (n, K) and (n,)
        The gap of each row.
    squares : Tensor of shape (n, K)
        Squared distances from the rows to the prototypes.
    between : Tensor of shape (K, K)
        Squared distances between the prototypes.
    sigma : Tensor of shape (1,)
        The width that all prototypes share.
    """
    exponents = torch.cat([-squares / sigma, torch.zeros_like(squares[:, :1])], 1)
    both = torch.cat([weights, offsets[:, None]], 1)
    up, q = _sum_and_shares(both, exponents)
    down, p = _sum_and_shares(-both, exponents)
    rate = 2.0 / sigma

    def summed(mixture: Tensor) -> Tensor:
        """``sum_k mixture_k |point - w_k|^2`` for every prototype and for the row."""
        inner, last = mixture[:, :-1], mixture[:, -1:]
        to_prototypes = inner @ between + last * squares
        to_row = (inner * squares).sum(1, keepdim=True)
        return torch.cat([to_prototypes, to_row], 1)

    difference = q - p
    # The coefficients sum to 0, so this is the squared length of the combination.
    slope = -0.5 * (difference * summed(difference)).sum(1)
    around = summed(p)
    deviations = rate**2 * (around - (p * around).sum(1, keepdim=True) / 2)
    deviations = deviations.clamp_min(0.0)
    # Capped before the exponential overflows: by then the radius is long found.
    reach = (eps[:, None] * safe_sqrt(deviations)).clamp_max(300.0)
    scatter = (p * log_psi(reach).exp() * deviations).sum(1)
    spread = torch.log1p(eps.square() * scatter)
    # A negative constant keeps the factor exp(|delta|^2 / sigma).
    kept = torch.where(offsets < 0, eps.square() / sigma, torch.zeros_like(eps))
    return up - down - eps * rate * safe_sqrt(slope.clamp_min(0.0)) - spread - kept


def _sum_and_shares(weights: Tensor, exponents: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithm of the sum of the positive terms, and the share of each in it."""
    positive = weights > 0
    logs = torch.where(positive, weights, 1.0).log() + exponents
    # An empty side is a tiny constant, so that gradients stay finite.
    floor = torch.full_like(logs[:, :1], math.log(_TINY))
    logs = torch.cat([logs.masked_fill(~positive, -torch.inf), floor], 1)
    total = torch.logsumexp(logs, 1)
    return total, (logs - total[:, None]).exp()[:, :-1]
