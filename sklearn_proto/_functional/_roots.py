"""A root finder for many decreasing functions at once."""

from collections.abc import Callable

import torch
from torch import Tensor


def last_positive(
    h: Callable[[Tensor], Tensor],
    upper: Tensor,
    *,
    lower: Tensor | None = None,
    rtol: float = 1e-6,
    max_iter: int = 100,
) -> Tensor:
    """Largest argument found at which each decreasing function is still positive.

    Illinois steps (false position that halves the value of a stale end) alternate
    with bisections, so the bracket at least halves every second call of `h`. The
    *lower* end of the bracket is returned: `h` was evaluated there and was positive,
    so a certificate built on it does not depend on the tolerance.

    Parameters
    ----------
    h : callable
        Maps (n,) arguments to (n,) values, each decreasing in its own argument.
    upper : Tensor of shape (n,)
        End of the bracket.
    lower : Tensor of shape (n,), optional
        Its start, by default 0.
    rtol : float
        Width of the final bracket relative to its upper end.
    max_iter : int
        Bound on the evaluations.

    Returns
    -------
    Tensor of shape (n,)
        0 where ``h(lower) <= 0``, infinity where ``h(upper) > 0``.
    """
    lo = torch.zeros_like(upper) if lower is None else lower
    hi = upper
    f_lo, f_hi = h(lo), h(hi)
    never, always = ~(f_lo > 0), f_hi > 0
    frozen = never | always
    for step in range(max_iter):
        if bool((frozen | (hi - lo <= rtol * hi)).all()):
            break
        false_position = lo + (hi - lo) * f_lo / (f_lo - f_hi)
        inside = (false_position > lo) & (false_position < hi)
        mid = (lo + hi) / 2
        x = torch.where(inside, false_position, mid) if step % 2 else mid
        f = h(x)
        positive = f > 0
        # Illinois: the end that did not move counts half at the next step.
        f_hi = torch.where(positive, f_hi / 2, f)
        f_lo = torch.where(positive, f, f_lo / 2)
        lo, hi = torch.where(positive, x, lo), torch.where(positive, hi, x)
    return lo.masked_fill(never, 0.0).masked_fill(always & ~never, torch.inf)
