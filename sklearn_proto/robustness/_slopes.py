"""Slopes of the negative terms, and how far they scatter around their mean."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto.robustness._geometry import Geometry

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
        return mass @ self.geometry.points - mass.sum(1, keepdim=True) * self.anchor


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
    def squares(self) -> Tensor:
        """``|r_j|^2`` of shape (m, K), with what rounding may have taken."""
        lengths = self.slopes.scale.square() * self.slopes.geometry.squares
        size = lengths + self.last_square[:, None]
        if self._same:
            size = size + self._around_square
        else:
            size = size + (self.slopes.scale * self._alpha).abs()
        return (lengths + 2.0 * self._gamma).clamp_min(0.0) + 1e-14 * size

    def scatter_norm(self, weight: Tensor, last: Tensor) -> Tensor:
        """Bound (m,) on the largest eigenvalue of ``sum_j weight_j r_j r_j^T``.

        With `last` (m,) the weight of the constant. For few prototypes the inner
        products are written out, and the bound is the Schatten norm of order 8; for
        many it is the Frobenius norm, whose square sums up in products with H and with
        the squares of its entries, without any (m, K, K) array.
        """
        few = len(self.slopes.geometry.points) <= _FEW
        return (self._schatten_norm if few else self._frobenius_norm)(weight, last)

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
        size = scatter.abs().amax((1, 2)).clamp_min(1e-300)
        fourth = torch.linalg.matrix_power(scatter / size[:, None, None], 4)
        norm: Tensor = torch.linalg.matrix_norm(fourth)
        return size * norm.pow(0.25) * (1 + 1e-9)

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
            wca = wc * c * alpha
            yy = wcc.sum(1) * (weight * alpha.square()).sum(1) + wca.sum(1).square()
            xy = (wcc @ geometry.gram * wca).sum(1)
            cross = (wb * c).sum(1) * (weight * alpha).sum(1)
            yz = cross + wc.sum(1) * (wb * alpha).sum(1)
            among, size = among + 2.0 * yy + 4.0 * (xy + yz), size + yy
        # Their sum may cancel: the last term covers what rounding took.
        square = (among + 1e-12 * size).clamp_min(0.0)
        # |r_0 . r_j| <= |r_0| |r_j| will do where the constant hardly counts.
        if bool((last > _FAINT).any()):
            products = self._with_last.square()
        else:
            products = self.last_square[:, None] * self.squares
        across = 2.0 * last * (weight * products).sum(1)
        return (square + across + (last * self.last_square).square()).sqrt()
