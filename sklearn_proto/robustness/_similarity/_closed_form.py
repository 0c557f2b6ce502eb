"""Theorem 1 of Saralajew et al. (AAAI 2025): the cheapest certificate."""

import torch
from torch import Tensor

from sklearn_proto._functional import closed_form_radius
from sklearn_proto.robustness._similarity._certificate import Certificate
from sklearn_proto.robustness._similarity._gaps import Pairs

# A harmful similarity below this counts as this: where it underflows to 0, dividing by
# it would certify any distance.
_SMALLEST_HARM = 1e-200


class ClosedForm(Certificate):
    """Published bound, netted; with several widths the smallest counts for all.

    The tangent distance is 1-Lipschitz like the Euclidean one, so it loses nothing; the
    paper halves its radius.
    """

    name = "closed_form"

    def radius(self, pairs: Pairs) -> Tensor:
        """See `Certificate`."""
        view = pairs.view
        distance = view.distances(pairs.z) + view.distance_rounding(pairs.z)
        phi = pairs.similarities()
        euclidean = closed_form_radius(
            (pairs.rise * phi).sum(1),
            (pairs.fall * phi.clamp_min(_SMALLEST_HARM)).sum(1),
            pairs.constant,
            sigma=float(view.widths.min()),
            metric=view.metric,
            largest_distance=distance.amax(1),
        )
        # A map that moves nothing leaves an open gap open, and a closed one closed.
        moved = euclidean / pairs.perturbations.lipschitz
        return torch.where(euclidean > 0, moved, 0.0)
