r"""A concave function below the log-ratio of a gap, around any perturbation.

A gap is positive where ``log P - log N`` is, with P the sum of its positive terms and N
that of its negative ones. After multiplying both by ``exp(|A delta|^2 / s)`` every term
of a Gaussian model is the exponential of a linear function of delta, up to factors that
are bounded exactly on the sphere. So log P lies above its tangent at ``delta0`` (it is
convex), and

    log N(delta0 + d) - log N(delta0) - u . d  =  log sum_j p_j exp(r_j . d)

with p the shares of the negative terms at ``delta0``, u their mean slope and
``r_j = b_j - u``: a cumulant generating function of mean zero. The user guide proves
the two bounds on it that `Expansion.lower_bound` takes the smaller of.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._similarity._gaps import Pairs
from sklearn_proto.robustness._similarity._log_ratio import Fall, Sides, sides
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
    pairs : Pairs
        The gaps.
    eps, delta : Tensor of shape (m,) and (m, d)
        Size of the perturbations, and where the bound touches the log-ratio.
    value, slope : Tensor of shape (m,) and (m, d)
        Log-ratio and gradient there.
    bend : Tensor of shape (m,)
        Curvature of the positive side, 0 for Gaussian models.
    fall : Fall
        The negative terms.
    mean : Tensor of shape (m, d)
        Mean u of the slopes of the negative terms.
    squares : Tensor of shape (m, K)
        Their squared distances ``|r_j|^2`` from it, and those of the other slopes.
    along : tuple of Tensors of shape (m, K) and (m,)
        ``r_j . delta``, and of the constant.
    deviations : Deviations or None
        All of the r_j, None for tangent distances.
    lost : Tensor of shape (m,)
        What rounding may add to the bound.
    is_rough : bool
        Whether the trace of their scatter is all that bounds it.
    """

    pairs: Pairs
    eps: Tensor
    delta: Tensor
    value: Tensor
    slope: Tensor
    bend: Tensor
    fall: Fall
    mean: Tensor
    squares: Tensor
    along: tuple[Tensor, Tensor]
    deviations: Deviations | None
    lost: Tensor
    is_rough: bool = False

    @property
    def rough(self) -> "Expansion":
        """The same with the trace of the scatter alone: less work."""
        return replace(self, is_rough=True)

    def holds(self) -> Tensor:
        """Whether each gap (m,) provably stays positive, as computed."""
        return self.lower_bound() > self.lost

    def lower_bound(self) -> Tensor:
        """Smallest value (m,) of the bound on the perturbations, at the least."""
        return self.least(self.cumulant)

    def least(self, cumulant: "Cumulant", weights: Tensor | None = None) -> Tensor:
        """Smallest value (m,) of the bound with any cumulant, at the least.

        With ``d = delta - delta0`` the bound is ``value + slope . d - bend |d|^2 / 2``
        less the cumulant. ``k |d|^2 / 2`` goes to the first part and the rest of the
        cumulant is bounded on its own, for several k: each is a proof. There `weights`
        (m, d) of the features may count for their squares, as they do for the cumulant.
        """
        delta, perturbations, bend = self.delta, self.pairs.perturbations, self.bend
        rise = -(self.slope * delta).sum(1)
        weighted = delta if weights is None else weights * delta
        square = (weighted * delta).sum(1)
        extent = perturbations.extent * self.eps
        if weights is not None:
            extent = perturbations.weighted_extent(weights, self.eps)
        reach = square.sqrt() + extent
        # Written around 0 the linear part is bounded by the support function and the
        # square by the extent. On an l2 ball with the slope pointing back it is exact.
        half = (square + extent.square()) / 2
        start, bent = -self.slope, torch.zeros_like(rise)
        if bool(bend.any()):
            start = start - bend[:, None] * delta
            far = (perturbations.extent * self.eps).square()
            bent = bend * (delta.square().sum(1) + far) / 2
        tilted = perturbations.pencil(start, -weighted, self.eps)
        # Where the slope points back, k below this leaves the minimum at delta0.
        most = (rise / square).clamp_min(0.0).nan_to_num(0.0, 0.0, 0.0)
        bound = torch.full_like(rise, -torch.inf)
        for k in (cumulant.quadratic, *(most * share for share in _SHARES)):
            least = -tilted(k) - k * half - cumulant.above(k, reach)
            # Infinite curvature times no perturbation: nothing is known.
            bound = torch.fmax(bound, least)
        return bound - bent + (self.value + rise)

    @cached_property
    def cumulant(self) -> "Cumulant":
        """Bound ``log sum p_j exp(r_j . d)`` for the perturbations ``delta0 + d``.

        Hoeffding: at most ``max |r_j|^2 |d|^2 / 2``. Bennett: at most
        ``log(1 + |d|^2 F)``, F the norm of ``sum_j p_j psi(m_j) r_j r_j^T`` with
        ``psi(m) = (e^m - 1 - m) / m^2`` and ``m_j = E eps |r_j| - r_j . delta0``, which
        ``r_j . d`` does not exceed.
        """
        fall, extent = self.fall, self.pairs.perturbations.extent * self.eps
        last_square = self.mean.square().sum(1) * (fall.last_weight > 0)
        along, along_last = self.along
        # Of what is not negative m is 0: it must not overflow.
        m = self.squares.sqrt().mul_(extent[:, None]).sub_(along)
        m *= self.pairs.signs.falls
        last_m = extent * last_square.sqrt() - along_last
        top, p, last = fall.grown(m, last_m)
        scatter = (p * self.squares).sum(1) + last * last_square
        hoeffding = torch.full_like(scatter, torch.inf)
        if not self.is_rough:
            counted = self.squares * self.pairs.signs.falls
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

    def above(self, k: Tensor, reach: Tensor) -> Tensor:
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


def without_deviations(view: SimilarityView) -> str | None:
    """Why expansions of a model have no `Deviations`, or None if they have."""
    if view.tangents is not None:
        return "the slopes of tangent distances are not differences of prototypes"
    return None


def expand(pairs: Pairs, eps: Tensor, delta: Tensor) -> Expansion:
    """Expand the log-ratios of `pairs` around `delta`, for perturbations of `eps`."""
    if pairs.view.metric == "sqeuclidean":
        return _expand_gaussian(pairs, eps, delta)
    return _expand_distance(pairs, eps, delta)


def _expand_gaussian(pairs: Pairs, eps: Tensor, delta: Tensor) -> Expansion:
    geometry, perturbations = pairs.geometry, pairs.perturbations
    moved = perturbations.push(delta)
    square = moved.square().sum(1)
    change = moved_terms(pairs, delta, square)
    exponents, of_constant = change.exponents, change.of_constant
    # After the common factor, what is wider than the narrowest, as the constant is,
    # keeps exp(left |A delta|^2) in N, and at least 1 in P.
    room = ((perturbations.lipschitz * eps).square() - square).clamp_min(0.0)
    if not pairs.view.same_width:
        left = geometry.leftover * room[:, None]
        exponents = exponents + left * pairs.signs.falls
    of_constant = of_constant + geometry.reference * room * (pairs.constant < 0)
    both = sides(pairs, exponents, of_constant)
    slopes = Slopes(geometry, geometry.rate[None], pairs.anchor)
    mean, slope = slopes.mean(both.fall.p), slopes.mean(both.balance)
    deviations = Deviations(slopes, mean)
    # What the common factor adds to P and its terms do not have of their own.
    free = 2.0 * geometry.reference * both.gain
    if not pairs.view.same_width:
        free += both.balance.clamp_min(0.0) @ (2.0 * geometry.leftover)
    if bool(free.any()):
        slope += perturbations.pull(free[:, None] * moved)
    return Expansion(
        pairs,
        eps,
        delta,
        both.value,
        slope,
        torch.zeros_like(eps),
        both.fall,
        mean,
        deviations.squares,
        deviations.along(delta, change.inner),
        deviations,
        pairs.rounding + _lost(pairs, eps, delta, both),
    )


def _lost(pairs: Pairs, eps: Tensor, delta: Tensor, both: Sides) -> Tensor:
    """Bound what rounding may add for Gaussian terms: the user guide, "Rounding".

    Errors of exponents count by the shares of their terms, as those of slopes do.
    """
    geometry, perturbations = pairs.geometry, pairs.perturbations
    k, d = geometry.points.shape
    largest = 4.0 * geometry.reference
    share = both.balance.abs()
    scale = share @ geometry.lengths + largest * pairs.anchor.norm(dim=1)
    length = delta.norm(dim=1)
    reach = length + perturbations.extent * eps
    most = largest * (perturbations.lipschitz * eps).square()
    products = (d + 8) * (length * scale + most) + (k + 8) * (reach * scale + 2.0)
    stored = share.mul_(pairs.exponents).sum(1).abs() + pairs.level.abs()
    stored += 8.0 * both.value.abs()
    found: Tensor = (products + stored) * (torch.finfo(products.dtype).eps / 2)
    return found


class Change(NamedTuple):
    """Gaussian terms at perturbed rows, up to a factor that all of them share."""

    exponents: Tensor  # (m, K)
    of_constant: Tensor  # (m,)
    inner: Tensor  # (m, K), inner products of the perturbation with the prototypes


def moved_terms(pairs: Pairs, delta: Tensor, square: Tensor) -> Change:
    """Compute what changes for perturbations `delta`, and that once for both sides.

    The factor is ``exp(-(2 z . A delta + |A delta|^2) / s)``, s the least width and
    `square` (m,) the last term of it.
    """
    geometry = pairs.geometry
    inner = delta @ geometry.points.T
    common = 2.0 * (pairs.anchor * delta).sum(1) + square
    exponents = torch.addcmul(pairs.exponents, inner, geometry.rate)
    if not pairs.view.same_width:
        exponents += geometry.leftover * common[:, None]
    return Change(exponents, geometry.reference * common - pairs.level, inner)


def _expand_distance(pairs: Pairs, eps: Tensor, delta: Tensor) -> Expansion:
    """Kernels of the distance itself: convex in delta, and nearly linear far away.

    ``D <= D_0 + e . d + |A d|^2 / (2 D_0)`` bounds positive terms, ``D >= D_0 + e . d``
    negative ones, e the unit vector away from the prototype. A positive term nearer
    than the perturbations reach counts with its smallest value instead.
    """
    view, perturbations = pairs.view, pairs.perturbations
    reach = (perturbations.lipschitz * eps)[:, None]
    y = pairs.z + perturbations.push(delta)
    distance = view.distances(y)
    zero = torch.zeros_like(distance)
    # On a prototype the distance is at least 0 and has the subgradient 0.
    apart = distance > 1e-6 * view.widths
    distance = torch.where(apart, distance, zero)
    away = apart & (distance > reach)
    e = -distance / view.widths
    floor = pairs.exponents + pairs.level[:, None] - reach / view.widths
    e = torch.where((pairs.weights > 0) & ~away, floor, e)
    both = sides(pairs, e - pairs.level[:, None], -pairs.level)
    value, balance, fall = both.value, both.balance, both.fall
    scale = torch.where(apart, 1.0 / (distance * view.widths), zero)
    q = torch.where(away, balance.clamp_min(0.0) * scale, zero)
    upward = view.towards(y, q)
    downward = view.towards(y, fall.p * scale)
    mean = perturbations.pull(downward)
    stretch = perturbations.stretch
    if view.tangents is None:
        slopes = Slopes(pairs.geometry, scale, pairs.geometry.anchor(perturbations, y))
        deviations = Deviations(slopes, mean)
        squares = deviations.squares
        along = deviations.along(delta, delta @ pairs.geometry.points.T)
    else:
        deviations = None
        dots = scale * view.offsets_along(y, perturbations.push(mean))
        lengths = (stretch * scale * distance).square()
        own = mean.square().sum(1, keepdim=True)
        squares = (lengths - 2.0 * dots + own).clamp_min(0.0) + 1e-14 * (lengths + own)
        last = -(mean * delta).sum(1)
        turned = scale * view.offsets_along(y, perturbations.push(delta))
        along = turned + last[:, None], last
    return Expansion(
        pairs,
        eps,
        delta,
        value,
        perturbations.pull(upward) - mean,
        stretch**2 * q.sum(1),
        fall,
        mean,
        squares,
        along,
        deviations,
        pairs.rounding,
    )


def log_ratio(pairs: Pairs, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Values (m,) and gradients (m, d) in delta of ``log P - log N``."""
    view, perturbations = pairs.view, pairs.perturbations
    moved = perturbations.push(delta)
    if view.metric == "sqeuclidean":
        exponents, of_constant, _ = moved_terms(pairs, delta, moved.square().sum(1))
        both = sides(pairs, exponents, of_constant)
        at = pairs.anchor + perturbations.pull(moved)
        slopes = Slopes(pairs.geometry, pairs.geometry.rate[None], at)
        return both.value, slopes.mean(both.balance)
    y = pairs.z + moved
    exponents = view.exponents(y)
    distance = -exponents * view.widths
    both = sides(pairs, exponents - pairs.level[:, None], -pairs.level)
    rate = 1.0 / (distance.clamp_min(1e-12) * view.widths)
    return both.value, perturbations.pull(view.towards(y, both.balance * rate))
