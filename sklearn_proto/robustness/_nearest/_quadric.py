"""Quadric: ``R^2 = mu c - mu^2 b . (I + mu M)^-1 b``, the best mu, in l2.

The distance to ``c + 2 b . delta + delta . M delta <= 0``, where a rival is as close as
an own prototype: the surface between two prototypes of unequal curvature.

Proof in the guide: `nearest-quadric`, `nearest-quadric-l2`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._nearest._aggregate import root_inside
from sklearn_proto.robustness._nearest._lipschitz import lipschitz_bounds
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._nearest._rivals import Decided, smallest_over_rivals
from sklearn_proto.robustness._nearest._spectra import Spectrum
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

# Halvings of the range of the multiplier, near whose best value the bound is flat.
_HALVINGS = 45
# What a radius is cut by for the rounding of its last steps.
_SHARE_LOST = 1e-9


class Quadric:
    """Smallest over the rivals of the largest distance over the own prototypes.

    The rival is closer than own prototype i where ``c + 2 b . delta + delta . M delta``
    is at most 0. In l2 the distance to that set is exact by the S-lemma. With one
    prototype a class it is the radius.
    """

    name = "quadric"

    def why_not_applicable(
        self, view: NearestPrototypeView, perturbations: Perturbations
    ) -> str | None:
        """Say that it takes squared distances of unequal curvature."""
        del perturbations
        if view.metric == "manhattan":
            return "distances in 'manhattan' are not quadratic"
        if view.curvature is None:
            return "all distances bend alike; 'hyperplane' is the same bound"
        return None

    def radius(self, batch: RivalBatch) -> Tensor:
        """Sizes (m,) below which no quadric of a rival is reached."""
        return self._decided(batch).radius

    def minimiser(self, batch: RivalBatch) -> Tensor:
        """Perturbations (m, d) to the quadrics that decide, of the first own prototype.

        0 for rows that are on them, and where none decides.
        """
        shape = len(batch.z), batch.perturbations.n_features
        delta, decided = batch.z.new_zeros(shape), self._decided(batch)
        rows = decided.rows
        rivals = decided.rival[rows]
        c = batch.gaps(rows, rivals)[:, 0]
        delta[rows] = quadrics_of(batch, rows, rivals, 0, c).nearest()
        return delta

    def _decided(self, batch: RivalBatch) -> Decided:
        lower = lipschitz_bounds(batch, batch.geometry.lipschitz)

        def bound(rows: Tensor, rivals: Tensor) -> Tensor:
            # A quadric can prove less than the lower bound; together they are one too.
            best = lower[rows, rivals]
            gaps = batch.gaps(rows, rivals)
            for i in range(len(batch.own)):
                quadrics = quadrics_of(batch, rows, rivals, i, gaps[:, i])
                best = torch.maximum(best, quadrics.distance())
            return best

        spectra = batch.geometry.spectra
        size = spectra.elements + 4 * batch.perturbations.n_features
        return smallest_over_rivals(lower, bound, size=size)


class Quadrics(NamedTuple):
    """B sets ``c + 2 b . delta + delta . M delta <= 0``.

    Parameters
    ----------
    c : Tensor of shape (B,)
        Values at 0, positive outside of the sets.
    b : Tensor of shape (B, d)
        Half the slopes at 0.
    spectrum : Spectrum
        Of the matrices M.
    curvature_bound : Tensor of shape (B,)
        Bounds on ``-delta . M delta`` for perturbations of size 1.
    perturbations : Perturbations
        Of the B rows.
    """

    c: Tensor
    b: Tensor
    spectrum: Spectrum
    curvature_bound: Tensor
    perturbations: Perturbations

    def distance(self) -> Tensor:
        """Bounds (B,) on the size of a perturbation in the set."""
        # |delta|_2 is at most lp_to_l2 times the norm.
        euclidean = self._in_l2() / self.perturbations.lp_to_l2
        found = torch.maximum(euclidean, self._by_support())
        return found.masked_fill(self.c <= 0, 0.0)

    @property
    def _least(self) -> Tensor:
        """Lower bound (B,) on the smallest eigenvalue of M, at most 0."""
        least = self.spectrum.values.amin(1).clamp_max(0.0)
        return least - self.spectrum.error

    def _by_support(self) -> Tensor:
        """Bound the linear part and the curved part each by itself."""
        given = self.perturbations
        curvature = torch.minimum(
            -self._least * given.lp_to_l2**2, self.curvature_bound
        )
        slope = given.dual_norm(self.b)
        c = self.c.clamp_min(0.0)
        free = c / (slope + (slope.square() + curvature * c).sqrt()).clamp_min(1e-300)
        box = given.largest
        if box is None:
            return free * (1 - _SHARE_LOST)

        def left(eps: Tensor) -> Tensor:
            curved = curvature * eps.square()
            return c - 2 * given.support(-self.b, eps) - curved

        return root_inside(left, free, box) * (1 - _SHARE_LOST)

    def nearest(self) -> Tensor:
        """Points (B, d) of the sets at about their Euclidean distance from 0.

        Each is where the Lagrangian at the best multiplier is least; it is not in the
        set in the hard case, where b is orthogonal to the lowest eigenvectors.
        """
        values, basis, _ = self.spectrum
        mu = self._multiplier()[:, None]
        along = (basis * self.b[:, :, None]).sum(1)
        bent = along * mu * values / (1.0 + mu * values)
        return -mu * (self.b - (basis * bent[:, None]).sum(2))

    def _in_l2(self) -> Tensor:
        r"""Value of the Lagrangian, a lower bound at every multiplier.

        R^2 >= mu c - mu^2 b . (I + mu M)^{-1} b   while I + mu M is positive.
        """
        mu, (beta, curvatures) = self._multiplier(), self._coordinates()
        stays = 1.0 + mu[:, None] * curvatures
        value = mu * self.c - mu.square() * (beta / stays).sum(1)
        return value.clamp_min(0.0).sqrt() * (1 - _SHARE_LOST)

    def _multiplier(self) -> Tensor:
        """Multipliers (B,) at which the Lagrangian is all but largest.

        It is concave, with derivative ``c - sum_k beta_k^2 (2 mu + mu^2 l_k) /
        (1 + mu l_k)^2`` in the coordinates of the eigenvectors.
        """
        beta, curvatures = self._coordinates()
        c = self.c.clamp_min(0.0)
        most = curvatures.abs().amax(1)
        unit = c / (2 * (beta.sum(1) + c * most)).clamp_min(1e-300)
        limit = 1.0 / (-curvatures.amin(1)).clamp_min(1e-300)

        def multiplier(t: Tensor) -> Tensor:
            return unit * t / (1.0 - t + t * unit / limit)

        lo, hi = torch.zeros_like(c), torch.ones_like(c)
        for _ in range(_HALVINGS):
            mid = (lo + hi) / 2
            mu = multiplier(mid)[:, None]
            stays = 1.0 + mu * curvatures
            slope = c - (
                beta * (2 * mu + mu.square() * curvatures) / stays.square()
            ).sum(1)
            rises = (slope > 0) & (stays > 0).all(1)
            lo, hi = torch.where(rises, mid, lo), torch.where(rises, hi, mid)
        return multiplier(lo)

    def _coordinates(self) -> tuple[Tensor, Tensor]:
        """Squares (B, k + 1) of b along the eigenvectors, and lower bounds on bends.

        The last of each is for everything across them.
        """
        values, basis, error = self.spectrum
        along = (basis * self.b[:, :, None]).sum(1).square()
        whole = self.b.square().sum(1, keepdim=True)
        across = (whole - along.sum(1, keepdim=True)).clamp_min(0.0) + 1e-14 * whole
        curvatures = torch.cat([values, torch.zeros_like(across)], 1) - error[:, None]
        return torch.cat([along, across], 1), curvatures


def quadrics_of(
    batch: RivalBatch, rows: Tensor, rivals: Tensor, i: int, c: Tensor
) -> Quadrics:
    """Quadrics of B rows and rivals, for the own prototype counted `i`."""
    geometry, given = batch.geometry, batch.perturbations
    own, rival = batch.own[i].expand_as(rivals), batch.rivals[rivals]
    z = batch.z[rows]
    half = geometry.view.half_gradients
    b = given.adjoint(half(z, rival) - half(z, own))
    spectrum = geometry.spectra.of(own, rival)
    return Quadrics(
        c=c,
        b=b,
        spectrum=spectrum,
        curvature_bound=geometry.curvature_bound(own, rival),
        perturbations=given.take(rows),
    )
