"""How far a radius counts that was computed with some allowance for rounding."""

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor

# Rounding is tried as it is this many scales out: farther than data are, and still so
# small that most gaps keep their digits.
_FAR = 100.0


class Allowing(Protocol):
    """Rows that allow for the rounding of perturbed rows, up to some length."""

    @property
    def z(self) -> Tensor:
        """Rows (n, dz) as the model sees them."""

    @property
    def view(self) -> Any:
        """The model."""

    def take(self, rows: Tensor) -> Self:
        """Select some of the rows."""

    def reach(self, radius: Tensor) -> Tensor:
        """How far (n,) perturbations of size `radius` may move the rows."""

    def within(self, reach: Tensor, radius: Tensor) -> Tensor:
        """Radii (n,) cut to where they move the rows by `reach`."""

    def reaching(self, farthest: Tensor) -> Self:
        """Allow for rows that are perturbed by up to `farthest` (n,)."""


B = TypeVar("B", bound=Allowing)


def as_far_as_allowed(batch: B, bound: Callable[[B], Tensor]) -> Tensor:
    """Radii (n,) of a bound that hold for the scores as computed.

    What rounding may do to a score grows with how far out the perturbed row is. A batch
    allows for perturbations as long as its rows; a radius that is larger counts up to
    where the allowance that it was computed with ends.
    """
    radius = bound(batch)
    scale, reach = batch.view.scale(batch.z), batch.reach(radius)
    rows = ((reach > scale) & reach.isfinite()).nonzero().squeeze(1)
    if not len(rows):
        return radius
    some = batch.take(rows)
    scale, reach, claimed = (part[rows] for part in (scale, reach, radius))
    safe = some.within(scale, claimed)
    for farthest in (_FAR * scale, reach):
        found = torch.minimum(bound(some.reaching(farthest)), claimed)
        capped = torch.where(farthest < reach, some.within(farthest, found), found)
        safe = torch.maximum(safe, capped)
    return radius.index_copy(0, rows, safe)
