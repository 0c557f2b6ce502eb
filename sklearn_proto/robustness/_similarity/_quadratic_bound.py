r"""Quadratic bound: ``log P - log N >= Q_k(eps, delta_0)``, around any perturbation.

    Q_k = G - g . delta_0 - k (|delta_0|^2 + E^2 eps^2) / 2 - h(-(g + k delta_0)) - R_k

A gap is positive where ``log P - log N`` is, with P the sum of its positive terms and N
that of its negative ones. After multiplying both by ``exp(|A delta|^2 / s)`` every term
of a Gaussian model is the exponential of a linear function of delta, up to factors that
are bounded exactly on the sphere. So log P lies above its tangent at delta_0 (it is
convex), and log N below the tangent with slope u plus a cumulant generating function of
mean zero, ``log sum_j p_j exp(r_j . eta)``, with p the shares of the negative terms.

======================= =============================================
symbol of the proof     name in the code
======================= =============================================
G, value at delta_0     ``Expansion.value``
g = v - u, slope there  ``Expansion.slope``
delta_0                 ``Expansion.delta``
eps                     ``Expansion.eps``
u, mean slope of N      ``Expansion.mean``
r_j = b_j - u           ``Expansion.deviations``
|r_j|^2                 ``Expansion.squares``
r_j . delta_0           ``Expansion.along``
p_j, shares in N        ``NegativeTerms.p``
p_j psi(m_j)            ``NegativeTerms.psi_weighted``, of ``log_psi``
F                       ``exp(log_f)`` of ``Cumulant.log_f``
max_j |r_j|^2           ``Cumulant.hoeffding``
Q_k                     ``Expansion.minimum_bound``
R_k                     ``Cumulant.remainder_bound``
h(a)                    ``Perturbations.support``
h(a + k b)              ``Perturbations.support_of_line``
E, from lp to l2        ``Perturbations.lp_to_l2``
L, Lipschitz constant   ``Perturbations.lipschitz``
A                       ``Perturbations.matrix``
|A|                     ``Perturbations.spectral_norm``
A delta                 ``Perturbations.apply``
A^T a                   ``Perturbations.adjoint``
======================= =============================================

Proof in the guide: `lower-bound`, `quadratic-bound`, `hoeffding`, `bennett`, and for
kernels of the distance itself `distance-bounds`, `distance-tangent`.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._similarity._log_ratio import (
    LogRatio,
    NegativeTerms,
    summed_sides,
)
from sklearn_proto.robustness._similarity._slopes import Deviations, Slopes

# Shares of the largest curvature for which a quadratic around `delta0` may have its
# minimum there.
_SHARES = (0.98, 0.8)
# From here on log(1 + e^x) and x are the same in float64.
_SAME = 40.0


@dataclass(frozen=True)
class Expansion:
    """The log-ratio of m gaps around `delta`, for perturbations of size `eps`.

    Parameters
    ----------
    gaps : GapBatch
        The gaps.
    eps, delta : Tensor of shape (m,) and (m, d)
        Size of the perturbations, and where the bound touches the log-ratio.
    value, slope : Tensor of shape (m,) and (m, d)
        Log-ratio and gradient there.
    curvature : Tensor of shape (m,)
        Curvature of the positive side, 0 for Gaussian models.
    negative_terms : NegativeTerms
        The negative terms.
    mean : Tensor of shape (m, d)
        Mean u of the slopes of the negative terms.
    squares : Tensor of shape (m, K)
        Their squared distances ``|r_j|^2`` from it, and those of the other slopes.
    along : tuple of Tensors of shape (m, K) and (m,)
        ``r_j . delta``, and of the constant.
    deviations : Deviations or None
        All of the r_j, None for tangent distances.
    rounding_error : Tensor of shape (m,)
        What rounding may add to the bound.
    is_trace_only : bool
        Whether the trace of their scatter is all that bounds it.
    """

    gaps: GapBatch
    eps: Tensor
    delta: Tensor
    value: Tensor
    slope: Tensor
    curvature: Tensor
    negative_terms: NegativeTerms
    mean: Tensor
    squares: Tensor
    along: tuple[Tensor, Tensor]
    deviations: Deviations | None
    rounding_error: Tensor
    is_trace_only: bool = False

    @property
    def trace_only(self) -> "Expansion":
        """The same with the trace of the scatter alone: less work."""
        return replace(self, is_trace_only=True)

    def holds(self) -> Tensor:
        """Whether each gap (m,) provably stays positive, as computed."""
        return self.lower_bound() > self.rounding_error

    def lower_bound(self) -> Tensor:
        """Smallest value (m,) of the bound on the perturbations, at the least."""
        return self.minimum_bound(self.cumulant)

    def minimum_bound(
        self, cumulant: "Cumulant", weights: Tensor | None = None
    ) -> Tensor:
        """Smallest value (m,) of the bound with any cumulant, at the least.

        With ``d = delta - delta0`` the bound is ``value + slope . d`` less ``curvature
        |d|^2 / 2`` and less the cumulant. ``k |d|^2 / 2`` goes to the first part and
        the rest of the cumulant is bounded on its own, for several k: each is a proof.
        There `weights` (m, d) of the features may count for their squares, as they do
        for the cumulant.
        """
        delta, perturbations, curvature = (
            self.delta,
            self.gaps.perturbations,
            self.curvature,
        )
        rise = -(self.slope * delta).sum(1)
        weighted = delta if weights is None else weights * delta
        square = (weighted * delta).sum(1)
        lp_to_l2 = perturbations.lp_to_l2 * self.eps
        if weights is not None:
            lp_to_l2 = perturbations.weighted_lp_to_l2(weights, self.eps)
        reach = square.sqrt() + lp_to_l2
        # Written around 0 the linear part is bounded by the support function and the
        # square by lp_to_l2. On an l2 ball with the slope pointing back it is exact.
        half = (square + lp_to_l2.square()) / 2
        start, bent = -self.slope, torch.zeros_like(rise)
        if bool(curvature.any()):
            start = start - curvature[:, None] * delta
            far = (perturbations.lp_to_l2 * self.eps).square()
            bent = curvature * (delta.square().sum(1) + far) / 2
        tilted = perturbations.support_of_line(start, -weighted, self.eps)
        # Where the slope points back, k below this leaves the minimum at delta0.
        most = (rise / square).clamp_min(0.0).nan_to_num(0.0, 0.0, 0.0)
        bound = torch.full_like(rise, -torch.inf)
        for k in (cumulant.quadratic, *(most * share for share in _SHARES)):
            minimum_bound = -tilted(k) - k * half - cumulant.remainder_bound(k, reach)
            # Infinite curvature times no perturbation: nothing is known.
            bound = torch.fmax(bound, minimum_bound)
        return bound - bent + (self.value + rise)

    @cached_property
    def cumulant(self) -> "Cumulant":
        """Bound ``log sum p_j exp(r_j . d)`` for the perturbations ``delta0 + d``.

        Hoeffding: at most ``max |r_j|^2 |d|^2 / 2``. Bennett: at most
        ``log(1 + |d|^2 F)``, F the norm of ``sum_j p_j psi(m_j) r_j r_j^T`` with
        ``psi(m) = (e^m - 1 - m) / m^2`` and ``m_j = E eps |r_j| - r_j . delta0``, which
        ``r_j . d`` does not exceed.
        """
        negative_terms, lp_to_l2 = (
            self.negative_terms,
            self.gaps.perturbations.lp_to_l2 * self.eps,
        )
        last_square = self.mean.square().sum(1) * (negative_terms.last_weight > 0)
        along, along_last = self.along
        # Of what is not negative m is 0: it must not overflow.
        m = self.squares.sqrt().mul_(lp_to_l2[:, None]).sub_(along)
        m *= self.gaps.signs.negative
        last_m = lp_to_l2 * last_square.sqrt() - along_last
        top, p, last = negative_terms.psi_weighted(m, last_m)
        scatter = (p * self.squares).sum(1) + last * last_square
        hoeffding = torch.full_like(scatter, torch.inf)
        if not self.is_trace_only:
            counted = self.squares * self.gaps.signs.negative
            hoeffding = torch.maximum(counted.amax(1), last_square)
            if self.deviations is not None:
                scatter = torch.fmin(scatter, self.deviations.scatter_norm(p, last))
        dtype = torch.finfo(scatter.dtype)
        # Rounding, of all that is added up here.
        log_f = top + scatter.clamp_min(dtype.tiny).log() + dtype.eps**0.5
        return Cumulant(log_f, hoeffding)


class Cumulant(NamedTuple):
    """At most ``log(1 + F |d|^2)``, and at most ``hoeffding |d|^2 / 2``."""

    log_f: Tensor  # (m,)
    hoeffding: Tensor  # (m,)

    @property
    def quadratic(self) -> Tensor:
        """The smallest k (m,) known for which ``k |d|^2 / 2`` is above it."""
        return torch.fmin(2.0 * self.log_f.exp(), self.hoeffding)

    def remainder_bound(self, k: Tensor, reach: Tensor) -> Tensor:
        """Bound (m,) on it less ``k |d|^2 / 2`` for ``|d|`` up to `reach`, all (m,).

        ``log(1 + F y) - k y / 2`` is concave in y and largest at ``2 / k - 1 / F``.
        """
        most = reach.square()
        # A slope of 0 gives k = -0.0, and 2 / k would be minus infinity.
        top = torch.where(k > 0, 2.0 / k, torch.inf) - (-self.log_f).exp()
        y = torch.minimum(top.clamp_min(0.0), most)
        bennett = softplus(self.log_f + y.log(), threshold=_SAME) - k * y / 2
        hoeffding = (self.hoeffding - k).clamp_min(0.0) * most / 2
        return torch.fmin(bennett, hoeffding)


def why_no_deviations(view: SimilarityView) -> str | None:
    """Why expansions of a model have no `Deviations`, or None if they have."""
    if view.tangents is not None:
        return "the slopes of tangent distances are not differences of prototypes"
    return None


def expand(gaps: GapBatch, eps: Tensor, delta: Tensor) -> Expansion:
    """Expand the log-ratios of `gaps` around `delta`, for perturbations of `eps`."""
    if gaps.view.metric == "sqeuclidean":
        return _expand_gaussian(gaps, eps, delta)
    return _expand_distance(gaps, eps, delta)


def _expand_gaussian(gaps: GapBatch, eps: Tensor, delta: Tensor) -> Expansion:
    geometry, perturbations = gaps.geometry, gaps.perturbations
    moved = perturbations.apply(delta)
    square = moved.square().sum(1)
    change = moved_terms(gaps, delta, square)
    exponents, of_constant = change.exponents, change.of_constant
    # After the common factor, what is wider than the narrowest, as the constant is,
    # keeps exp(left |A delta|^2) in N, and at least 1 in P.
    remaining = ((perturbations.lipschitz * eps).square() - square).clamp_min(0.0)
    if not gaps.view.same_width:
        left = geometry.leftover * remaining[:, None]
        exponents = exponents + left * gaps.signs.negative
    of_constant = of_constant + geometry.reference * remaining * (gaps.constant < 0)
    ratio = summed_sides(gaps, exponents, of_constant)
    slopes = Slopes(geometry, geometry.rate[None], gaps.anchor)
    mean, slope = slopes.mean(ratio.negative_terms.p), slopes.mean(ratio.balance)
    deviations = Deviations(slopes, mean)
    # What the common factor adds to P and its terms do not have of their own.
    free = 2.0 * geometry.reference * ratio.constant_share
    if not gaps.view.same_width:
        free += ratio.balance.clamp_min(0.0) @ (2.0 * geometry.leftover)
    if bool(free.any()):
        slope += perturbations.adjoint(free[:, None] * moved)
    return Expansion(
        gaps=gaps,
        eps=eps,
        delta=delta,
        value=ratio.value,
        slope=slope,
        curvature=torch.zeros_like(eps),
        negative_terms=ratio.negative_terms,
        mean=mean,
        squares=deviations.squares,
        along=deviations.along(delta, change.inner),
        deviations=deviations,
        rounding_error=gaps.rounding + _rounding_error(gaps, eps, delta, ratio),
    )


def _rounding_error(
    gaps: GapBatch, eps: Tensor, delta: Tensor, ratio: LogRatio
) -> Tensor:
    """Bound what rounding may add for Gaussian terms: the user guide, "Rounding".

    Errors of exponents count by the shares of their terms, as those of slopes do.
    """
    geometry, perturbations = gaps.geometry, gaps.perturbations
    k, d = geometry.points.shape
    largest = 4.0 * geometry.reference
    share = ratio.balance.abs()
    scale = share @ geometry.lengths + largest * gaps.anchor.norm(dim=1)
    length = delta.norm(dim=1)
    reach = length + perturbations.lp_to_l2 * eps
    most = largest * (perturbations.lipschitz * eps).square()
    products = (d + 8) * (length * scale + most) + (k + 8) * (reach * scale + 2.0)
    stored = share.mul_(gaps.exponents).sum(1).abs() + gaps.level.abs()
    stored += 8.0 * ratio.value.abs()
    found: Tensor = (products + stored) * (torch.finfo(products.dtype).eps / 2)
    return found


class MovedTerms(NamedTuple):
    """Gaussian terms at perturbed rows, up to a factor that all of them share."""

    exponents: Tensor  # (m, K)
    of_constant: Tensor  # (m,)
    inner: Tensor  # (m, K), inner products of the perturbation with the prototypes


def moved_terms(gaps: GapBatch, delta: Tensor, square: Tensor) -> MovedTerms:
    """Move the exponents of all terms by perturbations `delta`, once for both sides.

    The factor is ``exp(-(2 z . A delta + |A delta|^2) / s)``, s the least width and
    `square` (m,) the last term of it.
    """
    geometry = gaps.geometry
    inner = delta @ geometry.points.T
    common = 2.0 * (gaps.anchor * delta).sum(1) + square
    exponents = torch.addcmul(gaps.exponents, inner, geometry.rate)
    if not gaps.view.same_width:
        exponents += geometry.leftover * common[:, None]
    return MovedTerms(exponents, geometry.reference * common - gaps.level, inner)


def _expand_distance(gaps: GapBatch, eps: Tensor, delta: Tensor) -> Expansion:
    """Kernels of the distance itself: convex in delta, and nearly linear far away.

    ``D <= D_0 + e . d + |A d|^2 / (2 D_0)`` bounds positive terms, ``D >= D_0 + e . d``
    negative ones, e the unit vector away from the prototype. A positive term nearer
    than the perturbations reach counts with its smallest value instead.
    """
    view, perturbations = gaps.view, gaps.perturbations
    reach = (perturbations.lipschitz * eps)[:, None]
    y = gaps.z + perturbations.apply(delta)
    distance = view.distances(y)
    zero = torch.zeros_like(distance)
    # On a prototype the distance is at least 0 and has the subgradient 0.
    apart = distance > 1e-6 * view.widths
    distance = torch.where(apart, distance, zero)
    away = apart & (distance > reach)
    e = -distance / view.widths
    floor = gaps.exponents + gaps.level[:, None] - reach / view.widths
    e = torch.where((gaps.weights > 0) & ~away, floor, e)
    ratio = summed_sides(gaps, e - gaps.level[:, None], -gaps.level)
    value, balance, negative_terms = ratio.value, ratio.balance, ratio.negative_terms
    scale = torch.where(apart, 1.0 / (distance * view.widths), zero)
    q = torch.where(away, balance.clamp_min(0.0) * scale, zero)
    upward = view.towards(y, q)
    downward = view.towards(y, negative_terms.p * scale)
    mean = perturbations.adjoint(downward)
    spectral_norm = perturbations.spectral_norm
    if view.tangents is None:
        slopes = Slopes(gaps.geometry, scale, gaps.geometry.anchor(perturbations, y))
        deviations = Deviations(slopes, mean)
        squares = deviations.squares
        along = deviations.along(delta, delta @ gaps.geometry.points.T)
    else:
        deviations = None
        dots = scale * view.offsets_along(y, perturbations.apply(mean))
        lengths = (spectral_norm * scale * distance).square()
        own = mean.square().sum(1, keepdim=True)
        squares = (lengths - 2.0 * dots + own).clamp_min(0.0) + 1e-14 * (lengths + own)
        last = -(mean * delta).sum(1)
        turned = scale * view.offsets_along(y, perturbations.apply(delta))
        along = turned + last[:, None], last
    return Expansion(
        gaps=gaps,
        eps=eps,
        delta=delta,
        value=value,
        slope=perturbations.adjoint(upward) - mean,
        curvature=spectral_norm**2 * q.sum(1),
        negative_terms=negative_terms,
        mean=mean,
        squares=squares,
        along=along,
        deviations=deviations,
        rounding_error=gaps.rounding,
    )


def log_ratio(gaps: GapBatch, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Values (m,) and gradients (m, d) in delta of ``log P - log N``."""
    view, perturbations = gaps.view, gaps.perturbations
    moved = perturbations.apply(delta)
    if view.metric == "sqeuclidean":
        exponents, of_constant, _ = moved_terms(gaps, delta, moved.square().sum(1))
        ratio = summed_sides(gaps, exponents, of_constant)
        at = gaps.anchor + perturbations.adjoint(moved)
        slopes = Slopes(gaps.geometry, gaps.geometry.rate[None], at)
        return ratio.value, slopes.mean(ratio.balance)
    y = gaps.z + moved
    exponents = view.exponents(y)
    distance = -exponents * view.widths
    ratio = summed_sides(gaps, exponents - gaps.level[:, None], -gaps.level)
    rate = 1.0 / (distance.clamp_min(1e-12) * view.widths)
    return ratio.value, perturbations.adjoint(view.towards(y, ratio.balance * rate))
