"""Training on the certificate itself."""

import math

import torch
from torch import Tensor

from sklearn_proto._functional import (
    best_rival,
    interval_range,
    last_positive,
    safe_sqrt,
)
from sklearn_proto._modules import Outputs

# A radius beyond this many kernel lengths is beyond any margin one would ask for.
_FAR = 20.0


def robust_loss(outputs: Outputs, y: Tensor, *, margin: float) -> Tensor:
    """``max(0, margin - radius)`` of each row, shape (n,).

    The radius is the signed interval certificate in the l2 norm, in the units of the
    features: that of the label where the row is classified rightly, minus that of the
    prediction against the label where it is not.
    """
    # Unlike clamp, relu has gradient 0 at 0, where rows beyond the margin stand.
    return torch.relu(margin - signed_radius(outputs, y, limit=margin))


def signed_radius(outputs: Outputs, y: Tensor, *, limit: float = math.inf) -> Tensor:
    """Differentiable interval certificate of shape (n,), sought up to `limit`.

    The radius is the root of a decreasing ``h(eps; theta)``. One Newton step from the
    detached root, ``eps - h(eps; theta) / h'(eps)``, sharpens its value and has, by the
    implicit function theorem, its gradient: nothing is unrolled.
    """
    weights, offsets, sign = _deciding_gaps(outputs, y)
    r = safe_sqrt(outputs.squared_distances)

    def gap(
        eps: Tensor, weights: Tensor, offsets: Tensor, r: Tensor, sigma: Tensor
    ) -> Tensor:
        far, near = interval_range(r, sigma, outputs.metric, eps[:, None])
        shift = far.amax(1, keepdim=True) if outputs.normalized else 0.0
        worst = torch.where(weights > 0, far, near)
        return (weights * torch.exp(worst - shift)).sum(1) + offsets

    fixed = [t.detach() for t in (weights, offsets, r, outputs.sigma)]
    with torch.no_grad():
        width = fixed[3] if outputs.metric != "sqeuclidean" else fixed[3].sqrt()
        upper = fixed[2].amax(1) + _FAR * width.max()
        upper = torch.where(sign > 0, upper.clamp_max(limit), upper)
        root = last_positive(lambda eps: gap(eps, *fixed), upper)
        root = torch.minimum(root, upper)
    with torch.enable_grad():
        eps = root.clone().requires_grad_()
        (slope,) = torch.autograd.grad(gap(eps, *fixed).sum(), eps)
    value = gap(root, weights, offsets, r, outputs.sigma)
    radius = root - value / slope.clamp_max(-1e-12)
    return sign * radius


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
    if outputs.normalized:
        weights, offsets = weights + offsets[:, None], torch.zeros_like(offsets)
    sign = right.to(weights.dtype) * 2 - 1
    return weights, offsets, sign
