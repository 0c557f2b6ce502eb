"""Auto: the largest of all bounds that apply, each where it decides something.

Proof in the guide: `nearest-interval`, `nearest-hyperplane`, `nearest-quadric-l2`.
"""

import torch
from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._nearest._aggregate import aggregated
from sklearn_proto.robustness._nearest._certificate import NearestCertificate
from sklearn_proto.robustness._nearest._exact import Exact
from sklearn_proto.robustness._nearest._hyperplane import (
    best_own,
    distances_without_bounds,
)
from sklearn_proto.robustness._nearest._interval import NearestInterval
from sklearn_proto.robustness._nearest._programs import quadratic
from sklearn_proto.robustness._nearest._quadric import Quadric
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._nearest._rivals import smallest_over_rivals
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


class Joined:
    """Own prototypes one by one, and joined with the weights of the l2 problem.

    The weights cost little, are a proof in any norm and inside any bounds, and are the
    best in l2 without bounds.
    """

    def radius(self, batch: RivalBatch) -> Tensor:
        """Sizes (m,) below which own prototypes, alone or joined, win."""
        given = batch.perturbations
        if given.norm == 2 and given.box_slack is None:
            return Exact().radius(batch)
        lower = distances_without_bounds(batch)

        def bound(rows: Tensor, rivals: Tensor) -> Tensor:
            weights = quadratic(batch, rows, rivals).weights
            joined = aggregated(batch, rows, rivals, weights)
            return torch.maximum(joined, best_own(batch, rows, rivals))

        q, d = len(batch.own), given.n_features
        return smallest_over_rivals(lower, bound, size=4 * (q * q + d)).radius


class NearestAuto:
    """The best of the family, by how the distances bend."""

    name = "auto"

    def why_not_applicable(
        self, view: NearestPrototypeView, perturbations: Perturbations
    ) -> str | None:
        """Return None: there is a bound for every metric."""
        del view, perturbations
        return None

    def radius(self, batch: RivalBatch) -> Tensor:
        """Sizes (m,) of the best bound that there is for the metric."""
        return _BEST[batch.geometry.kind].radius(batch)


# Along hyperplanes, single distances never prove more; the quadric takes the larger.
_BEST: dict[str, Joined | NearestCertificate] = {
    "flat": Joined(),
    "curved": Quadric(),
    "manhattan": NearestInterval(),
}
