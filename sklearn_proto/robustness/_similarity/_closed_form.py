"""Closed form: ``f >= a e^-t - c e^t + B`` while no exponent changes by more than t.

Here a and c are the sums of the positive and of the negative terms at the row. Theorem
1 of Saralajew et al. (AAAI 2025), netted: the cheapest certificate.

Proof in the guide: `closed-form`, `closed-form-root`, `closed-form-radius`.
"""

import torch
from torch import Tensor

from sklearn_proto._functional import closed_form_radius
from sklearn_proto.robustness._similarity._certificate import Certificate
from sklearn_proto.robustness._similarity._gaps import GapBatch

# A harmful similarity below this counts as this: where it underflows to 0, dividing by
# it would certify any distance.
_SMALLEST_HARM = 1e-200


class ClosedForm(Certificate):
    """Published bound, netted; with several widths the smallest counts for all.

    The tangent distance is 1-Lipschitz like the Euclidean one, so it loses nothing; the
    paper halves its radius.
    """

    name = "closed_form"

    def radius(self, gaps: GapBatch) -> Tensor:
        """Sizes (m,) in closed form, with the smallest width for all prototypes."""
        view = gaps.view
        distance = view.distances(gaps.z) + view.distance_rounding(gaps.z)
        phi = gaps.similarities()
        euclidean = closed_form_radius(
            (gaps.positive_weights * phi).sum(1),
            (gaps.negative_weights * phi.clamp_min(_SMALLEST_HARM)).sum(1),
            gaps.constant,
            sigma=float(view.widths.min()),
            metric=view.metric,
            largest_distance=distance.amax(1),
        )
        # A map that moves nothing leaves an open gap open, and a closed one closed.
        moved = euclidean / gaps.perturbations.lipschitz
        return torch.where(euclidean > 0, moved, 0.0)
