"""Every similarity at its worst on its own: sound for any metric and any widths."""

import torch
from torch import Tensor

from sklearn_proto._functional import interval_range, last_positive
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._pairs import Pairs

# exp(-745) is the last positive double.
_UNDERFLOW = 745.0


class Interval:
    """Root of the gap with helpful similarities far and harmful ones near."""

    name = "interval"

    def refusal(self, view: SimilarityView) -> str | None:
        """Return None: the bound holds for every similarity-based model."""
        del view
        return None

    def radius(self, pairs: Pairs) -> Tensor:
        """See `Certificate`."""
        view = pairs.view
        r = view.squared_distances(pairs.z).sqrt_()
        # Normalised similarities have a common positive factor, which moves no sign but
        # keeps rows far from every prototype from underflowing.
        shift: Tensor | float = 0.0
        if view.normalized:
            shift = view.exponents(pairs.z).amax(1, keepdim=True)

        def smallest_gap(reach: Tensor) -> Tensor:
            far, near = interval_range(r, view.widths, view.metric, reach[:, None])
            helpful = pairs.rise * torch.exp(far - shift)
            harmful = pairs.fall * torch.exp(near - shift)
            return (helpful - harmful).sum(1) + pairs.constant

        # Beyond this every similarity is 0 at its far and 1 at its near end.
        reach = _UNDERFLOW * view.widths.max()
        reach = reach.sqrt() if view.metric == "sqeuclidean" else reach
        euclidean = last_positive(smallest_gap, r.amax(1) + reach)
        return euclidean / pairs.perturbations.lipschitz
