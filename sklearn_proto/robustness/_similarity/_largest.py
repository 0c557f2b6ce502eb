"""The largest of all bounds, also of those that were added from outside.

Proof in the guide: `largest-step-4`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._lookup import added
from sklearn_proto.robustness._similarity._auto import auto_radius
from sklearn_proto.robustness._similarity._certificate import Certificate
from sklearn_proto.robustness._similarity._certificates import CERTIFICATES
from sklearn_proto.robustness._similarity._gaps import SimilarityBatch
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

Bound = Callable[[SimilarityBatch], Tensor]

# "auto" knows these, and which of them can be the largest where.
_BUILT_IN = tuple(CERTIFICATES.values())


def largest_bound(view: SimilarityView, perturbations: Perturbations) -> Bound:
    """Bound on the radii (n,) of a batch by "auto" and all certificates added to it."""
    others = [
        over_rivals(certificate)
        for certificate in added(CERTIFICATES, _BUILT_IN)
        if certificate.why_not_applicable(view, perturbations) is None
    ]

    def radii(batch: SimilarityBatch) -> Tensor:
        found = auto_radius(batch)
        for other in others:
            found = torch.maximum(found, other(batch))
        return found

    return radii


def over_rivals(certificate: Certificate) -> Bound:
    """Bound on the radii (n,) of a batch by one certificate: of the worst rival."""

    def radii(batch: SimilarityBatch) -> Tensor:
        index = batch.gap_index()
        gaps = batch.gaps(index)
        found = certificate.radius(gaps).masked_fill(gaps.harmless, torch.inf)
        return batch.worst_rival(found, index)

    return radii
