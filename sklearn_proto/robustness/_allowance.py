"""How far a radius counts that was computed with some allowance for rounding."""

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor

from sklearn_proto._validation import LARGEST

# Rounding is tried as it is this many scales out: farther than data are, and still so
# small that most gaps keep their digits. Radii that are infinite are tried farther.
_FAR = 100.0
_FARTHER = (_FAR, 1e4, 1e6, 1e8)


class Allowing(Protocol):
    """Rows that allow for the rounding of perturbed rows, up to some length."""

    @property
    def z(self) -> Tensor:
        """Rows (n, dz) as the model sees them."""

    @property
    def view(self) -> Any:
        """The model."""

    @property
    def settles(self) -> bool:
        """Whether scores of rows far out are as exact as those of rows near by.

        Kernels vanish there, and their errors with them. Distances, and kernels that
        are divided by their sum, lose every digit of their differences in the end.
        """

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
    far = (reach > scale) & reach.isfinite()
    radius = _counted(batch, bound, radius, far, [_FAR * scale, reach])
    if batch.settles:
        return radius
    # Beyond the edge no row is predicted at all: what holds up to there, always holds.
    edge = torch.full_like(scale, LARGEST)
    tried = [factor * scale for factor in _FARTHER]
    return _counted(batch, bound, radius, reach.isinf(), [*tried, edge])


def _counted(
    batch: B,
    bound: Callable[[B], Tensor],
    radius: Tensor,
    which: Tensor,
    tried: list[Tensor],
) -> Tensor:
    """Radii (n,), of which some count up to where one of the allowances tried ends.

    With the last allowance they count as a whole.
    """
    rows = which.nonzero().squeeze(1)
    if not len(rows):
        return radius
    some, claimed = batch.take(rows), radius[rows]
    safe = some.within(batch.view.scale(some.z), claimed)
    for farthest in tried:
        allowed = farthest[rows]
        found = torch.minimum(bound(some.reaching(allowed)), claimed)
        whole = allowed >= tried[-1][rows]
        safe = torch.maximum(
            safe, torch.where(whole, found, some.within(allowed, found))
        )
    return radius.index_copy(0, rows, safe)
