"""Rows of a nearest-prototype model."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sklearn_proto._functional import lp_norm
from sklearn_proto._memory import at_once
from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._allowance import as_far_as_allowed
from sklearn_proto.robustness._batch import Batch
from sklearn_proto.robustness._nearest._geometry import NearestGeometry
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch


@dataclass(frozen=True)
class NearestBatch(Batch):
    """Rows, their distances to all prototypes, and how exact these are.

    Parameters
    ----------
    perturbations, z, predicted
        As in `Batch`.
    geometry : NearestGeometry
        The model and its prototypes.
    distances : Tensor of shape (n, K)
        Squared distances, or distances of "manhattan".
    rounding : Tensor of shape (n,)
        Bound on the error of each.
    """

    geometry: NearestGeometry
    distances: Tensor
    rounding: Tensor

    @property
    def view(self) -> NearestPrototypeView:
        """The model."""
        return self.geometry.view

    @property
    def settles(self) -> bool:
        """Never: far out, all distances are equal up to rounding."""
        return False

    def rival_batches(self) -> Iterator[tuple[Tensor, RivalBatch]]:
        """Rows of one predicted class at a time, against all prototypes of others."""
        owners = self.geometry.owners
        for c in torch.unique(self.predicted).tolist():
            rows = (self.predicted == c).nonzero().squeeze(1)
            own = (owners == c).nonzero().squeeze(1)
            rivals = (owners != c).nonzero().squeeze(1)
            gaps = len(own) * len(rivals)
            for some in rows.split(at_once(gaps)):
                yield some, self._rival_batch(some, own, rivals)

    def _rival_batch(self, rows: Tensor, own: Tensor, rivals: Tensor) -> RivalBatch:
        some = self.take(rows)
        return RivalBatch(
            geometry=self.geometry,
            perturbations=some.perturbations,
            z=some.z,
            distances=some.distances,
            rounding=some.rounding,
            own=own,
            rivals=rivals,
        )

    def smallest(self, bound: Callable[[RivalBatch], Tensor]) -> Tensor:
        """Radii (n,) of a bound on batches of rivals, for the scores as computed."""
        return as_far_as_allowed(self, lambda batch: batch._computed(bound))

    def reaching(self, farthest: Tensor) -> "NearestBatch":
        """Allow for rounding of rows that are perturbed by up to `farthest` (n,)."""
        rounding_error = self.perturbations.rounding_error
        return replace(
            self, rounding=self.view.rounding(self.z, farthest, rounding_error)
        )

    def _computed(self, bound: Callable[[RivalBatch], Tensor]) -> Tensor:
        radius = torch.full_like(self.z[:, 0], torch.inf)
        for rows, batch in self.rival_batches():
            if len(batch.rivals):
                radius[rows] = bound(batch)
        return radius

    def reach(self, radius: Tensor) -> Tensor:
        """How far a perturbation of size `radius` moves a row, as rounding counts it.

        It is infinite only without bounds, where the radius is.
        """
        reach = radius * self._lipschitz
        return reach if self._box is None else torch.minimum(reach, self._box)

    def within(self, reach: Tensor, radius: Tensor) -> Tensor:
        """Radius cut to where a row moves by `reach` at most."""
        return torch.minimum(radius, reach / self._lipschitz)

    @property
    def _lipschitz(self) -> float:
        given = self.geometry.perturbations
        manhattan = self.geometry.kind == "manhattan"
        return given.lipschitz_of_sum if manhattan else given.lipschitz

    @property
    def _box(self) -> Tensor | None:
        """Bound (n,) on how far the bounds of the features let the row move."""
        given = self.perturbations
        if given.box_slack is None:
            return None
        largest = torch.maximum(*given.box_slack)
        if given.matrix is not None:
            given = replace(given, matrix=given.matrix.abs())
        p = 1 if self.geometry.kind == "manhattan" else 2
        moved = given.apply(largest)
        return lp_norm(moved, p)
