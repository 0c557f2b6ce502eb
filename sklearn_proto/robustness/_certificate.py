"""What a certificate is."""

from typing import Protocol

from torch import Tensor

from sklearn_proto._views import SimilarityView


class Certificate(Protocol):
    """A lower bound on the distance to the nearest change of the prediction.

    A new one is a file with an object of this shape, and its name in the table of
    ``_certify.py``.
    """

    name: str

    def refusal(self, view: SimilarityView) -> str | None:
        """Why there is no proof for this model, or None if there is one."""

    def radius(self, view: SimilarityView, x: Tensor, c: int, norm: float) -> Tensor:
        """Radii (n,) in the lp norm for rows `x` (n, d), all predicted as class `c`."""
