"""What a certificate of a nearest-prototype model is."""

from typing import Protocol

from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


class NearestCertificate(Protocol):
    """A lower bound on the distance at which any rival takes a row.

    A new one is a file with an object of this shape, and its name in the table of
    ``_methods.py``.
    """

    name: str

    def why_not_applicable(
        self, view: NearestPrototypeView, perturbations: Perturbations
    ) -> str | None:
        """Why there is no proof for such a model and ball, or None if there is one."""

    def radius(self, batch: RivalBatch) -> Tensor:
        """Sizes (m,) of perturbations below which the rows keep their class."""
