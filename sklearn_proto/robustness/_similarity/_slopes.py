"""Slopes b_j of the negative terms, and how far ``r_j = b_j - u`` scatter around u.

Proof in the guide: `deviations`, `bennett`.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

from sklearn_proto.robustness._similarity._geometry import Geometry

# Up to here the inner products of all prototypes are written out for every pair.
_FEW = 32
# Weight of a constant that is there by the allowance for rounding.
_FAINT = 1e-9


@dataclass(frozen=True)
class Slopes:
    """Slopes ``b_j = c_j (w_j - a)`` of the negative terms, and 0 for the constant.

    Parameters
    ----------
    geometry : Geometry
        Where the prototypes are.
    scale : Tensor of shape (m, K), (1, K), or (1, 1) if all are the same
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
        total = mass.sum(1, keepdim=True).neg_()
        return (mass @ self.geometry.points).addcmul_(total, self.anchor)


@dataclass(frozen=True)
class Deviations:
    r"""``r_j = b_j - u`` from any vector u, and -u for the constant.

    With H the Gram matrix of the prototypes their inner products are

        r_i . r_j = c_i c_j H_ij + (c_i alpha_j + alpha_i c_j) + (beta_i + beta_j).

    Where all the c_j are one number c it is ``c^2 H_ij + gamma_i + gamma_j``, with
    ``gamma = c alpha + beta`` known from one product with the prototypes. In either
    case ``|r_j|^2 = c_j^2 H_jj + 2 gamma_j``.

    Parameters
    ----------
    slopes : Slopes
        The b_j.
    centre : Tensor of shape (m, d)
        The vector u.
    """

    slopes: Slopes
    centre: Tensor

    @property
    def _same(self) -> bool:
        return self.slopes.scale.numel() == 1

    @cached_property
    def last_square(self) -> Tensor:
        """``|u|^2`` of shape (m,)."""
        return self.centre.square().sum(1)

    def along(self, delta: Tensor, inner: Tensor) -> tuple[Tensor, Tensor]:
        """``r_j . delta`` of shape (m, K), and of the constant (m,).

        `inner` (m, K) are the inner products of delta with the prototypes.
        """
        slopes, last = self.slopes, -(self.centre * delta).sum(1)
        own = (slopes.anchor * delta).sum(1)
        if self._same:
            # Columns are added in place, which is the cheapest.
            start = last - float(slopes.scale) * own
            return (slopes.scale * inner).add_(start[:, None]), last
        offsets = inner - own[:, None]
        return offsets.mul_(slopes.scale).add_(last[:, None]), last

    @cached_property
    def _alpha(self) -> Tensor:
        a, points = self.slopes.anchor, self.slopes.geometry.points
        half = a.square().sum(1, keepdim=True) / 2
        return self.slopes.scale * (half - a @ points.T)

    @cached_property
    def _beta(self) -> Tensor:
        u, points = self.centre, self.slopes.geometry.points
        along = (self.slopes.anchor * u).sum(1, keepdim=True)
        return self.last_square[:, None] / 2 - self.slopes.scale * (
            u @ points.T - along
        )

    @cached_property
    def _around(self) -> Tensor:
        """``c`` times the point around which equal slopes scatter, (m, d)."""
        return self.centre + self.slopes.scale * self.slopes.anchor

    @cached_property
    def _around_square(self) -> Tensor:
        return self._around.square().sum(1, keepdim=True)

    @cached_property
    def _gamma(self) -> Tensor:
        if not self._same:
            return self.slopes.scale * self._alpha + self._beta
        along = self._around @ self.slopes.geometry.points.T
        return self._around_square / 2 - self.slopes.scale * along

    @cached_property
    def _lengths(self) -> Tensor:
        return self.slopes.scale.square() * self.slopes.geometry.squares

    @cached_property
    def _sizes(self) -> Tensor:
        """Squares (m, K) of what the r_j are differences of."""
        size = self._lengths + self.last_square[:, None]
        if self._same:
            return size + self._around_square
        return size + (self.slopes.scale * self._alpha).abs()

    @property
    def _rounding(self) -> float:
        """What ``r_i . r_j`` may be off by, as a share of the root of both sizes."""
        return self.slopes.geometry.rounding

    @cached_property
    def squares(self) -> Tensor:
        """``|r_j|^2`` of shape (m, K), with what rounding may have taken."""
        if self._same:
            # In one product: everything else is a row or a column.
            scale, points = float(self.slopes.scale), self.slopes.geometry.points
            column = (1 + self._rounding) * self._around_square
            column += self._rounding * self.last_square[:, None]
            found = torch.addmm(column, self._around, points.T, alpha=-2.0 * scale)
            return found.add_(self._lengths, alpha=1 + self._rounding).clamp_min_(0.0)
        found = torch.add(self._lengths, self._gamma, alpha=2.0).clamp_min_(0.0)
        return found.add_(self._sizes, alpha=self._rounding)

    @property
    def vectors(self) -> Tensor:
        """All of the r_j, shape (m, K + 1, d); the last is that of the constant."""
        slopes = self.slopes
        b = slopes.scale[..., None] * (slopes.geometry.points - slopes.anchor[:, None])
        return pad(b, (0, 0, 0, 1)) - self.centre[:, None]

    def scatter_norm(self, weight: Tensor, last: Tensor) -> Tensor:
        """Bound (m,) on the largest eigenvalue of ``sum_j weight_j r_j r_j^T``.

        With `last` (m,) the weight of the constant. For few prototypes the inner
        products are written out, and the bound is the Schatten norm of order 8; for
        many it is the Frobenius norm, whose square sums up in products with H and with
        the squares of its entries, without any (m, K, K) array.
        """
        few = len(self.slopes.geometry.points) <= _FEW
        norm = (self._schatten_norm if few else self._frobenius_norm)(weight, last)
        # An error of r_i . r_j below the root of s_i s_j moves it by sum weight_j s_j.
        size = (weight * self._sizes).sum(1) + last * self.last_square
        norm = norm.add_(size, alpha=self._rounding)
        # Where squares of squares underflow nothing is known.
        dtype = torch.finfo(size.dtype)
        return norm.masked_fill_(~(size.square() > dtype.tiny / dtype.eps), torch.inf)

    @property
    def _with_last(self) -> Tensor:
        """``r_0 . r_j`` of shape (m, K) for the constant, whose slope is 0."""
        return self._beta + self.last_square[:, None] / 2

    def _schatten_norm(self, weight: Tensor, last: Tensor) -> Tensor:
        c = self.slopes.scale
        if self._same:
            products = c.square() * self.slopes.geometry.gram
            add = self._gamma
        else:
            c = c.expand_as(weight)
            products = c[:, :, None] * c[:, None] * self.slopes.geometry.gram
            products = products + c[:, :, None] * self._alpha[:, None]
            products = products + self._alpha[:, :, None] * c[:, None]
            add = self._beta
        products = products + add[:, :, None] + add[:, None]
        with_last = self._with_last[:, None]
        products = torch.cat([products, with_last], 1)
        column = torch.cat([with_last, self.last_square[:, None, None]], 2).mT
        products = torch.cat([products, column], 2)
        root = torch.cat([weight, last[:, None]], 1).sqrt()
        scatter = root[:, :, None] * products * root[:, None]
        return schatten_norm(scatter)

    def _frobenius_norm(self, weight: Tensor, last: Tensor) -> Tensor:
        c, geometry = self.slopes.scale, self.slopes.geometry
        add = self._gamma if self._same else self._beta
        wc, wb = weight * c, weight * add
        wcc = wc * c
        xx = (wcc @ geometry.squared_gram * wcc).sum(1)
        zz = weight.sum(1) * (wb * add).sum(1) + wb.sum(1).square()
        xz = (wc @ geometry.gram * wb * c).sum(1)
        among, size = xx + 2.0 * zz + 4.0 * xz, xx + zz
        if not self._same:
            alpha = self._alpha
            wca = wc * alpha
            yy = wcc.sum(1) * (weight * alpha.square()).sum(1) + wca.sum(1).square()
            xy = (wcc @ geometry.gram * wca).sum(1)
            cross = (wb * c).sum(1) * (weight * alpha).sum(1)
            yz = cross + wc.sum(1) * (wb * alpha).sum(1)
            among, size = among + 2.0 * yy + 4.0 * (xy + yz), size + yy
        # Their sum may cancel: the last term covers what rounding took.
        lost = 8 * (len(geometry.points) + 8) * torch.finfo(size.dtype).eps
        square = torch.add(among, size, alpha=lost).clamp_min(0.0)
        # |r_0 . r_j| <= |r_0| |r_j| will do where the constant hardly counts.
        products = self.last_square[:, None] * self.squares
        counts = (last > _FAINT)[:, None]
        if bool(counts.any()):
            products = torch.where(counts, self._with_last.square(), products)
        across = 2.0 * last * (weight * products).sum(1)
        return (square + across + (last * self.last_square).square()).sqrt()


def schatten_norm(scatter: Tensor) -> Tensor:
    """Schatten norm (m,) of order 8: a little more than the largest eigenvalue."""
    size = scatter.abs().amax((1, 2)).clamp_min(torch.finfo(scatter.dtype).tiny)
    fourth = torch.linalg.matrix_power(scatter / size[:, None, None], 4)
    norm: Tensor = torch.linalg.matrix_norm(fourth)
    return size * norm.pow(0.25)
