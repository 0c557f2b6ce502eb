"""Theorem 1 of Saralajew et al. (AAAI 2025): the cheapest certificate."""

from torch import Tensor

from sklearn_proto._functional import closed_form_radius, lipschitz_constant
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._gaps import rows_of_class, worst_rival

# A harmful similarity below this counts as this: where it underflows to 0, dividing by
# it would certify any distance.
_SMALLEST_HARM = 1e-200


class ClosedForm:
    """Published bound, netted; with several widths the smallest counts for all.

    The tangent distance is 1-Lipschitz like the Euclidean one, so it loses nothing; the
    paper halves its radius.
    """

    name = "closed_form"

    def refusal(self, view: SimilarityView) -> str | None:
        """Return None: the bound holds for every similarity-based model."""
        del view
        return None

    def radius(self, view: SimilarityView, x: Tensor, c: int, norm: float) -> Tensor:
        """See `Certificate`."""
        rows = rows_of_class(view, x, c)
        phi = rows.exponents.exp()
        harm = phi.clamp_min(_SMALLEST_HARM)
        negative, offsets = rows.contract(rows.fall, harm).abs(), rows.offsets
        rounding = rows.rounding(phi)
        if rows.normalized:  # It grows with the similarities, as a rival's part does.
            negative = negative + rounding
        else:
            offsets = offsets - rounding
        radius = closed_form_radius(
            rows.contract(rows.rise, phi),
            negative,
            offsets.expand_as(negative),
            sigma=float(view.widths.min()),
            metric=view.metric,
            largest_distance=rows.r.amax(1)[:, None, None],
        )
        return worst_rival(radius) / lipschitz_constant(norm, x.shape[1])
