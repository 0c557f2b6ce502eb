"""Rows of a part-prototype network, and how far their patches can move."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._views import PartPrototypeView
from sklearn_proto.robustness._batch import Batch
from sklearn_proto.robustness._parts._geometry import PartGeometry

_EPS = torch.finfo(torch.float64).eps
# Error of a map relative to the lengths that take part: some ten layers, each with
# sums of some hundred terms that are off by 1e-16 of their sizes.
_MAP_ERROR = 1e-10


@dataclass(frozen=True)
class PartBatch(Batch):
    """Rows and the distances of their patches to all prototypes.

    A bound holds for the scores as they are computed: an interval of distances is
    widened by what the maps, and the squared distances made of them, may be off, for
    the row and for the perturbed row.

    Parameters
    ----------
    perturbations, z, predicted
        As in `Batch`.
    geometry : PartGeometry
        The model.
    squared : Tensor of shape (n, K, Q)
        Squared distances of prototypes to the patches at all positions.
    scale : Tensor of shape (n,)
        Length of what takes part in the computation of the row's maps.
    """

    geometry: PartGeometry
    squared: Tensor
    scale: Tensor

    @property
    def view(self) -> PartPrototypeView:
        """The model."""
        return self.geometry.view

    @cached_property
    def closest(self) -> Tensor:
        """Smallest squared distances (n, K)."""
        return self.squared.min(2).values

    @cached_property
    def similarities(self) -> Tensor:
        """Similarities (n, K) of the rows as they are."""
        return self.geometry.similarity(self.closest)

    def lowest_similarities(self, squared: Tensor, move: Tensor) -> Tensor:
        """Similarities (n, K, ...) once patches have moved away by at most `move`."""
        distance_error, rounding = self._errors(move)
        distance = (squared + rounding).sqrt() + move + distance_error
        return self.geometry.similarity(distance.square() + rounding)

    def highest_similarities(self, squared: Tensor, move: Tensor) -> Tensor:
        """Similarities (n, K, ...) once patches have come closer by at most `move`."""
        distance_error, rounding = self._errors(move)
        nearest = (squared - rounding).clamp_min(0.0).sqrt() - move - distance_error
        squared = (nearest.clamp_min(0.0).square() - rounding).clamp_min(0.0)
        return self.geometry.similarity(squared)

    def _errors(self, move: Tensor) -> tuple[Tensor, Tensor]:
        """Bounds on the errors of a distance and of its square, after a move (n, ...).

        The square is an expansion, ``|z|^2 - 2 z.p + |p|^2``, whose sums are off by
        units in the last place of ``(|z| + |p|)^2``.
        """
        reach = self.scale.view(-1, *[1] * (move.ndim - 1)) + move
        terms = self.geometry.patch_entries + 8
        return 2 * _MAP_ERROR * reach, 4 * terms * _EPS * reach.square()

    @cached_property
    def _own(self) -> Tensor:
        """Index (n,) of the best concept of the predicted class."""
        geometry = self.geometry
        scores = self.similarities @ geometry.coefficients.T + geometry.offsets
        others = geometry.owners != self.predicted[:, None]
        return scores.masked_fill(others, -torch.inf).argmax(1)

    @cached_property
    def margin_coef(self) -> Tensor:
        """Coefficients (n, S, K) of the own score less those of every score."""
        coefficients = self.geometry.coefficients
        return coefficients[self._own][:, None] - coefficients

    @cached_property
    def margin_offset(self) -> Tensor:
        """Offsets (n, S) of the same, less the rounding of the two scores."""
        offsets, size = self.geometry.offsets, self.geometry.coefficients.abs().sum(1)
        size = size + offsets.abs()
        own = self._own
        terms = 4 * (self.geometry.coefficients.shape[1] + 8)
        rounding = terms * _EPS * (size[own][:, None] + size)
        return offsets[own][:, None] - offsets - rounding

    def worst(self, moves: Tensor) -> Tensor:
        """Smallest (n,) of the moves (n, S) at which each rival score catches up."""
        own = self.geometry.owners == self.predicted[:, None]
        return moves.masked_fill(own, torch.inf).min(1).values

    def radius_of(self, moves: Tensor) -> Tensor:
        """Radius (n,), from moves (n, S) of the maps at which rival scores catch up.

        A radius that is larger than any perturbation within the bounds is infinite.
        """
        move = self.worst(moves)
        if self.perturbations.rounding_error is not None:
            # The row, and the perturbed one, may be elsewhere by so much.
            lost = 2.0 * self.geometry.lipschitz * self.perturbations.rounding_error
            move = (move - lost).clamp_min(0.0)
        radius = move / self.geometry.lipschitz_of_maps
        largest = self.perturbations.largest
        if largest is None:
            return radius
        return radius.masked_fill(radius >= largest, torch.inf)
