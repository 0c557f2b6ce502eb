"""Training on the certificate itself."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sklearn_proto._functional import (
    best_rival,
    interval_range,
    last_positive,
    safe_sqrt,
    second_order_gap,
)
from sklearn_proto._modules import Outputs

# A radius beyond this many kernel lengths is beyond any margin one would ask for.
_FAR = 20.0
# The Newton step squares what is left of the error.
_ROOT: dict[str, Any] = {"rtol": 1e-3, "max_iter": 40}


def robust_loss(outputs: Outputs, y: Tensor, *, margin: float) -> Tensor:
    """``max(0, margin - radius)`` of each row, shape (n,).

    The radius is a signed certificate in the l2 norm, in the units of the features:
    that of the label where the row is classified rightly, minus that of the prediction
    against the label where it is not.
    """
    # Unlike clamp, relu has gradient 0 at 0, where rows beyond the margin stand.
    return torch.relu(margin - signed_radius(outputs, y, limit=margin))


def signed_radius(outputs: Outputs, y: Tensor, *, limit: float = math.inf) -> Tensor:
    """Differentiable certificate of shape (n,), sought up to `limit`.

    The second-order bound for Gaussians of one width, several times the interval bound
    that serves all other kernels. The radius is the root of a decreasing
    ``h(eps; theta)``. One Newton step from the detached root,
    ``eps - h(eps; theta) / h'(eps)``, sharpens its value and has, by the implicit
    function theorem, its gradient: nothing is unrolled. A learned metric lengthens a
    perturbation by at most its spectral norm, which divides what holds behind it.
    """
    weights, offsets, sign = _deciding_gaps(outputs, y)
    kernel = outputs.kernel
    sigma, squares = kernel.sigma, outputs.squared_distances
    plain = kernel.metric == "sqeuclidean" and not kernel.normalized
    gaussian = plain and sigma.numel() == 1
    gap: Callable[..., Tensor]
    inputs: tuple[Tensor, ...]
    if gaussian:
        gap = second_order_gap
        inputs = (weights, offsets, squares, kernel.squares_between(), sigma)
    else:
        gap = partial(_interval_gap, kernel.metric, kernel.normalized)
        inputs = (weights, offsets, safe_sqrt(squares), sigma)
    fixed = [t.detach() for t in inputs]
    spectral_norm = kernel.spectral_norm
    with torch.no_grad():
        far = safe_sqrt(squares.detach()).amax(1)
        width = sigma.detach().max()
        upper = far + _FAR * (width.sqrt() if kernel.metric == "sqeuclidean" else width)
        limit *= float(spectral_norm)
        upper = torch.where(sign > 0, upper.clamp_max(limit), upper)
        root = last_positive(lambda eps: gap(eps, *fixed), upper, **_ROOT)
        root = torch.minimum(root, upper)
    with torch.enable_grad():
        eps = root.clone().requires_grad_()
        (slope,) = torch.autograd.grad(gap(eps, *fixed).sum(), eps)
    radius = root - gap(root, *inputs) / slope.clamp_max(-1e-12)
    return sign * radius / spectral_norm


def _interval_gap(
    metric: str,
    normalized: bool,  # noqa: FBT001
    eps: Tensor,
    weights: Tensor,
    offsets: Tensor,
    r: Tensor,
    sigma: Tensor,
) -> Tensor:
    """Smallest gap with every distance at its worst on its own."""
    far, near = interval_range(r, r, sigma, metric, eps[:, None])
    shift = far.amax(1, keepdim=True) if normalized else 0.0
    worst = torch.where(weights > 0, far, near)
    return (weights * torch.exp(worst - shift)).sum(1) + offsets


def _deciding_gaps(outputs: Outputs, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (n, K) and offsets (n,) of the gap that decides, and its sign (n,)."""
    rival = best_rival(outputs.scores, y)
    right = outputs.scores.gather(1, y[:, None]).squeeze(1) > rival.values
    winner = torch.where(right, y, rival.indices)
    loser = torch.where(right, rival.indices, y)
    rows = torch.arange(len(y), device=y.device)
    concept = outputs.concept_scores.argmax(-1)
    a, b = outputs.affine
    won, lost = (winner, concept[rows, winner]), (loser, concept[rows, loser])
    weights, offsets = a[won] - a[lost], b[won] - b[lost]
    if outputs.kernel.normalized:
        weights, offsets = weights + offsets[:, None], torch.zeros_like(offsets)
    sign = right.to(weights.dtype) * 2 - 1
    return weights, offsets, sign
