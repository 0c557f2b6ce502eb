"""Similarity-based models as `certified_radius` and `exact_radius` see them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._enclosure import Effort, Enclosure
from sklearn_proto.robustness._lookup import look_up, require
from sklearn_proto.robustness._similarity._as_computed import as_computed
from sklearn_proto.robustness._similarity._auto import auto_radius
from sklearn_proto.robustness._similarity._certificates import CERTIFICATES
from sklearn_proto.robustness._similarity._exact import enclose
from sklearn_proto.robustness._similarity._gaps import SimilarityBatch
from sklearn_proto.robustness._similarity._geometry import Geometry
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

# Elements of the largest array: what is known of all gaps of a batch.
_ELEMENTS = 2**24


@dataclass(frozen=True)
class SimilarityFamily:
    """Bounds for every `SimilarityView`; see `Family`."""

    view: SimilarityView
    perturbations: Perturbations
    enclosed: ClassVar[frozenset[str]] = frozenset({"exact"})

    @property
    def rows_at_once(self) -> int:
        """See `Family`: searches take many steps, which cost the less the more rows."""
        c, q, k = self.view.coefficients.shape
        d = self.view.prototypes.shape[1]
        return max(1, int(_ELEMENTS // ((c - 1) * q * q * (k + d))))

    @cached_property
    def _geometry(self) -> Geometry:
        return Geometry.of(self.view, self.perturbations)

    def batch(
        self, perturbations: Perturbations, z: Tensor, predicted: Tensor
    ) -> SimilarityBatch:
        """See `Family`."""
        return SimilarityBatch.of(perturbations, z, predicted, self._geometry)

    def bound(self, method: str) -> Callable[[SimilarityBatch], Tensor]:
        """See `Family`."""
        if method == "auto":
            return as_computed(auto_radius)
        certificate = look_up(CERTIFICATES, method, ["auto", *CERTIFICATES, "exact"])
        require(method, certificate.why_not_applicable(self.view, self.perturbations))

        def radii(batch: SimilarityBatch) -> Tensor:
            index = batch.gap_index()
            gaps = batch.gaps(index)
            found = certificate.radius(gaps).masked_fill(gaps.harmless, torch.inf)
            return batch.worst_rival(found, index)

        return as_computed(radii)

    def enclose(
        self, batch: SimilarityBatch, attacked: Tensor, effort: Effort
    ) -> Enclosure:
        """See `Family`."""
        return enclose(batch, attacked, effort)
