"""Margin: ``(D_j - D_i) / (2 max_k L_k)``, half the difference of two distances.

Proof in the guide: `nearest-margin`.
"""

from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._nearest._lipschitz import lipschitz_bounds
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


class Margin:
    """Half the difference between the closest rival and the closest own prototype.

    The hypothesis margin in the units of the perturbations: one Lipschitz constant, the
    largest, serves all prototypes (Saralajew, Holdijk & Villmann, NeurIPS 2020).
    """

    name = "margin"

    def why_not_applicable(
        self, view: NearestPrototypeView, perturbations: Perturbations
    ) -> str | None:
        """Return None: every distance is Lipschitz."""
        del view, perturbations
        return None

    def radius(self, batch: RivalBatch) -> Tensor:
        """Sizes (m,) below which the closest own prototype stays the closest."""
        constants = batch.geometry.lipschitz
        return lipschitz_bounds(batch, constants.max().expand_as(constants)).amin(1)
