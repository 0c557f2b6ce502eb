"""Similarity-based models as `certified_radius` and `exact_radius` see them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from sklearn_proto._memory import BATCH, at_once
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._enclosure import Effort, Enclosure
from sklearn_proto.robustness._lookup import look_up, require
from sklearn_proto.robustness._similarity._as_computed import as_computed
from sklearn_proto.robustness._similarity._certificates import CERTIFICATES
from sklearn_proto.robustness._similarity._exact import enclose
from sklearn_proto.robustness._similarity._gaps import SimilarityBatch
from sklearn_proto.robustness._similarity._geometry import Geometry
from sklearn_proto.robustness._similarity._largest import largest_bound, over_rivals
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


@dataclass(frozen=True)
class SimilarityFamily:
    """Bounds for every `SimilarityView`; see `Family`."""

    view: SimilarityView
    perturbations: Perturbations
    enclosed: ClassVar[frozenset[str]] = frozenset({"exact"})

    @property
    def rows_at_once(self) -> int:
        """Count the rows of a batch: many steps of a search cost less together."""
        c, q, k = self.view.coefficients.shape
        d = self.view.prototypes.shape[1]
        return at_once((c - 1) * q * q * (k + d), BATCH)

    @cached_property
    def _geometry(self) -> Geometry:
        return Geometry.of(self.view, self.perturbations)

    def batch(
        self, perturbations: Perturbations, z: Tensor, predicted: Tensor
    ) -> SimilarityBatch:
        """Rows with the exponents of their similarities, centred and mapped."""
        return SimilarityBatch.of(perturbations, z, predicted, self._geometry)

    def bound(self, method: str) -> Callable[[SimilarityBatch], Tensor]:
        """Look up a bound (n,) on the radii of a batch; a ValueError says why not."""
        if method == "auto":
            return as_computed(largest_bound(self.view, self.perturbations))
        certificate = look_up(CERTIFICATES, method, ["auto", *CERTIFICATES, "exact"])
        require(method, certificate.why_not_applicable(self.view, self.perturbations))
        return as_computed(over_rivals(certificate))

    def enclose(
        self, batch: SimilarityBatch, attacked: Tensor, effort: Effort
    ) -> Enclosure:
        """Bounds from both sides, brought together by branch and bound."""
        return enclose(batch, attacked, effort)
