r"""A concave quadratic below the log-ratio of a gap, around any perturbation.

A gap is positive where ``log P - log N`` is, with P the sum of its positive terms and N
that of its negative ones. After multiplying both by ``exp(|A delta|^2 / s)`` every term
of a Gaussian model is the exponential of a linear function of delta, up to factors that
are bounded exactly on the sphere. So log P lies above its tangent at ``delta0`` (it is
convex), and

    log N(delta0 + d) - log N(delta0) - u . d  =  log sum_j p_j exp(r_j . d)

with p the shares of the negative terms at ``delta0``, u their mean slope and
``r_j = b_j - u``: a cumulant generating function of mean zero. The user guide proves
the two bounds on it that `Expansion.curvature` takes the smaller of.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from sklearn_proto._functional import log_growth
from sklearn_proto.robustness._pairs import Pairs
from sklearn_proto.robustness._slopes import Deviations, Slopes

# Terms count at least exp(-600) times the largest of their side. For the negative ones
# that errs on the safe side; of the positive ones it adds less than rounding takes off.
_FAINTEST = -600.0
# Ends of the steps in either half of the range, as shares of it: small ones first, at
# which the scatter of the sharpest kernel has not grown yet.
_STEPS = (
    torch.cat([0.5 ** torch.arange(12.0, 4.0, -1.0), torch.arange(1.0, 9.0) / 16.0]),
    torch.arange(9.0, 17.0) / 16.0,
)
# From here on log(1 + e^x) and x are the same in float64.
_SAME = 40.0
# Added to the exponents of terms that are not there, and the least sum of a side.
_ABSENT, _TINY = 1e300, 1e-300


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
        Their squared distances ``|r_j|^2`` from it, 0 for what is not negative.
    deviations : Deviations or None
        All of the r_j, None for tangent distances.
    """

    pairs: Pairs
    eps: Tensor
    delta: Tensor
    value: Tensor
    slope: Tensor
    bend: Tensor
    fall: "Fall"
    mean: Tensor
    squares: Tensor
    deviations: Deviations | None

    @property
    def rough(self) -> "Expansion":
        """The same with the trace of the scatter instead of its norm: less work."""
        return replace(self, deviations=None)

    def lower_bound(self) -> Tensor:
        """Smallest value (m,) of the concave quadratic on the perturbations.

        ``value + slope . d - curvature |d|^2 / 2`` with ``d = delta - delta0``. Written
        around 0 its linear part is bounded by the support function and its square by
        the extent; on an l2 ball, and at ``delta0`` opposite to the slope, this loses
        nothing.
        """
        perturbations, eps, delta = self.pairs.perturbations, self.eps, self.delta
        length = delta.norm(dim=1)
        extent = perturbations.extent * eps
        k = self.curvature(length + extent)
        tilted = self.slope + k[:, None] * delta
        bound: Tensor = (
            self.value
            - (self.slope * delta).sum(1)
            - k * (length.square() + extent.square()) / 2
            - perturbations.support(-tilted, eps)
        )
        # Infinite curvature times no perturbation: nothing is known.
        return bound.nan_to_num(nan=-torch.inf)

    def curvature(self, reach: Tensor) -> Tensor:
        """Curvature (m,) of the concave quadratic that holds up to ``|d| = reach``."""
        return self.bend + self._curvature(reach)

    def _curvature(self, reach: Tensor) -> Tensor:
        """Smallest k known with ``log sum p_j exp(r_j . d) <= k |d|^2 / 2`` there.

        Hoeffding: ``k = max |r_j|^2``. Bennett, with ``psi(t) = (e^t - 1 - t) / t^2``:
        ``sum p_j exp(r_j . d) <= 1 + |d|^2 F(|d|)`` with F(t) the norm of
        ``sum_j p_j psi(t |r_j|) r_j r_j^T``. F grows and log F is convex, so that F at
        three sizes bounds it everywhere between them, and on every step of a fine
        division the bound on F at its end serves.
        """
        fall = self.fall
        last_square = self.mean.square().sum(1) * (fall.last_weight > 0)
        hoeffding = torch.maximum(self.squares.amax(1), last_square)
        norms, last_norm = self.squares.sqrt(), last_square.sqrt()
        ends = []
        for at in (0.0 * reach, 0.5 * reach, reach):
            logs = fall.logs + log_growth(at[:, None] * norms)
            last_log = fall.last_log + log_growth(at * last_norm)
            top = torch.maximum(logs.amax(1), last_log)
            p, last = fall.times(logs - top[:, None], last_log - top)
            scatter = self._scatter(p, last, last_square)
            ends.append(top + scatter.clamp_min(1e-300).log())
        below, above = (share.to(reach) for share in _STEPS)
        log_f = torch.cat(
            [
                torch.lerp(ends[0][:, None], ends[1][:, None], 2.0 * below),
                torch.lerp(ends[1][:, None], ends[2][:, None], 2.0 * above - 1.0),
            ],
            1,
        )
        start = torch.cat([0.0 * below[:1], below, above[:-1]]) * reach[:, None]
        # log(1 + |d|^2 F) without overflow.
        log_sum = softplus(log_f + 2.0 * start.log(), threshold=_SAME)
        bennett = (log_sum / start.square().clamp_min(1e-300)).amax(1)
        return torch.fmin(hoeffding, 2.0 * bennett.maximum(log_f[:, 0].exp()))

    def _scatter(self, p: Tensor, last: Tensor, last_square: Tensor) -> Tensor:
        """Norm (m,) of the scatter; its trace if slopes have no Gram matrix."""
        trace = (p * self.squares).sum(1) + last * last_square
        if self.deviations is None:
            return trace
        return torch.fmin(trace, self.deviations.scatter_norm(p, last))


def expand(pairs: Pairs, eps: Tensor, delta: Tensor) -> Expansion:
    """Expand the log-ratios of `pairs` around `delta`, for perturbations of `eps`."""
    if pairs.view.metric == "sqeuclidean":
        return _expand_gaussian(pairs, eps, delta)
    return _expand_distance(pairs, eps, delta)


class Fall(NamedTuple):
    """Negative terms: K numbers and one for the constant, each in two factors.

    The shares in N are ``weight exp(log)``, and the logs at most 0.
    """

    weight: Tensor  # (m, K), 0 for terms that are not negative
    logs: Tensor  # (m, K)
    last_weight: Tensor  # (m,)
    last_log: Tensor  # (m,)

    def times(self, logs: Tensor, last_log: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (m, K) and (m,) times the exponentials of other logs, in place."""
        p = logs.clamp_min_(_FAINTEST).exp_().mul_(self.weight)
        return p, self.last_weight * last_log.exp()

    @property
    def log_p(self) -> Tensor:
        """Logarithms (m, K + 1) of the shares; the last is the constant."""
        logs = torch.cat([self.logs, self.last_log[:, None]], 1)
        return logs + torch.cat([self.weight, self.last_weight[:, None]], 1).log()


class Sides(NamedTuple):
    """Either side of the gaps: its logarithm, and who has which share of it."""

    value: Tensor  # (m,), log P - log N
    balance: Tensor  # (m, K), shares in P of its terms, minus shares in N of the others
    p: Tensor  # (m, K), shares in N
    fall: Fall


def _sides(pairs: Pairs, exponents: Tensor, of_constant: Tensor) -> Sides:
    """Sum the terms of either side, each relative to the largest of its side.

    A term is in P or in N, so one exponential serves both. Products with 0 and 1 leave
    out what is on the other side: choices by a mask cost many times more.
    """
    side = pairs.weights.sign()
    rises, falls = side.clamp_min(0.0), side.neg_().clamp_min_(0.0)
    gain, loss = pairs.constant.clamp_min(0.0), (-pairs.constant).clamp_min(0.0)
    top_up = _largest(exponents, rises, of_constant, gain)
    top_down = _largest(exponents, falls, of_constant, loss)
    logs = exponents - rises * top_up[:, None] - falls * top_down[:, None]
    terms = logs.clamp_min(_FAINTEST).exp_().mul_(pairs.weights)
    q, p = terms.clamp_min(0.0), terms.neg_().clamp_min_(0.0)
    # A constant that is there never exceeds the largest term of its side.
    last_log = (of_constant - top_down).clamp_max(0.0)
    up = q.sum(1) + gain * (of_constant - top_up).clamp_max(0.0).exp()
    down = p.sum(1) + loss * last_log.exp()
    value = top_up - top_down + up.log() - down.log()
    # An empty side has no shares.
    up, down = up.clamp_min(_TINY), down.clamp_min(_TINY)
    p.div_(down[:, None])
    weight = falls.mul_(pairs.weights).div_(-down[:, None])
    fall = Fall(weight, logs, loss / down, last_log)
    return Sides(value, q.div_(up[:, None]).sub_(p), p, fall)


def _largest(
    exponents: Tensor, present: Tensor, of_constant: Tensor, constant: Tensor
) -> Tensor:
    """Largest exponent (m,) of the terms of a side."""
    terms = torch.add(exponents, present - 1.0, alpha=_ABSENT).amax(1)
    return terms.maximum(torch.where(constant > 0, of_constant, -_ABSENT))


def _expand_gaussian(pairs: Pairs, eps: Tensor, delta: Tensor) -> Expansion:
    view, perturbations = pairs.view, pairs.perturbations
    inverse = 1.0 / view.widths
    reference = inverse.max()
    moved = perturbations.push(delta)
    y = pairs.z + moved
    e = view.exponents(y)
    # After the common factor, what is wider than the narrowest, as the constant is,
    # keeps exp(left |A delta|^2) in N, and at least 1 in P.
    room = (perturbations.lipschitz * eps).square() - moved.square().sum(1)
    room = room.clamp_min(0.0)
    if not view.same_width:
        left = (reference - inverse) * room[:, None]
        e = e + left * (pairs.weights < 0)
    sides = _sides(pairs, e, reference * room * (pairs.constant < 0))
    rate = 2.0 * (inverse[:1] if view.same_width else inverse)
    slopes = Slopes(pairs.geometry, rate[None], pairs.geometry.place(pairs.z))
    mean = slopes.mean(sides.p)
    deviations = Deviations(slopes, mean)
    # What the common factor adds to P and its terms do not have of their own.
    free = 2.0 * reference - (sides.balance.clamp_min(0.0) * rate).sum(1, keepdim=True)
    return Expansion(
        pairs,
        eps,
        delta,
        sides.value,
        slopes.mean(sides.balance) + perturbations.pull(free * moved),
        torch.zeros_like(eps),
        sides.fall,
        mean,
        deviations.squares * (sides.fall.weight > 0),
        deviations,
    )


def _expand_distance(pairs: Pairs, eps: Tensor, delta: Tensor) -> Expansion:
    """Kernels of the distance itself: convex in delta, and nearly linear far away.

    ``D <= D_0 + e . d + |A d|^2 / (2 D_0)`` bounds positive terms, ``D >= D_0 + e . d``
    negative ones, e the unit vector away from the prototype. A positive term nearer
    than the perturbations reach counts with its smallest value instead.
    """
    view, perturbations = pairs.view, pairs.perturbations
    reach = (perturbations.lipschitz * eps)[:, None]
    y = pairs.z + perturbations.push(delta)
    distance = view.squared_distances(y).sqrt_()
    zero = torch.zeros_like(distance)
    # On a prototype the distance is at least 0 and has the subgradient 0.
    apart = distance > 1e-6 * view.widths
    distance = torch.where(apart, distance, zero)
    away = apart & (distance > reach)
    e = -distance / view.widths
    start = view.squared_distances(pairs.z).sqrt_()
    floor = -(start + reach) / view.widths
    sides = _sides(
        pairs, torch.where((pairs.weights > 0) & ~away, floor, e), torch.zeros_like(eps)
    )
    scale = torch.where(apart, 1.0 / (distance * view.widths), zero)
    q = torch.where(away, sides.balance.clamp_min(0.0) * scale, zero)
    upward = view.towards(y, q)
    downward = view.towards(y, sides.p * scale)
    mean = perturbations.pull(downward)
    stretch = perturbations.stretch
    deviations = None
    if view.tangents is None:
        slopes = Slopes(pairs.geometry, scale, pairs.geometry.place(y))
        deviations = Deviations(slopes, mean)
        squares = deviations.squares
    else:
        dots = scale * view.offsets_along(y, perturbations.push(mean))
        lengths = (stretch * scale * distance).square()
        own = mean.square().sum(1, keepdim=True)
        squares = (lengths - 2.0 * dots + own).clamp_min(0.0) + 1e-14 * (lengths + own)
    return Expansion(
        pairs,
        eps,
        delta,
        sides.value,
        perturbations.pull(upward) - mean,
        stretch**2 * q.sum(1),
        sides.fall,
        mean,
        squares * (sides.fall.weight > 0),
        deviations,
    )


def log_ratio(pairs: Pairs, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Values (m,) and gradients (m, d) in delta of ``log P - log N``."""
    view, perturbations = pairs.view, pairs.perturbations
    y = pairs.z + perturbations.push(delta)
    exponents = view.exponents(y)
    sides = _sides(pairs, exponents, torch.zeros_like(pairs.constant))
    if view.metric == "sqeuclidean":
        rate = 2.0 / view.widths
    else:
        distance = -exponents * view.widths
        rate = 1.0 / (distance.clamp_min(1e-12) * view.widths)
    slope = perturbations.pull(view.towards(y, sides.balance * rate))
    return sides.value, slope
