"""Hyperplane: ``g_i / |a_i|_*``, the distance to the plane between two prototypes.

Proof in the guide: `nearest-planes`, `nearest-hyperplane` with one weight of 1.
"""

import torch
from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._nearest._aggregate import aggregated
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._nearest._rivals import smallest_over_rivals
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


def no_hyperplane(view: NearestPrototypeView) -> str | None:
    """Why boundaries between two prototypes are no hyperplanes, or None if they are."""
    if view.metric == "manhattan":
        return "the boundary between two prototypes in 'manhattan' is no hyperplane"
    if view.curvature is not None:
        return (
            "prototypes with tangents or matrices of their own have curved boundaries"
        )
    return None


def distances_without_bounds(batch: RivalBatch) -> Tensor:
    """Bounds (m, R) on the distance to the boundary with each rival, in closed form."""
    half = batch.every_gap().clamp_min_(0.0).div_(2.0)
    found = half.div_(batch.separations())
    return found.nan_to_num_(0.0, torch.inf).amax(2)


def best_own(batch: RivalBatch, rows: Tensor, rivals: Tensor) -> Tensor:
    """Largest (B,) of the bounds of single own prototypes, inside the bounds."""
    best = torch.zeros_like(batch.rounding[rows])
    for i in range(len(batch.own)):
        weights = best.new_zeros((len(rows), len(batch.own)))
        weights[:, i] = 1.0
        best = torch.maximum(best, aggregated(batch, rows, rivals, weights))
    return best


class Hyperplane:
    """Smallest over the rivals of the largest distance over the own prototypes.

    With one prototype a class it is the radius.
    """

    name = "hyperplane"

    def why_not_applicable(
        self, view: NearestPrototypeView, perturbations: Perturbations
    ) -> str | None:
        """Say that it takes hyperplanes between prototypes."""
        del perturbations
        return no_hyperplane(view)

    def radius(self, batch: RivalBatch) -> Tensor:
        """Sizes (m,) below which no row crosses the planes of a rival."""
        lower = distances_without_bounds(batch)
        if batch.perturbations.box_slack is None:
            return lower.amin(1)

        def bound(rows: Tensor, rivals: Tensor) -> Tensor:
            return best_own(batch, rows, rivals)

        size = 4 * (len(batch.own) + batch.perturbations.n_features)
        return smallest_over_rivals(lower, bound, size=size).radius
