"""The perturbations that a certificate has to withstand, and their support function.

Proof in the guide: `perturbation-set`, `boxed-support`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._functional import lipschitz_constant, lp_norm

# Least change that a feature makes, against another one, where float32 will do.
_BALANCED = 1e-9


@dataclass(frozen=True)
class Perturbations:
    """The sets ``{delta : norm_p(delta) <= eps}``, and what they become in the model.

    The model sees ``z = A x + m``, so a perturbation ``delta`` of the features moves a
    row by ``A delta``. A certificate needs no more than the largest value of a linear
    function on such a set, which the dual norm gives exactly, and its Euclidean radius.

    Parameters
    ----------
    norm : float
        The p of the norm, at least 1.
    n_features : int
        Length of `delta`.
    matrix : Tensor of shape (n_features,) or (dz, n_features), optional
        A, or its diagonal; the identity if None.
    box_slack : tuple of two Tensors of shape (n, n_features), optional
        How far each feature of each row may fall and rise inside its bounds.
    rounding_error : Tensor of shape (n,), optional
        How far, in Euclidean length, rounding in front of the model may move a row and
        a perturbed one besides.
    """

    norm: float
    n_features: int
    matrix: Tensor | None = None
    box_slack: tuple[Tensor, Tensor] | None = None
    rounding_error: Tensor | None = None

    def within(self, down: Tensor, up: Tensor) -> "Perturbations":
        """Keep the perturbations inside a box."""
        return replace(self, box_slack=(down, up))

    def take(self, rows: Tensor) -> "Perturbations":
        """Perturbations of some of the rows."""
        box_slack, rounding_error = self.box_slack, self.rounding_error
        if box_slack is None and rounding_error is None:
            return self
        if box_slack is not None:
            box_slack = box_slack[0][rows], box_slack[1][rows]
        if rounding_error is not None:
            rounding_error = rounding_error[rows]
        return replace(self, box_slack=box_slack, rounding_error=rounding_error)

    def in_float32(self, unit: float) -> "Perturbations":
        """Round everything, in another unit of length."""
        matrix = None if self.matrix is None else self.matrix.float()
        box_slack = self.box_slack
        if box_slack is not None:
            box_slack = (box_slack[0] / unit).float(), (box_slack[1] / unit).float()
        return replace(self, matrix=matrix, box_slack=box_slack)

    def adjoint(self, a: Tensor) -> Tensor:
        """``A^T a`` for rows `a`: a linear function of z as one of delta."""
        if self.matrix is None:
            return a
        return a * self.matrix if self.matrix.ndim == 1 else a @ self.matrix

    def apply(self, delta: Tensor) -> Tensor:
        """Apply the map: ``A delta`` for rows `delta`."""
        if self.matrix is None:
            return delta
        diagonal = self.matrix.ndim == 1
        return delta * self.matrix if diagonal else delta @ self.matrix.T

    @cached_property
    def lp_to_l2(self) -> float:
        """Largest Euclidean length at eps = 1 of a `delta` that the model sees."""
        free = self.n_features
        if self.matrix is not None:
            moved = self.matrix != 0
            free = int((moved if moved.ndim == 1 else moved.any(0)).sum())
        return lipschitz_constant(self.norm, max(free, 1))

    def weighted_lp_to_l2(self, weights: Tensor, eps: Tensor) -> Tensor:
        """Largest ``sqrt(sum_i weights_i delta_i^2)`` (n,) at sizes `eps`, or more."""
        found = eps * lp_norm(weights, _dual_of_squares(self.norm)).sqrt()
        if self.box_slack is None:
            return found
        within = torch.minimum(torch.maximum(*self.box_slack), eps[:, None])
        return torch.minimum(found, (weights * within.square()).sum(1).sqrt())

    @cached_property
    def spectral_norm(self) -> float:
        """Largest Euclidean length of ``A delta`` where that of `delta` is 1."""
        if self.matrix is None:
            return 1.0
        if self.matrix.ndim == 1:
            return float(self.matrix.abs().max())
        return float(torch.linalg.matrix_norm(self.matrix, 2))

    @cached_property
    def lipschitz(self) -> float:
        """Bound on the Euclidean length of ``A delta`` at eps = 1."""
        if self.matrix is None:
            return self.lp_to_l2
        p, a = self.norm, self.matrix
        if a.ndim == 1:
            power = 2.0 * _dual_of_squares(p)
            return float(lp_norm(a, power))
        if p == 1:
            return float(lp_norm(a.T, 2).max())
        through_rows = float(lp_norm(lp_norm(a, dual_exponent(p)), 2))
        return min(self.spectral_norm * self.lp_to_l2, through_rows)

    def longest(self, eps: Tensor) -> Tensor:
        """Bound (n,) on the Euclidean length of ``A delta`` at sizes `eps`."""
        found = eps * self.lipschitz
        if self.box_slack is None:
            return found
        size = torch.minimum(torch.maximum(*self.box_slack), eps[:, None])
        matrix = None if self.matrix is None else self.matrix.abs()
        in_box = replace(self, matrix=matrix).apply(size)
        return torch.minimum(found, lp_norm(in_box, 2.0))

    @cached_property
    def lipschitz_of_sum(self) -> float:
        """Bound on the sum of the absolute values of ``A delta`` at eps = 1."""
        p, a = self.norm, self.matrix
        if a is None:
            return float(self.n_features ** (1.0 - 1.0 / p))
        if a.ndim == 1:
            return float(lp_norm(a, dual_exponent(p)))
        if p == 1:
            return float(a.abs().sum(0).max())
        return float(lp_norm(a, dual_exponent(p)).sum())

    @property
    def fits_float32(self) -> bool:
        """Whether the squares of what a map does to single features do not vanish."""
        if self.matrix is None:
            return True
        a = self.matrix.abs()
        moved = (a if a.ndim == 1 else a.amax(0)).double()
        moved = moved[moved > 0]
        return not len(moved) or bool(moved.min() > _BALANCED * moved.max())

    @cached_property
    def squared_columns(self) -> Tensor | float:
        """Squared lengths (n_features,) of ``A e_i``, e_i a change of one feature."""
        if self.matrix is None:
            return 1.0
        a = self.matrix.square()
        return a if a.ndim == 1 else a.sum(0)

    @property
    def largest(self) -> Tensor | None:
        """Size (n,) of the largest perturbation inside the bounds, if there are any."""
        return (
            None
            if self.box_slack is None
            else lp_norm(torch.maximum(*self.box_slack), self.norm)
        )

    def dual_norm(self, a: Tensor) -> Tensor:
        """Largest ``a . delta`` (n,) at eps = 1 without bounds, for rows `a`."""
        return lp_norm(a, dual_exponent(self.norm))

    def support(self, a: Tensor, eps: Tensor) -> Tensor:
        """Bound (n,) on ``a . delta``, for rows `a`, in the sets of size `eps` (n,).

        Attained for any norm without bounds, and for l1 and the maximum norm with them.
        """
        if self.box_slack is None:
            return self.dual_norm(a) * eps
        size, slack = self._towards(a)
        within = torch.where(slack > 0, size, torch.zeros_like(size))
        if self.norm == math.inf:
            return (within * torch.minimum(slack, eps[:, None])).sum(1)
        if self.norm == 1:
            return fractional_knapsack(within, slack, eps)
        free = self.dual_norm(within)
        best = eps * free
        # Where the unbounded maximum leaves the box, the box is the better bound.
        for _ in range(2):
            share = eps[:, None] * within / _positive(free)[:, None]
            clipped = share > slack
            fixed = torch.where(clipped, within * slack, torch.zeros_like(slack)).sum(1)
            rest = torch.where(clipped, torch.zeros_like(within), within)
            free = self.dual_norm(rest)
            best = torch.minimum(best, fixed + eps * free)
        return best

    def support_of_line(
        self, a: Tensor, b: Tensor, eps: Tensor
    ) -> Callable[[Tensor], Tensor]:
        """Return `support` (n,) of ``a + k b`` as a function of k (n,)."""
        if self.box_slack is not None or self.norm != 2:
            return lambda k: self.support(a + k[:, None] * b, eps)
        own, cross, other = ((x * y).sum(1) for x, y in ((a, a), (a, b), (b, b)))
        # The terms may cancel, and squares may underflow.
        dtype = torch.finfo(a.dtype)
        lost = 2 * (a.shape[1] + 8) * dtype.eps
        gone = a.shape[1] * dtype.tiny

        def support(k: Tensor) -> Tensor:
            square = (k * (k * other + 2.0 * cross) + own).clamp_min(0.0)
            square += lost * (own + k.square() * other) + gone * (1.0 + k).square()
            return square.sqrt_() * eps

        return support

    def steepest(self, a: Tensor) -> Tensor:
        """Find the unit perturbations along which ``a . delta`` falls fastest."""
        if self.box_slack is not None:
            size, slack = self._towards(-a)
            a = torch.where((slack > 0) & (size > 0), a, torch.zeros_like(a))
        if self.norm == math.inf:
            return -a.sign()
        if self.norm == 1:
            top = a.abs().argmax(1, keepdim=True)
            return torch.zeros_like(a).scatter_(1, top, -a.gather(1, top).sign())
        if self.norm == 2:
            return a * (-1.0 / _positive(lp_norm(a, 2)))[:, None]
        q = dual_exponent(self.norm)
        scale = _positive(a.abs().amax(1, keepdim=True))
        shape = -a.sign() * (a.abs() / scale).pow(q - 1)
        length = lp_norm(shape, self.norm)[:, None]
        return shape / _positive(length)

    def inside(self, delta: Tensor) -> Tensor:
        """Clip perturbations to the bounds."""
        if self.box_slack is None:
            return delta
        down, up = self.box_slack
        return torch.minimum(torch.maximum(delta, -down), up)

    def size(self, delta: Tensor) -> Tensor:
        """``norm_p(delta)`` of each row, shape (n,)."""
        return lp_norm(delta, self.norm)

    def _towards(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """Sizes of `a`, and the slack of each feature in the direction it asks for."""
        assert self.box_slack is not None
        down, up = self.box_slack
        return a.abs(), torch.where(a > 0, up, down)


def dual_exponent(p: float) -> float:
    """Exponent of the dual norm: 1/p + 1/q = 1."""
    if p == 1:
        return math.inf
    return 1.0 if p == math.inf else p / (p - 1.0)


def _dual_of_squares(p: float) -> float:
    """Hölder: the dual exponent for squares of entries of a vector in lp."""
    return math.inf if p <= 2 else 1.0 / (1.0 - 2.0 / p)


def _positive(divisor: Tensor) -> Tensor:
    return divisor.clamp_min(torch.finfo(divisor.dtype).tiny)


def fractional_knapsack(value: Tensor, capacity: Tensor, budget: Tensor) -> Tensor:
    """Sum of values (n, d) times amounts up to a capacity, on a shared budget (n,).

    The most valuable feature takes all it can, then the next.
    """
    value, order = value.sort(1, descending=True)
    capacity = capacity.gather(1, order)
    before = torch.cat(
        [torch.zeros_like(capacity[:, :1]), capacity.cumsum(1)[:, :-1]], 1
    )
    amount = torch.minimum((budget[:, None] - before).clamp_min(0.0), capacity)
    return (value * amount).sum(1)
