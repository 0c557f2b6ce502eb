"""What a certificate is."""

from typing import Protocol

from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._pairs import Pairs


class Certificate(Protocol):
    """A lower bound on the distance at which a gap can close.

    A new one is a file with an object of this shape, and its name in the table of
    ``_methods.py``.
    """

    name: str

    def refusal(self, view: SimilarityView) -> str | None:
        """Why there is no proof for this model, or None if there is one."""

    def radius(self, pairs: Pairs) -> Tensor:
        """Sizes (m,) of perturbations below which the gaps stay positive."""
