"""Rows of one predicted class against the prototypes of all others."""

from dataclasses import dataclass

from torch import Tensor

from sklearn_proto._functional import lp_distances
from sklearn_proto.robustness._nearest._geometry import NearestGeometry
from sklearn_proto.robustness._threat_model._perturbations import (
    Perturbations,
    dual_exponent,
)

# A distance is off by its rounding at the row, where a bound looks at it, and at the
# perturbed row, where predict does; two distances make a gap.
_ERRORS = 4.0


@dataclass(frozen=True)
class RivalBatch:
    """m rows, the q prototypes of their class, and the R prototypes of other classes.

    A rival takes a row only where it is at least as close as *every* own prototype. A
    bound on that distance for one own prototype thus is one for the rival, and the
    smallest over the rivals is a radius.

    Parameters
    ----------
    geometry : NearestGeometry
        The model and its prototypes.
    perturbations : Perturbations
        What the rows must withstand.
    z : Tensor of shape (m, dz)
        Rows as the model sees them.
    distances : Tensor of shape (m, K)
        Squared distances, or distances of "manhattan".
    rounding : Tensor of shape (m,)
        Bound on the error of each.
    own, rivals : Tensor of shape (q,) and (R,)
        Indices of prototypes.
    """

    geometry: NearestGeometry
    perturbations: Perturbations
    z: Tensor
    distances: Tensor
    rounding: Tensor
    own: Tensor
    rivals: Tensor

    def every_gap(self) -> Tensor:
        """Distance to each rival minus that to each own prototype, (m, R, q).

        Rounding has been taken off: while the gap of true distances falls by less, the
        distances as computed are in the same order.
        """
        gaps = self.distances[:, self.rivals, None] - self.distances[:, None, self.own]
        return gaps - _ERRORS * self.rounding[:, None, None]

    def gaps(self, rows: Tensor, rivals: Tensor) -> Tensor:
        """Gaps (B, q) of pairs of a row and a rival, each counted among its kind."""
        distances = self.distances[rows]
        rival = distances.gather(1, self.rivals[rivals][:, None])
        rounding = _ERRORS * self.rounding[rows, None]
        return rival - distances[:, self.own] - rounding

    def separations(self) -> Tensor:
        """Dual norms (R, q) of the differences between the points of a flat metric."""
        geometry = self.geometry
        a, b = geometry.points[self.rivals], geometry.points[self.own]
        dual = dual_exponent(self.perturbations.norm)
        rounding_error = (
            geometry.rounding_error[self.rivals, None]
            + geometry.rounding_error[self.own]
        )
        return lp_distances(a, b, dual) + rounding_error

    def normals(self, rivals: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """``sum_i weights_i (p_j - p_i)`` (B, d) of points, and its error (B,).

        Parameters
        ----------
        rivals : Tensor of shape (B,)
            The j.
        weights : Tensor of shape (B, q)
            One for each own prototype, at least 0.
        """
        points, rounding_error = self.geometry.points, self.geometry.rounding_error
        j, total = self.rivals[rivals], weights.sum(1)
        normal = total[:, None] * points[j] - weights @ points[self.own]
        return normal, total * rounding_error[j] + weights @ rounding_error[self.own]
