"""Hyperplanes joined: ``sum_i w_i g_i / |sum_i w_i a_i|_*`` for any weights ``w >= 0``.

The rival cannot cross one such plane before it has crossed those of all own prototypes.

Proof in the guide: `nearest-hyperplane`, `nearest-boxed-l2`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto._functional import last_positive
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

# Sizes beyond this many unbounded radii are not searched.
_FARTHEST = 1e6
_EPS = torch.finfo(torch.float64).eps


def aggregated(
    batch: RivalBatch, rows: Tensor, rivals: Tensor, weights: Tensor
) -> Tensor:
    """Bounds (B,) for pairs of a row and a rival, from weights (B, q) of at least 0.

    Where the rival takes the row, ``a_i . delta >= g_i`` for every own prototype i, so
    also for their weighted sum. Any weights give a bound; what found them need not be
    trusted.
    """
    normal, rounding_error = batch.normals(rivals, weights)
    terms = weights * batch.gaps(rows, rivals) / 2
    # Less the rounding of the sum.
    total = terms.sum(1) - 2 * terms.shape[1] * _EPS * terms.abs().sum(1)
    return reach(batch.perturbations.take(rows), normal, rounding_error, total)


def reach(
    perturbations: Perturbations, normal: Tensor, rounding_error: Tensor, total: Tensor
) -> Tensor:
    """Smallest size (B,) at which ``normal . delta`` can be `total`.

    Parameters
    ----------
    perturbations : Perturbations
        Of the B rows.
    normal : Tensor of shape (B, d)
        Linear functions of the perturbations.
    rounding_error : Tensor of shape (B,)
        Bound on their errors in the dual norm.
    total : Tensor of shape (B,)
        Values; 0 or less is reached at once.

    Returns
    -------
    Tensor of shape (B,)
        Infinite where no perturbation gets there.
    """
    slope = perturbations.dual_norm(normal) + rounding_error
    free = (total.clamp_min(0.0) / slope).nan_to_num(0.0, torch.inf)
    if perturbations.box_slack is None:
        return free
    inside = _in_l2 if perturbations.norm == 2 else _by_support
    return torch.maximum(
        free, inside(perturbations, normal, rounding_error, total, free)
    )


def _by_support(
    perturbations: Perturbations,
    normal: Tensor,
    rounding_error: Tensor,
    total: Tensor,
    free: Tensor,
) -> Tensor:
    """Root of the support function, which l1 and the maximum norm attain."""
    box = perturbations.largest
    assert box is not None

    def left(eps: Tensor) -> Tensor:
        return total - perturbations.support(normal, eps) - rounding_error * eps

    return root_inside(left, free, box)


def root_inside(left: Callable[[Tensor], Tensor], free: Tensor, box: Tensor) -> Tensor:
    """Sizes (B,) up to which `left` stays positive in bounds that end at `box` (B,).

    It is sought up to many times what it is without bounds, `free` (B,), and infinite
    where what is left at the end of the box proves it.
    """
    far = torch.minimum(box, _FARTHEST * free).clamp_max(1e300)
    found = last_positive(left, far, rtol=1e-9)
    # Positive up to `far` is positive everywhere only if the box ends there.
    found = torch.where(found.isinf(), far, found)
    return torch.where(left(box) > 0, torch.inf, found)


def _in_l2(
    perturbations: Perturbations,
    normal: Tensor,
    rounding_error: Tensor,
    total: Tensor,
    free: Tensor,
) -> Tensor:
    """Largest of ``s total - max (s normal . delta - |delta|^2 / 2)`` over s.

    The maximum is over the box. Every s makes it a lower bound on half the square of
    the size; the best is where the shortest step in the box reaches the total.
    """
    box_slack = perturbations.box_slack
    assert box_slack is not None
    down, up = box_slack

    def step(s: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(s[:, None] * normal, -down), up)

    def left(s: Tensor) -> Tensor:
        return total - (normal * step(s)).sum(1)

    length = perturbations.dual_norm(normal).clamp_min(1e-150)
    far = (_FARTHEST * free / length).clamp_max(1e300)
    s = last_positive(left, far, rtol=1e-9)
    s = torch.where(s.isinf(), far, s)
    gain = normal * step(s)
    most = s * gain.sum(1) - step(s).square().sum(1) / 2
    sums = s * (total + gain.abs().sum(1)) + most.abs()
    value = s * total - most - 2 * (normal.shape[1] + 8) * _EPS * sums
    value, error = value.clamp_min(0.0), s * rounding_error
    # The error of the normal counts with the size R: R^2 / 2 + error R >= value.
    found = 2 * value / (error + (error.square() + 2 * value).sqrt()).clamp_min(1e-300)
    largest = torch.maximum(down, up)
    reachable = (normal.abs() * torch.where(normal > 0, up, down)).nan_to_num(0.0)
    error_in_box = rounding_error * torch.linalg.vector_norm(largest, dim=1)
    never = total > reachable.sum(1) * (1 + 1e-12) + error_in_box
    return torch.where(never, torch.inf, found.nan_to_num(0.0))
