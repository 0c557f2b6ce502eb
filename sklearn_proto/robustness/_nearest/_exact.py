"""Exact: ``min |delta|`` with ``a_i . delta >= g_i`` for all own prototypes i.

The radius itself, where the shortest perturbation solves a convex program.

Proof in the guide: `nearest-exact`.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._nearest._aggregate import aggregated
from sklearn_proto.robustness._nearest._hyperplane import (
    distances_without_bounds,
)
from sklearn_proto.robustness._nearest._programs import (
    ProgramSolution,
    boxed_quadratic,
    linear_l1,
    linear_max,
    one_by_one,
    quadratic,
)
from sklearn_proto.robustness._nearest._quadric import Quadric
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._nearest._rivals import Decided, smallest_over_rivals
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

Program = Callable[[RivalBatch, Tensor, Tensor], ProgramSolution]

# By norm; those inside bounds where they differ.
_PROGRAMS: dict[float, Program] = {
    1.0: partial(one_by_one, linear_l1),
    2.0: quadratic,
    math.inf: partial(one_by_one, linear_max),
}
_INSIDE_BOUNDS = _PROGRAMS | {2.0: partial(one_by_one, boxed_quadratic)}


class Exact:
    """Smallest distance to where a rival wins against every own prototype.

    Linear constraints, one for each own prototype, so a quadratic program in l2 and a
    linear one in l1 and the maximum norm. A program is only asked for its dual
    variables: any of them give a proof, and the best a tight one. Curved models have no
    program, but with one prototype a class the quadric is the radius.
    """

    name = "exact"

    def why_not_applicable(
        self, view: NearestPrototypeView, perturbations: Perturbations
    ) -> str | None:
        """Say which metrics, norms and bounds have no convex program."""
        norm = perturbations.norm
        if view.metric == "manhattan":
            return "the radius in 'manhattan' solves no convex program"
        if view.curvature is not None:
            plain = norm == 2 and perturbations.box_slack is None
            if plain and max(s.stop - s.start for s in view.segments) == 1:
                return None
            return (
                "with tangents or matrices of their own it needs one prototype a "
                "class, norm=2 and no bounds"
            )
        if norm not in _PROGRAMS:
            return f"norm={norm:g} has no program, only 1, 2 and inf have"
        return None

    def radius(self, batch: RivalBatch) -> Tensor:
        """Sizes (m,) of the shortest perturbations with which a rival wins."""
        if batch.geometry.kind == "curved":
            return Quadric().radius(batch)
        return self._decided(batch).radius

    def minimiser(self, batch: RivalBatch) -> Tensor:
        """Perturbations (m, d) of about the size of the radius that reach the boundary.

        0 for rows that are on it, and where none does.
        """
        if batch.geometry.kind == "curved":
            return Quadric().minimiser(batch)
        shape = len(batch.z), batch.perturbations.n_features
        delta, decided = batch.z.new_zeros(shape), self._decided(batch)
        rows, program = decided.rows, _program(batch)
        delta[rows] = program(batch, rows, decided.rival[rows]).delta
        return delta

    def _decided(self, batch: RivalBatch) -> Decided:
        program = _program(batch)

        def bound(rows: Tensor, rivals: Tensor) -> Tensor:
            weights = program(batch, rows, rivals).weights
            return torch.maximum(
                aggregated(batch, rows, rivals, weights), lower[rows, rivals]
            )

        lower = distances_without_bounds(batch)
        q, d = len(batch.own), batch.perturbations.n_features
        widest = 16 if program is quadratic else 1
        return smallest_over_rivals(lower, bound, size=4 * q * q + d, widest=widest)


def _program(batch: RivalBatch) -> Program:
    given = batch.perturbations
    return (_PROGRAMS if given.box_slack is None else _INSIDE_BOUNDS)[given.norm]
