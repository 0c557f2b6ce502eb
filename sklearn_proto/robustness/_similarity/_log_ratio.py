"""The two sides of a gap: ``f > 0`` where ``log P > log N``, the sums of its terms.

Proof in the guide: `log-ratio`.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._functional import log_psi
from sklearn_proto.robustness._similarity._gaps import GapBatch


class NegativeTerms(NamedTuple):
    """Negative terms: their shares in N, and what these are made of.

    The shares are ``p = weight exp(log) / total``; that of the constant is ``last``.
    """

    p: Tensor  # (m, K)
    logs: Tensor  # (m, K)
    weight: Tensor  # (m, K), 0 for terms that are not negative
    last: Tensor  # (m,)
    last_log: Tensor  # (m,)
    last_weight: Tensor  # (m,)
    total: Tensor  # (m,)

    def psi_weighted(self, m: Tensor, last_m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Shares times ``psi(m)``, for m (m, K) and (m,), over a common factor.

        Returns the logarithm (m,) of the factor, and the numbers of shape (m, K), (m,).
        """
        dtype = torch.finfo(m.dtype)
        # psi grows: where its difference would lose more than half of its digits, and
        # where m is negative, it counts as a little larger.
        m = m.clamp_min(3 * dtype.eps**0.25)
        log_last = self.last.log() + log_psi(last_m.clamp_min(0.0))
        growth = torch.exp(m).sub_(1.0).sub_(m).div_(m).div_(m).mul_(self.p)
        found = torch.zeros_like(last_m), growth, log_last.exp()
        # Up to here nothing overflows, and what is too faint stays so.
        most = -0.8 * log_underflow(m)
        if not len(m) or max(float(m.max()), float(log_last.max())) < most:
            return found
        large = ((m >= most).any(1) | (log_last >= most)).nonzero().squeeze(1)
        some = self.take(large)._far_psi_weighted(m[large], log_last[large])
        for part, of_large in zip(found, some, strict=True):
            part.index_copy_(0, large, of_large)
        return found

    def take(self, chosen: Tensor) -> "NegativeTerms":
        """Select some of the gaps."""
        return NegativeTerms(*(part.index_select(0, chosen) for part in self))

    def _far_psi_weighted(
        self, m: Tensor, log_last: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`psi_weighted` where growth would overflow, relative to the largest term."""
        logs, log_last = self.logs + m, log_last + self.total.log()
        top = torch.maximum(logs.amax(1), log_last).clamp_min_(0.0)
        # exp(log + m - top) (1 - (1 + m) e^-m) / m^2
        p = torch.exp(-m).mul_(m + 1.0).neg_().add_(1.0).div_(m).div_(m)
        p *= (logs - top[:, None]).clamp_min_(log_underflow(logs)).exp_()
        last = (log_last - top).exp()
        return top - self.total.log(), p.mul_(self.weight), last

    @property
    def log_p(self) -> Tensor:
        """Logarithms (m, K + 1) of the shares; the last is the constant."""
        logs = torch.cat([self.logs, self.last_log[:, None]], 1)
        weight = torch.cat([self.weight, self.last_weight[:, None]], 1)
        return logs + (weight / self.total[:, None]).log()


class LogRatio(NamedTuple):
    """Either side of the gaps: its logarithm, and who has which share of it."""

    value: Tensor  # (m,), log P - log N
    balance: Tensor  # (m, K), shares in P of its terms, minus shares in N of the others
    constant_share: Tensor  # (m,), share in P of the constant
    negative_terms: NegativeTerms
    low: Tensor  # (m,), the lesser sum
    high: Tensor  # (m,), the larger one

    def replaced(self, rows: Tensor, others: "LogRatio") -> "LogRatio":
        """Put others in the place of some of the gaps."""

        def put(part: Tensor, other: Tensor) -> Tensor:
            return part.index_copy(0, rows, other)

        negative_terms = NegativeTerms(
            *map(put, self.negative_terms, others.negative_terms)
        )
        plain = ("value", "balance", "constant_share", "low", "high")
        mine, theirs = ([getattr(s, name) for name in plain] for s in (self, others))
        return LogRatio(
            negative_terms=negative_terms,
            **dict(zip(plain, map(put, mine, theirs), strict=True)),
        )


def summed_sides(gaps: GapBatch, exponents: Tensor, of_constant: Tensor) -> LogRatio:
    """Sum the terms of either side, whose exponents are (m, K), and (m,) the constant.

    Exponents are those of `gaps` at its rows, where the largest is 0, up to a number
    that all terms share. Where a sum leaves the range of numbers nevertheless, the
    terms of either side are summed relative to the largest of their side.
    """
    found = _summed(gaps, exponents, of_constant, of_constant)
    left = (~_fits(found)).nonzero().squeeze(1)
    if not len(left):
        return found
    others = _relative(gaps.take(left), exponents[left], of_constant[left])
    return found.replaced(left, others)


def _relative(gaps: GapBatch, exponents: Tensor, of_constant: Tensor) -> LogRatio:
    """Sum the terms of either side relative to the largest of that side."""
    positive, negative = gaps.signs
    top_up = _largest(exponents, positive, of_constant, gaps.constant)
    top_down = _largest(exponents, negative, of_constant, -gaps.constant)
    tops = torch.lerp(top_down[:, None], top_up[:, None], positive)
    logs = (exponents - tops).clamp_max_(0.0)
    # A constant that is there never exceeds the largest term of its side.
    up, down = ((of_constant - top).clamp_max_(0.0) for top in (top_up, top_down))
    found = _summed(gaps, logs, up, down)
    return found._replace(value=found.value + (top_up - top_down))


def _fits(found: LogRatio) -> Tensor:
    """Whether both sums (m,) are far from the ends of the range of numbers."""
    dtype = torch.finfo(found.value.dtype)
    fits: Tensor = (found.low > dtype.tiny**0.5) & (found.high < dtype.max**0.5)
    return fits


def _summed(gaps: GapBatch, logs: Tensor, gain: Tensor, loss: Tensor) -> LogRatio:
    """Both sums. A term is in P or in N, so one exponential serves both."""
    dtype = torch.finfo(logs.dtype)
    terms = logs.clamp_min(log_underflow(logs)).exp_().mul_(gaps.weights)
    q = terms.clamp_min(0.0)
    p = q - terms
    constant = (-gaps.constant).clamp_min_(0.0)
    last_gain = gaps.constant.clamp_min(0.0) * gain.exp()
    last_loss = constant * loss.exp()
    up, down = q.sum(1) + last_gain, p.sum(1) + last_loss
    low, high = torch.minimum(up, down), torch.maximum(up, down)
    value = up.log() - down.log()
    # An empty side has no shares.
    up, down = up.clamp_min(dtype.tiny), down.clamp_min(dtype.tiny)
    p *= (1.0 / down)[:, None]
    balance = q.mul_((1.0 / up)[:, None]).sub_(p)
    negative_terms = NegativeTerms(
        p=p,
        logs=logs,
        weight=gaps.negative_weights,
        last=last_loss / down,
        last_log=loss,
        last_weight=constant,
        total=down,
    )
    return LogRatio(
        value=value,
        balance=balance,
        constant_share=last_gain / up,
        negative_terms=negative_terms,
        low=low,
        high=high,
    )


def _largest(
    exponents: Tensor, present: Tensor, of_constant: Tensor, constant: Tensor
) -> Tensor:
    """Largest exponent (m,) of the terms of a side."""
    huge = torch.finfo(exponents.dtype).max ** 0.9
    terms = torch.add(exponents, present - 1.0, alpha=huge).amax(1)
    return terms.maximum(torch.where(constant > 0, of_constant, -huge))


def log_underflow(logs: Tensor) -> float:
    """Logarithm of the smallest share of a sum that counts: smaller ones count as it.

    Among the negative terms that errs on the safe side; the positive ones gain less by
    it than rounding takes off.
    """
    return 0.85 * math.log(torch.finfo(logs.dtype).tiny)
