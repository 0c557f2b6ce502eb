"""The nearest point of the boundary of a gap, by local search: it proves nothing."""

from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._similarity._quadratic_bound import log_ratio

_STEPS, _FULL_STEPS, _ON_THE_RAY = 20, 4, 5
# A log-ratio of this share of what it is at the row is the boundary.
_SETTLED = 5e-5


class AtRow(NamedTuple):
    """Log-ratios of gaps and their gradients at the rows."""

    value: Tensor  # (m,), log-ratios, minus infinity where they are not known
    slope: Tensor  # (m, d), their gradients

    def take(self, chosen: Tensor) -> "AtRow":
        """Select some."""
        return AtRow(*(part.index_select(0, chosen) for part in self))

    @classmethod
    def joined(cls, parts: "list[AtRow]") -> "AtRow":
        """Put several together."""
        return cls(*(torch.cat(same) for same in zip(*parts, strict=True)))


class Boundary(NamedTuple):
    """Where a gap was found to close, or, if it was not, where to start a proof."""

    size: Tensor  # (m,), 0 where it is closed at the row
    delta: Tensor  # (m, d)
    crossed: Tensor  # (m,), whether the gap all but closes at delta

    @property
    def ray(self) -> Tensor:
        """Perturbations (m, d) of size 1 in the direction of delta."""
        tiny = torch.finfo(self.size.dtype).tiny
        return self.delta / self.size[:, None].clamp_min(tiny)

    def up_to(self, needed: Tensor | float = torch.inf) -> Tensor:
        """Largest sizes (m,) still worth a proof, up to those that are `needed` (m,).

        A gap that closes at the boundary is not proven open beyond it.
        """
        return torch.where(self.crossed, self.size, torch.inf).clamp_max(needed)


def nearest_boundary(
    gaps: GapBatch,
    at_row: AtRow | None = None,
    *,
    settled: float = _SETTLED,
    steps: int = _STEPS,
) -> Boundary:
    """Search the smallest perturbation that closes each gap.

    Every step goes from the row to the nearest point where the linearised log-ratio
    is 0, in the norm of the perturbations: a fixed point is a point of the boundary at
    which the slope is normal to the ball. Gaps leave the loop where the log-ratio is
    less than the share `settled` of what it is at the row.
    """
    delta = gaps.no_change
    if at_row is None or not bool(at_row.value.isfinite().all()):
        at_row = AtRow(*log_ratio(gaps, delta))
    height, slope = at_row
    value, closed = height, ~(height > 0)
    crossed = closed.clone()
    active = (~closed).nonzero().squeeze(1)
    some, current = gaps, delta
    if len(active) < len(gaps):
        some, current = gaps.take(active), delta[active]
        value, slope = value[active], slope[active]
    far, near = some.far, settled * height[active]
    for step in range(steps):
        if not len(active):
            break
        if step < steps - _ON_THE_RAY:
            target = _to_linearised_boundary(some, current, value, slope, far)
            if step >= _FULL_STEPS:
                # A full step may swing around a strongly curved boundary for ever.
                target = torch.lerp(current, target, 1.5 / (step - _FULL_STEPS + 2))
            current = target
        else:
            # What has not settled by now gets to the boundary straight from the row.
            slope_along = (slope * current).sum(1)
            factor = 1.0 - value / torch.where(slope_along < 0, slope_along, -torch.inf)
            factor = factor.nan_to_num(nan=1.0).clamp(0.5, 2.0)
            current = factor[:, None] * current
        value, slope = log_ratio(some, current)
        going = (value.abs() >= near).nonzero().squeeze(1)
        if len(going) < len(active) or step == steps - 1:
            delta.index_copy_(0, active, current)
            crossed.index_copy_(0, active, value < near)
            active, some, current = active[going], some.take(going), current[going]
            value, slope, far, near = (
                value[going],
                slope[going],
                far[going],
                near[going],
            )
    size = gaps.perturbations.size(delta).masked_fill(closed, 0.0)
    return Boundary(size=size, delta=delta, crossed=crossed)


def _to_linearised_boundary(
    gaps: GapBatch, delta: Tensor, value: Tensor, slope: Tensor, far: Tensor
) -> Tensor:
    perturbations = gaps.perturbations
    direction = perturbations.steepest(slope)
    decrease = -(slope * direction).sum(1)
    size = (value - (slope * delta).sum(1)) / decrease
    # Where nothing falls it is infinite.
    size = torch.minimum(size.nan_to_num(torch.inf).clamp_min(0.0), far)
    return perturbations.inside(direction.mul_(size[:, None]))
