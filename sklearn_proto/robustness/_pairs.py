"""Pairs of a row and a rival: the one-dimensional questions behind a radius."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._batch import Batch
from sklearn_proto.robustness._geometry import Geometry
from sklearn_proto.robustness._perturbations import Perturbations


@dataclass(frozen=True)
class Pairs:
    """m gaps ``f = sum_k weights_k phi_k + constant`` that must stay positive.

    Each belongs to a row, to a concept of its predicted class and to a rival concept.
    A bound must exceed what rounding may add to be a proof about the scores as
    computed, so rounding has already been taken off.

    Parameters
    ----------
    z : Tensor of shape (m, dz)
        Rows as the model sees them.
    weights : Tensor of shape (m, K)
        Net weights.
    constant : Tensor of shape (m,)
        What does not depend on the similarities.
    rounding : Tensor of shape (m,)
        Relative rounding error of a similarity.
    geometry : Geometry
        Angles and lengths of the prototypes, and the model itself.
    perturbations : Perturbations
        What the rows must withstand.
    """

    z: Tensor
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
    def rise(self) -> Tensor:
        """Positive part (m, K) of the weights."""
        return self.weights.clamp_min(0.0)

    @property
    def fall(self) -> Tensor:
        """Negative part (m, K) of the weights."""
        return (-self.weights).clamp_min(0.0)

    @property
    def no_change(self) -> Tensor:
        """The perturbation 0 of every pair, shape (m, d)."""
        shape = (len(self), self.perturbations.n_features)
        return torch.zeros(shape, dtype=self.z.dtype, device=self.z.device)

    @property
    def far(self) -> Tensor:
        """Size (m,) of a perturbation that passes every prototype twice over."""
        farthest = self.view.squared_distances(self.z).amax(1).sqrt()
        return 2.0 * farthest / max(self.perturbations.lipschitz, 1e-300)

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.z)

    def take(self, chosen: Tensor) -> "Pairs":
        """Select some of the pairs."""
        return replace(
            self,
            z=self.z[chosen],
            weights=self.weights[chosen],
            constant=self.constant[chosen],
            rounding=self.rounding[chosen],
            perturbations=self.perturbations.take(chosen),
        )

    def similarities(self) -> Tensor:
        """Similarities (m, K), up to a positive factor of each row if normalised."""
        return _similarities(self.view, self.z)


@dataclass(frozen=True)
class Duels:
    """Which pairs a batch of rows consists of, those of one rival side by side.

    Parameters
    ----------
    row, own, rival : Tensor of shape (m,)
        Index of the row, of the concept of its predicted class, and of the rival among
        all concepts of all classes.
    """

    row: Tensor
    own: Tensor
    rival: Tensor

    def take(self, chosen: Tensor) -> "Duels":
        """Select some of the pairs."""
        return Duels(self.row[chosen], self.own[chosen], self.rival[chosen])


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
    """

    geometry: Geometry

    @property
    def view(self) -> SimilarityView:
        """The model."""
        return self.geometry.view

    def larger_sets(self) -> list[tuple["SimilarityBatch", float]]:
        """List larger perturbations, and their size at a radius of 1 of the given ones.

        A radius for them is one for the given ones. That is worth knowing for bounds
        that are sharper on them: without a box, and on the Euclidean ball around that
        of a norm beyond 2.
        """
        given = self.perturbations
        found = [(given, 1.0)]
        if given.norm > 2:
            found.append((replace(given, norm=2.0), given.extent))
        if given.room is not None:
            found += [(replace(ball, room=None), size) for ball, size in found]
        # The geometry knows the map in front only, which stays.
        return [(replace(self, perturbations=ball), size) for ball, size in found[1:]]

    @property
    def n_own(self) -> int:
        """Concepts of each class."""
        return self.view.affine.coefficients.shape[1]

    def similarities(self) -> Tensor:
        """Similarities (n, K), up to a positive factor of each row if normalised."""
        return _similarities(self.view, self.z)

    def duels(self) -> Duels:
        """Every own concept of every row against every rival concept."""
        c, q, _ = self.view.affine.coefficients.shape
        device = self.z.device
        rivals = torch.arange(c * q, device=device)
        foreign = rivals[None] // q != self.predicted[:, None]
        row, rival = foreign.nonzero(as_tuple=True)
        own = torch.arange(q, device=device).repeat(len(row))
        return Duels(row.repeat_interleave(q), own, rival.repeat_interleave(q))

    @cached_property
    def rounding(self) -> Tensor:
        """Relative rounding error (n,) of the similarities of each row."""
        return self.view.relative_rounding(self.z)

    def pairs(self, duels: Duels) -> Pairs:
        """Net the two concepts of every duel, and take off what rounding may add."""
        row = duels.row
        own = self.predicted[row] * self.n_own + duels.own
        rounding = self.rounding[row]
        weights, constant = self._net(own, duels.rival, rounding)
        return Pairs(
            self.z[row],
            weights,
            constant,
            rounding,
            self.geometry,
            self.perturbations.take(row),
        )

    def by_class(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Rows of one predicted class, and the weights and constants they share.

        These are the r pairs of each row in the order of `duels`, shapes (r, K) and
        (r,), less what rounding may add for any of the rows.
        """
        c, q, _ = self.view.affine.coefficients.shape
        concepts = torch.arange(c * q, device=self.z.device)
        for label in torch.unique(self.predicted):
            rows = (self.predicted == label).nonzero().squeeze(1)
            mine = concepts // q == label
            rival, own = concepts[~mine], concepts[mine]
            rival, own = rival.repeat_interleave(q), own.repeat(len(rival))
            most = self.rounding[rows].max().expand(len(rival))
            yield rows, *self._net(own, rival, most)

    def _net(
        self, own: Tensor, rival: Tensor, rounding: Tensor
    ) -> tuple[Tensor, Tensor]:
        a, b = self.view.affine
        flat_a, flat_b = a.flatten(0, 1), b.flatten()
        weights = flat_a[own] - flat_a[rival]
        constant = flat_b[own] - flat_b[rival]
        slack = rounding * (weights.abs().sum(1) + constant.abs())
        if not self.view.normalized:
            return weights, constant - slack
        # g . phi / sum(phi) + B has the sign of (g + B) . phi; so has the slack.
        return weights + (constant - slack)[:, None], torch.zeros_like(constant)

    def of_rival(self, holds: Tensor) -> Tensor:
        """Whether any own concept withstands the rival, for all pairs of the rival."""
        return holds.view(-1, self.n_own).any(1).repeat_interleave(self.n_own)

    def worst_rival(self, values: Tensor, duels: Duels) -> Tensor:
        """Reduce (m,) to rows (n,): the best own concept against the worst rival."""
        best = values.view(-1, self.n_own).amax(1)
        start = torch.full_like(self.z[:, 0], torch.inf)
        return start.scatter_reduce(0, duels.row[:: self.n_own], best, "amin")


def _similarities(view: SimilarityView, z: Tensor) -> Tensor:
    e = view.exponents(z)
    if view.normalized:
        e -= e.amax(1, keepdim=True)
    return e.exp_()
