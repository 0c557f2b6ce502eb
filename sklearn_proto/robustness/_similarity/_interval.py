"""Every similarity at its worst on its own: sound for any metric and any widths."""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto._functional import interval_range
from sklearn_proto.robustness._similarity._certificate import Root
from sklearn_proto.robustness._similarity._gaps import Pairs

# exp(-745) is the last positive double.
_UNDERFLOW = 745.0


class Interval(Root):
    """Root of the gap with helpful similarities far and harmful ones near."""

    name = "interval"
    _complete = True

    def farthest(self, pairs: Pairs) -> Tensor:
        """See `Root`: every similarity is 0 at its far and 1 at its near end."""
        view = pairs.view
        reach = _UNDERFLOW * view.widths.max()
        reach = reach.sqrt() if view.metric == "sqeuclidean" else reach
        distance = view.distances(pairs.z).amax(1)
        # Twice the distance: it passes every prototype, whatever is rounded.
        return (2.0 * distance + reach) / max(pairs.perturbations.lipschitz, 1e-300)

    def smallest_gap(self, pairs: Pairs) -> Callable[[Tensor], Tensor]:
        """See `Root`."""
        view, lipschitz = pairs.view, pairs.perturbations.lipschitz
        r, error = view.distances(pairs.z), view.distance_rounding(pairs.z)
        lower, upper = (r - error).clamp_min(0.0), r + error
        # Normalised similarities have a common positive factor, which moves no sign but
        # keeps rows far from every prototype from underflowing.
        shift: Tensor | float = 0.0
        if view.normalized:
            shift = view.exponents(pairs.z).amax(1, keepdim=True)

        def bound(eps: Tensor) -> Tensor:
            reach = (lipschitz * eps)[:, None]
            far, near = interval_range(lower, upper, view.widths, view.metric, reach)
            helpful = pairs.rise * torch.exp(far - shift)
            harmful = pairs.fall * torch.exp(near - shift)
            return (helpful - harmful).sum(1) + pairs.constant

        return bound
