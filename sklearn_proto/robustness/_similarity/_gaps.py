"""Gaps between a concept of the predicted class and a rival one, row by row."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._batch import Batch
from sklearn_proto.robustness._similarity._geometry import Geometry
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

# Bounds on what rounding may do to a similarity, as a share of it.
_LEAST, _HOPELESS = 2.0**-60, 2.0**10
# It is one of so many steps in each power of 2; more than there are between the bounds.
_STEPS, _KINDS = 4, 512


class Signs(NamedTuple):
    """Which net weights (m, K) are positive and which negative, as 0 and 1."""

    positive: Tensor
    negative: Tensor


@dataclass(frozen=True)
class GapBatch:
    """m gaps ``f = sum_k weights_k phi_k + constant`` that must stay positive.

    Each belongs to a row, to a concept of its predicted class and to a rival concept.
    A bound must exceed what rounding may add to be a proof about the scores as
    computed, so rounding has already been taken off.

    Parameters
    ----------
    z : Tensor of shape (m, dz)
        Rows as the model sees them.
    anchor : Tensor of shape (m, d)
        Rows in the coordinates of the geometry.
    exponents : Tensor of shape (m, K)
        Exponents of their similarities, less the largest.
    level : Tensor of shape (m,)
        The largest.
    weights : Tensor of shape (m, K)
        Net weights.
    constant : Tensor of shape (m,)
        What does not depend on the similarities.
    rounding : Tensor of shape (m,)
        What the rounding of the exponents may do to a log-ratio.
    geometry : Geometry
        Angles and lengths of the prototypes, and the model itself.
    perturbations : Perturbations
        What the rows must withstand.
    """

    z: Tensor
    anchor: Tensor
    exponents: Tensor
    level: Tensor
    weights: Tensor
    constant: Tensor
    rounding: Tensor
    geometry: Geometry
    perturbations: Perturbations

    @property
    def view(self) -> SimilarityView:
        """The model."""
        return self.geometry.view

    @property
    def positive_weights(self) -> Tensor:
        """Positive part (m, K) of the weights."""
        return self.weights.clamp_min(0.0)

    @cached_property
    def negative_weights(self) -> Tensor:
        """Negative part (m, K) of the weights."""
        return self.weights.neg().clamp_min_(0.0)

    @cached_property
    def signs(self) -> Signs:
        """On which side of the gap each term is."""
        sign = self.weights.sign()
        positive = sign.clamp_min(0.0)
        return Signs(positive, positive - sign)

    @property
    def harmless(self) -> Tensor:
        """Which gaps (m,) are positive wherever a row may go."""
        return (self.weights >= 0).all(1) & (self.constant > 0)

    @property
    def no_change(self) -> Tensor:
        """The perturbation 0 of every gap, shape (m, d)."""
        return torch.zeros_like(self.anchor)

    @property
    def far(self) -> Tensor:
        """Size (m,) of a perturbation that passes every prototype twice over."""
        exponents = self.exponents + self.level[:, None]
        farthest = (-exponents * self.geometry.widths).amax(1)
        if self.view.metric == "sqeuclidean":
            farthest = farthest.sqrt()
        return 2.0 * farthest / max(self.perturbations.lipschitz, 1e-300)

    def __len__(self) -> int:
        """Count the gaps."""
        return len(self.anchor)

    def take(self, chosen: Tensor) -> "GapBatch":
        """Select some of the gaps."""
        return replace(
            self,
            z=self.z.index_select(0, chosen),
            anchor=self.anchor.index_select(0, chosen),
            exponents=self.exponents.index_select(0, chosen),
            level=self.level[chosen],
            weights=self.weights.index_select(0, chosen),
            constant=self.constant[chosen],
            rounding=self.rounding[chosen],
            perturbations=self.perturbations.take(chosen),
        )

    def similarities(self) -> Tensor:
        """Similarities (m, K), up to a positive factor of each row if normalised."""
        return _similarities(self)


@dataclass(frozen=True)
class GapIndex:
    """Which gaps a batch of rows has, those of one rival side by side.

    Parameters
    ----------
    row, own, rival : Tensor of shape (m,)
        Index of the row, of the concept of its predicted class, and of the rival among
        all concepts of all classes.
    """

    row: Tensor
    own: Tensor
    rival: Tensor

    def take(self, chosen: Tensor) -> "GapIndex":
        """Select some of the gaps."""
        return GapIndex(self.row[chosen], self.own[chosen], self.rival[chosen])

    def among(self, rows: Tensor) -> "GapIndex":
        """Count the rows as those that `rows` were taken from."""
        return replace(self, row=rows[self.row])

    @classmethod
    def joined(cls, parts: "list[GapIndex]") -> "GapIndex":
        """Put several together."""
        return cls(
            torch.cat([part.row for part in parts]),
            torch.cat([part.own for part in parts]),
            torch.cat([part.rival for part in parts]),
        )


@dataclass(frozen=True)
class SimilarityBatch(Batch):
    """Rows of a similarity-based model.

    A row keeps its class while for every rival concept *some* own concept scores more:
    its radius is the smallest over the rivals of the largest over the own concepts.

    Parameters
    ----------
    perturbations, z, predicted
        As in `Batch`.
    geometry : Geometry
        The model and its prototypes.
    anchor, exponents, level
        As in `GapBatch`, for n rows.
    relative_rounding : Tensor of shape (n,)
        Relative rounding error of the similarities from which scores are made, rounded
        up to one of few steps: rows that share it share their gaps.
    """

    geometry: Geometry
    anchor: Tensor
    exponents: Tensor
    level: Tensor
    relative_rounding: Tensor

    @classmethod
    def of(
        cls,
        perturbations: Perturbations,
        z: Tensor,
        predicted: Tensor,
        geometry: Geometry,
    ) -> "SimilarityBatch":
        """Compute what the bounds need of rows `z` (n, dz)."""
        view = geometry.view
        exponents = view.exponents(z)
        level = exponents.amax(1)
        return cls(
            perturbations=perturbations,
            z=z,
            predicted=predicted,
            geometry=geometry,
            anchor=geometry.anchor(perturbations, z),
            exponents=exponents - level[:, None],
            level=level,
            relative_rounding=_step_up(
                view.relative_rounding(z, rounding_error=_front_rounding(perturbations))
            ),
        )

    def reaching(self, farthest: Tensor) -> "SimilarityBatch":
        """Allow for the rounding of rows that are perturbed by up to `farthest` (n,).

        That is a Euclidean length, as the model sees it. Steps in front err in
        proportion to it.
        """
        front = _front_rounding(self.perturbations)
        if isinstance(front, Tensor):
            # A share of 0 is none.
            scale = self.view.scale(self.z) + torch.finfo(front.dtype).tiny
            farther = front * (farthest / scale).clamp_min(1.0)
            front = torch.where(front > 0, farther, front)
        relative_rounding = self.view.relative_rounding(self.z, farthest, front)
        return replace(self, relative_rounding=_step_up(relative_rounding))

    @property
    def view(self) -> SimilarityView:
        """The model."""
        return self.geometry.view

    @property
    def settles(self) -> bool:
        """Whether similarities vanish far out; shares of their sum do not."""
        return not self.view.normalized

    def larger_sets(self) -> list[tuple["SimilarityBatch", float]]:
        """List larger perturbations, and their size at a radius of 1 of the given ones.

        A radius for them is one for the given ones. That is worth knowing for bounds
        that are sharper on them: without a box, and on the Euclidean ball around that
        of a norm beyond 2.
        """
        given = self.perturbations
        found = [(given, 1.0)]
        if given.norm > 2:
            found.append((replace(given, norm=2.0), given.lp_to_l2))
        if given.box_slack is not None:
            found += [(replace(ball, box_slack=None), size) for ball, size in found]
        # The geometry knows the map in front only, which stays.
        return [(replace(self, perturbations=ball), size) for ball, size in found[1:]]

    def reach(self, radius: Tensor) -> Tensor:
        """How far (n,) perturbations of size `radius` may move the rows, in length."""
        return self.perturbations.longest(radius)

    def within(self, reach: Tensor, radius: Tensor) -> Tensor:
        """Radii (n,) cut to where they move the rows by `reach`, or not at all."""
        least = reach / max(self.perturbations.lipschitz, 1e-300)
        return torch.where(self.reach(radius) <= reach, radius, least.minimum(radius))

    @property
    def n_own(self) -> int:
        """Concepts of each class."""
        return self.view.affine.coefficients.shape[1]

    @property
    def rounding(self) -> Tensor:
        """Bound (n,) on what the rounding of the exponents does to a log-ratio."""
        return self.relative_rounding.to(self.exponents)

    def in_float32(self) -> tuple["SimilarityBatch", float]:
        """Round everything, for Gaussian kernels of one width, and the unit of sizes.

        In that unit the width is 1. Bounds in float32 know rows by their anchors and
        exponents, so z is left out.
        """
        unit = float(self.geometry.widths[0]) ** 0.5
        found = replace(
            self,
            perturbations=self.perturbations.in_float32(unit),
            z=self.z[:, :0].float(),
            geometry=self.geometry.in_float32(unit),
            anchor=(self.anchor / unit).float(),
            exponents=self.exponents.float(),
            level=self.level.float(),
        )
        return found, unit

    def similarities(self) -> Tensor:
        """Similarities (n, K), up to a positive factor of each row if normalised."""
        return _similarities(self)

    def gap_index(self) -> GapIndex:
        """Index every own concept of every row against every rival concept."""
        c, q, _ = self.view.affine.coefficients.shape
        device = self.z.device
        rivals = torch.arange(c * q, device=device)
        foreign = rivals[None] // q != self.predicted[:, None]
        row, rival = foreign.nonzero(as_tuple=True)
        own = torch.arange(q, device=device).repeat(len(row))
        return GapIndex(row.repeat_interleave(q), own, rival.repeat_interleave(q))

    def gaps(self, index: GapIndex) -> GapBatch:
        """Subtract the two concepts of every gap; take off what rounding may add."""
        row = index.row
        own = self.predicted[row] * self.n_own + index.own
        weights, constant = self._net(own, index.rival, self.relative_rounding[row])
        return GapBatch(
            z=self.z.index_select(0, row),
            anchor=self.anchor.index_select(0, row),
            exponents=self.exponents.index_select(0, row),
            level=self.level[row],
            weights=weights,
            constant=constant,
            rounding=self.rounding[row],
            geometry=self.geometry,
            perturbations=self.perturbations.take(row),
        )

    @property
    def order(self) -> Tensor:
        """Order (n,) of the rows in which those that share their gaps are together."""
        return self._kind.argsort(stable=True)

    @property
    def _kind(self) -> Tensor:
        """Number (n,) of a predicted class with a step of `relative_rounding`."""
        step = (self.relative_rounding.log2() * _STEPS).round().long()
        return self.predicted * _KINDS + step

    def rows_by_gaps(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Rows that share their gaps, and the weights and constants of these.

        They are predicted as one class, and give up the same for rounding. Their r
        gaps are in the order of `gap_index`, with shapes (r, K) and (r,).
        """
        c, q, _ = self.view.affine.coefficients.shape
        concepts = torch.arange(c * q, device=self.z.device)
        for kind in torch.unique(self._kind):
            rows = (self._kind == kind).nonzero().squeeze(1)
            mine = concepts // q == self.predicted[rows[0]]
            rival, own = concepts[~mine], concepts[mine]
            rival, own = rival.repeat_interleave(q), own.repeat(len(rival))
            yield (
                rows,
                *self._net(
                    own, rival, self.relative_rounding[rows[:1]].expand(len(rival))
                ),
            )

    def _net(
        self, own: Tensor, rival: Tensor, rounding: Tensor
    ) -> tuple[Tensor, Tensor]:
        a, b = self.geometry.concepts
        weights = a.index_select(0, own) - a.index_select(0, rival)
        # At least the sizes of the net weights.
        size = a.abs().sum(1) + b.abs()
        constant = b[own] - b[rival] - rounding * (size[own] + size[rival])
        if self.view.normalized:
            # g . phi / sum(phi) + B has the sign of (g + B) . phi; so has the slack.
            weights, constant = weights + constant[:, None], torch.zeros_like(constant)
        dtype = self.exponents.dtype
        return weights.to(dtype), constant.to(dtype)

    def any_own_concept(self, holds: Tensor) -> Tensor:
        """Whether any own concept withstands the rival, for all gaps of the rival."""
        return holds.view(-1, self.n_own).any(1).repeat_interleave(self.n_own)

    def worst_rival(self, values: Tensor, index: GapIndex) -> Tensor:
        """Reduce (m,) to rows (n,): the best own concept against the worst rival."""
        best = values.view(-1, self.n_own).amax(1)
        start = torch.full_like(self.rounding, torch.inf)
        return start.scatter_reduce(0, index.row[:: self.n_own], best, "amin")


def _front_rounding(perturbations: Perturbations) -> Tensor | float:
    return 0.0 if perturbations.rounding_error is None else perturbations.rounding_error


def _step_up(relative_rounding: Tensor) -> Tensor:
    """Round a relative error up. One of a thousand leaves nothing to prove."""
    relative_rounding = relative_rounding.nan_to_num(_HOPELESS, _HOPELESS).clamp(
        _LEAST, _HOPELESS
    )
    # The power may be off by its own rounding.
    return 2.0 ** ((relative_rounding.log2() * _STEPS).ceil() / _STEPS) * (1 + 2.0**-48)


def _similarities(rows: GapBatch | SimilarityBatch) -> Tensor:
    if rows.view.normalized:
        return rows.exponents.exp()
    return (rows.exponents + rows.level[:, None]).exp()
