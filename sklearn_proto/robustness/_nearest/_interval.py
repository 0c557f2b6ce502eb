"""Interval: ``(D_j - D_i) / (L_i + L_j)``, each distance at its own worst.

Proof in the guide: `nearest-interval`.
"""

from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._nearest._lipschitz import lipschitz_bounds
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._nearest._separable import is_separable, separable_radius
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


class NearestInterval:
    """Every pair of prototypes with its own two Lipschitz constants.

    For "manhattan" behind a diagonal map, if any, each feature by itself instead.
    """

    name = "interval"

    def why_not_applicable(
        self, view: NearestPrototypeView, perturbations: Perturbations
    ) -> str | None:
        """Return None: every distance is Lipschitz."""
        del view, perturbations
        return None

    def radius(self, batch: RivalBatch) -> Tensor:
        """Sizes (m,) below which every rival stays farther than an own prototype."""
        lower = lipschitz_bounds(batch, batch.geometry.lipschitz)
        if is_separable(batch):
            return separable_radius(batch, lower)
        return lower.amin(1)
