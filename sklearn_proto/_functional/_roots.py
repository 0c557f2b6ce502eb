"""Roots of many decreasing functions at once."""

from collections.abc import Callable

import torch
from torch import Tensor


def last_positive(
    h: Callable[[Tensor], Tensor],
    upper: Tensor,
    *,
    rtol: float = 1e-6,
    max_iter: int = 100,
) -> Tensor:
    """Largest argument found at which each decreasing function is still positive.

    Illinois steps (false position that halves the value of a stale end) alternate
    with bisections, so the bracket at least halves every second call of `h`. The
    *lower* end of the bracket is returned: `h` was evaluated there and was positive,
    so a certificate built on it does not depend on the tolerance. Each bracket ends on
    its own: what is found for one function does not depend on the others.

    Parameters
    ----------
    h : callable
        Maps (n,) arguments to (n,) values, each decreasing in its own argument.
    upper : Tensor of shape (n,)
        End of the bracket, which starts at 0.
    rtol : float
        Width of the final bracket relative to its upper end.
    max_iter : int
        Bound on the evaluations.

    Returns
    -------
    Tensor of shape (n,)
        0 where ``h(0) <= 0``, infinity where ``h(upper) > 0``.
    """
    lo, hi = torch.zeros_like(upper), upper
    f_lo, f_hi = h(lo), h(hi)
    never, always = ~(f_lo > 0), f_hi > 0
    frozen = never | always
    for step in range(max_iter):
        going = ~(frozen | (hi - lo <= rtol * hi))
        if not bool(going.any()):
            break
        false_position = lo + (hi - lo) * f_lo / (f_lo - f_hi)
        inside = (false_position > lo) & (false_position < hi)
        mid = (lo + hi) / 2
        x = torch.where(inside, false_position, mid) if step % 2 else mid
        f = h(x)
        open_, closed = going & (f > 0), going & ~(f > 0)
        # Illinois: the end that did not move counts half at the next step.
        f_hi = torch.where(closed, f, torch.where(open_, f_hi / 2, f_hi))
        f_lo = torch.where(open_, f, torch.where(closed, f_lo / 2, f_lo))
        lo, hi = torch.where(open_, x, lo), torch.where(closed, x, hi)
    return lo.masked_fill(never, 0.0).masked_fill(always & ~never, torch.inf)


def bisected(
    holds: Callable[[Tensor], Tensor],
    lower: Tensor,
    upper: Tensor,
    *,
    rtol: float = 5e-3,
    max_iter: int = 30,
) -> Tensor:
    """Largest of the sizes tried, for statements that hold up to some size.

    Brackets are halved in their logarithms, so that all sizes are found equally well.
    What is found for one does not depend on the others: each ends on its own.

    Parameters
    ----------
    holds : callable
        Maps (n,) sizes to (n,) truth values.
    lower, upper : Tensor of shape (n,)
        A size at which each holds, or 0, and one at which it does not.
    rtol : float
        Width of the final brackets relative to their upper ends.
    max_iter : int
        Bound on the evaluations.

    Returns
    -------
    Tensor of shape (n,)
        Sizes at which the statements hold, or `lower`.
    """
    for _ in range(max_iter):
        going = upper - lower > rtol * upper
        if not bool(going.any()):
            break
        middle = torch.where(lower > 0, (lower * upper).sqrt(), upper / 2)
        found = holds(middle)
        lower = torch.where(going & found, middle, lower)
        upper = torch.where(going & ~found, middle, upper)
    return lower
