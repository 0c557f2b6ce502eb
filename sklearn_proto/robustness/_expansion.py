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

from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_proto._functional import log_growth
from sklearn_proto.robustness._geometry import Geometry
from sklearn_proto.robustness._pairs import Pairs

# Up to here the inner products of all prototypes are written out for every pair.
_FEW = 32


@dataclass(frozen=True)
class Slopes:
    """Slopes ``b_j = c_j (w_j - a)`` of the negative terms, and 0 for the constant.

    Parameters
    ----------
    geometry : Geometry
        Where the prototypes are.
    scale : Tensor of shape (m, K) or (1, K)
        The c_j.
    anchor : Tensor of shape (m, d)
        The point a, in the coordinates of the geometry.
    """

    geometry: Geometry
    scale: Tensor
    anchor: Tensor

    def mean(self, p: Tensor) -> Tensor:
        """``u = sum_j p_j b_j`` of shape (m, d)."""
        mass = p * self.scale
        return mass @ self.geometry.points - mass.sum(1, keepdim=True) * self.anchor

    def dot(self, u: Tensor) -> Tensor:
        """``b_j . u`` of shape (m, K)."""
        along = (self.anchor * u).sum(1, keepdim=True)
        return self.scale * (u @ self.geometry.points.T - along)

    def squared_lengths(self) -> Tensor:
        """``|b_j|^2`` of shape (m, K)."""
        points = self.geometry.points
        sq = -2.0 * self.anchor @ points.T + self.anchor.square().sum(1, keepdim=True)
        return self.scale.square() * (sq + points.square().sum(1)).clamp_min(0.0)

    def scatter_norm(
        self, weight: Tensor, last: Tensor, mean: Tensor, dots: Tensor
    ) -> Tensor:
        r"""Bound (m,) on the largest eigenvalue of ``sum_j weight_j r_j r_j^T``.

        With ``r_j = b_j - mean``, `last` (m,) the weight of the constant, whose slope
        is 0, and `dots` (m, K) the ``b_j . mean``. The inner products are

            r_i . r_j = c_i c_j H_ij + (c_i alpha_j + c_j alpha_i) + (beta_i + beta_j)

        with H the Gram matrix. For few prototypes they are written out, and the bound
        is the Schatten norm of order 8; for many it is the Frobenius norm, whose square
        sums up in products with H and H^2 without any (m, K, K) array.
        """
        length = mean.square().sum(1, keepdim=True)
        beta = length / 2 - dots
        half = self.anchor.square().sum(1, keepdim=True) / 2
        alpha = self.scale * (half - self.anchor @ self.geometry.points.T)
        few = len(self.geometry.points) <= _FEW
        norm = self._schatten_norm if few else self._frobenius_norm
        return norm(weight, last, alpha, beta, length)

    def _schatten_norm(
        self, weight: Tensor, last: Tensor, alpha: Tensor, beta: Tensor, length: Tensor
    ) -> Tensor:
        c = self.scale.expand_as(weight)
        products = (
            c[:, :, None] * c[:, None] * self.geometry.gram
            + c[:, :, None] * alpha[:, None]
            + alpha[:, :, None] * c[:, None]
            + beta[:, :, None]
            + beta[:, None]
        )
        # r_0 = -mean for the constant, so r_0 . r_j = beta_j + |mean|^2 / 2.
        with_last = (beta + length / 2)[:, None]
        products = torch.cat([products, with_last], 1)
        column = torch.cat([with_last, length[:, None]], 2).mT
        products = torch.cat([products, column], 2)
        root = torch.cat([weight, last[:, None]], 1).sqrt()
        scatter = root[:, :, None] * products * root[:, None]
        size = scatter.abs().amax((1, 2)).clamp_min(1e-300)
        fourth = torch.linalg.matrix_power(scatter / size[:, None, None], 4)
        norm: Tensor = torch.linalg.matrix_norm(fourth)
        return size * norm.pow(0.25) * (1 + 1e-9)

    def _frobenius_norm(
        self, weight: Tensor, last: Tensor, alpha: Tensor, beta: Tensor, length: Tensor
    ) -> Tensor:
        c, gram = self.scale, self.geometry.gram
        wc, wb = weight * c, weight * beta
        wcc, wca, wcb = wc * c, wc * alpha, wc * beta
        xx = (wcc @ self.geometry.squared_gram * wcc).sum(1)
        yy = wcc.sum(1) * (weight * alpha.square()).sum(1) + wca.sum(1).square()
        zz = weight.sum(1) * (wb * beta).sum(1) + wb.sum(1).square()
        xy = (wcc @ gram * wca).sum(1)
        xz = (wc @ gram * wcb).sum(1)
        yz = wcb.sum(1) * (weight * alpha).sum(1) + wc.sum(1) * (wb * alpha).sum(1)
        # Their sum may cancel: the last term covers what rounding took.
        among = xx + 2 * (yy + zz) + 4 * (xy + xz + yz) + 1e-12 * (xx + yy + zz)
        across = 2 * last * (weight * (beta + length / 2).square()).sum(1)
        alone = (last * length.squeeze(1)).square()
        return (among.clamp_min(0.0) + across + alone).sqrt()


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
    log_p : Tensor of shape (m, K + 1)
        Logarithms of the shares of the negative terms; the last is the constant.
    slopes : Slopes or None
        Slopes of the negative terms, None for tangent distances.
    mean : Tensor of shape (m, d)
        Their mean u.
    dots, lengths : Tensor of shape (m, K)
        ``b_j . u`` and ``|b_j|^2``.
    """

    pairs: Pairs
    eps: Tensor
    delta: Tensor
    value: Tensor
    slope: Tensor
    bend: Tensor
    log_p: Tensor
    slopes: Slopes | None
    mean: Tensor
    dots: Tensor
    lengths: Tensor

    def lower_bound(self, pieces: int) -> Tensor:
        """Smallest value (m,) of the concave quadratic on the perturbations.

        ``value + slope . d - curvature |d|^2 / 2`` with ``d = delta - delta0``. Written
        around 0 its linear part is bounded by the support function and its square by
        the extent; on an l2 ball, and at ``delta0`` opposite to the slope, this loses
        nothing.
        """
        perturbations, eps, delta = self.pairs.perturbations, self.eps, self.delta
        length = delta.norm(dim=1)
        extent = perturbations.extent * eps
        k = self.curvature(length + extent, pieces)
        tilted = self.slope + k[:, None] * delta
        bound: Tensor = (
            self.value
            - (self.slope * delta).sum(1)
            - k * (length.square() + extent.square()) / 2
            - perturbations.support(-tilted, eps)
        )
        # Infinite curvature times no perturbation: nothing is known.
        return bound.nan_to_num(nan=-torch.inf)

    def curvature(self, reach: Tensor, pieces: int = 2) -> Tensor:
        """Curvature (m,) of the concave quadratic that holds up to ``|d| = reach``."""
        return self.bend + self._curvature(reach, pieces)

    def _curvature(self, reach: Tensor, pieces: int) -> Tensor:
        """Smallest k known with ``log sum p_j exp(r_j . d) <= k |d|^2 / 2`` there.

        Hoeffding: ``k = max |r_j|^2``. Bennett, as ``(e^t - 1 - t) / t^2`` grows with
        t: ``sum p_j exp(r_j . d) <= 1 + |d|^2 F(|d|)`` with F the norm of
        ``sum_j p_j psi(|d| |r_j|) r_j r_j^T``. F grows too, so on every piece of the
        range of ``|d|`` the bound at its end serves.
        """
        squares = self._squared_deviations()
        active = self.log_p > -torch.inf
        hoeffding = torch.where(active, squares, torch.zeros_like(squares)).amax(1)
        norms = squares.sqrt()
        bennett = torch.zeros_like(reach)
        before = None
        for i in range(1, pieces + 1):
            here = reach * (i / pieces)
            log_f = self._log_norm(here, norms)
            if before is None:
                k = 2.0 * log_f.exp()
            else:
                grown = torch.nn.functional.softplus(log_f + 2.0 * before.log())
                k = 2.0 * grown / before.square()
            bennett, before = torch.maximum(bennett, k), here
        return torch.fmin(hoeffding, bennett)

    def _squared_deviations(self) -> Tensor:
        """``|r_j|^2`` of shape (m, K + 1)."""
        mean = self.mean.square().sum(1, keepdim=True)
        scale = self.lengths + mean
        squares = (self.lengths - 2.0 * self.dots + mean).clamp_min(0.0)
        return torch.cat([squares + 1e-14 * scale, mean], 1)

    def _log_norm(self, reach: Tensor, norms: Tensor) -> Tensor:
        """Log of F: a norm of the scatter, its trace if slopes have no Gram matrix."""
        log_weight = self.log_p + log_growth(reach[:, None] * norms)
        top = log_weight.amax(1, keepdim=True)
        weight = (log_weight - top).exp()
        trace = (weight * norms.square()).sum(1)
        if self.slopes is None:
            return top.squeeze(1) + trace.log()
        norm = self.slopes.scatter_norm(
            weight[:, :-1], weight[:, -1], self.mean, self.dots
        )
        return top.squeeze(1) + torch.fmin(trace, norm).log()


def expand(pairs: Pairs, eps: Tensor, delta: Tensor) -> Expansion:
    """Expand the log-ratios of `pairs` around `delta`, for perturbations of `eps`."""
    if pairs.view.metric == "sqeuclidean":
        return _expand_gaussian(pairs, eps, delta)
    return _expand_distance(pairs, eps, delta)


def _logs(pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Logarithms (m, K + 1) of the weights of either side; the last is the constant."""
    constant = pairs.constant[:, None]
    rise = torch.cat([pairs.rise, constant.clamp_min(0.0)], 1)
    fall = torch.cat([pairs.fall, (-constant).clamp_min(0.0)], 1)
    return rise.log(), fall.log()


def _with_constant(e: Tensor) -> Tensor:
    return torch.cat([e, torch.zeros_like(e[:, :1])], 1)


def _shares(logs: Tensor) -> tuple[Tensor, Tensor]:
    """Log of the sum (m,) and logs of the shares; an empty side has share 0."""
    total = torch.logsumexp(logs, 1)
    floor = total.clamp_min(torch.finfo(total.dtype).min)
    return total, logs - floor[:, None]


def _expand_gaussian(pairs: Pairs, eps: Tensor, delta: Tensor) -> Expansion:
    view, perturbations = pairs.view, pairs.perturbations
    inverse = 1.0 / view.widths
    reference = inverse.max()
    moved = perturbations.push(delta)
    y = pairs.z + moved
    e = _with_constant(view.exponents(y))
    # Wider terms than the narrowest keep exp(left |A delta|^2) after the common factor.
    left = torch.cat([reference - inverse, reference[None]])
    room = (perturbations.lipschitz * eps).square() - moved.square().sum(1)
    rise, fall = _logs(pairs)
    up, log_q = _shares(rise + e)
    down, log_p = _shares(fall + e + left * room[:, None].clamp_min(0.0))
    q, p = log_q.exp()[:, :-1], log_p.exp()[:, :-1]
    upward = view.towards(y, 2.0 * q * inverse) + 2.0 * reference * moved
    slopes = Slopes(pairs.geometry, 2.0 * inverse[None], pairs.geometry.place(pairs.z))
    mean = slopes.mean(p)
    return Expansion(
        pairs,
        eps,
        delta,
        up - down,
        perturbations.pull(upward) - mean,
        torch.zeros_like(eps),
        log_p,
        slopes,
        mean,
        slopes.dot(mean),
        slopes.squared_lengths(),
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
    rise, fall = _logs(pairs)
    e = _with_constant(-distance / view.widths)
    start = view.squared_distances(pairs.z).sqrt_()
    floor = _with_constant(-(start + reach) / view.widths)
    moving = torch.cat([away, torch.ones_like(away[:, :1])], 1)
    up, log_q = _shares(rise + torch.where(moving, e, floor))
    down, log_p = _shares(fall + e)
    scale = torch.where(apart, 1.0 / (distance * view.widths), zero)
    q = torch.where(away, log_q.exp()[:, :-1] * scale, zero)
    p = log_p.exp()[:, :-1]
    upward = view.towards(y, q)
    downward = view.towards(y, p * scale)
    mean = perturbations.pull(downward)
    stretch = perturbations.stretch
    slopes = None
    if view.tangents is None:
        slopes = Slopes(pairs.geometry, scale, pairs.geometry.place(y))
        dots, lengths = slopes.dot(mean), slopes.squared_lengths()
    else:
        pushed = perturbations.push(mean)
        dots = scale * view.offsets_along(y, pushed)
        lengths = (stretch * scale * distance).square()
    return Expansion(
        pairs,
        eps,
        delta,
        up - down,
        perturbations.pull(upward) - mean,
        stretch**2 * q.sum(1),
        log_p,
        slopes,
        mean,
        dots,
        lengths,
    )


def log_ratio(pairs: Pairs, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Values (m,) and gradients (m, d) in delta of ``log P - log N``."""
    view, perturbations = pairs.view, pairs.perturbations
    y = pairs.z + perturbations.push(delta)
    exponents = view.exponents(y)
    e = _with_constant(exponents)
    rise, fall = _logs(pairs)
    up, log_q = _shares(rise + e)
    down, log_p = _shares(fall + e)
    difference = (log_q.exp() - log_p.exp())[:, :-1]
    if view.metric == "sqeuclidean":
        rate = 2.0 / view.widths
    else:
        distance = -exponents * view.widths
        rate = 1.0 / (distance.clamp_min(1e-12) * view.widths)
    return up - down, perturbations.pull(view.towards(y, difference * rate))
