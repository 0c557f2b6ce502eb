"""Interval: every similarity at its worst on its own, for any metric and any widths.

``f(delta) >= sum_+ g_k kappa_k(r_k + rho) + sum_- g_k kappa_k(max(0, r_k - rho)) + B``
with kappa the kernel, r_k the distances at the row and ``rho = L eps``.

Proof in the guide: `interval`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto._functional import interval_range
from sklearn_proto.robustness._similarity._certificate import RootFindingCertificate
from sklearn_proto.robustness._similarity._gaps import GapBatch

# exp(-745) is the last positive double.
_UNDERFLOW = 745.0


class SimilarityInterval(RootFindingCertificate):
    """Root of the gap with helpful similarities far and harmful ones near."""

    name = "interval"
    _complete = True

    def farthest(self, gaps: GapBatch) -> Tensor:
        """Sizes (m,) at which similarities are 0 at their far, 1 at their near end."""
        view = gaps.view
        reach = _UNDERFLOW * view.widths.max()
        reach = reach.sqrt() if view.metric == "sqeuclidean" else reach
        distance = view.distances(gaps.z).amax(1)
        # Twice the distance: it passes every prototype, whatever is rounded.
        return (2.0 * distance + reach) / max(gaps.perturbations.lipschitz, 1e-300)

    def smallest_gap(self, gaps: GapBatch) -> Callable[[Tensor], Tensor]:
        """Return the gap with every similarity at its worst for each size."""
        view, lipschitz = gaps.view, gaps.perturbations.lipschitz
        r, error = view.distances(gaps.z), view.distance_rounding(gaps.z)
        lower, upper = (r - error).clamp_min(0.0), r + error
        # Normalised similarities have a common positive factor, which moves no sign but
        # keeps rows far from every prototype from underflowing.
        shift: Tensor | float = 0.0
        if view.normalized:
            shift = view.exponents(gaps.z).amax(1, keepdim=True)

        def bound(eps: Tensor) -> Tensor:
            reach = (lipschitz * eps)[:, None]
            far, near = interval_range(lower, upper, view.widths, view.metric, reach)
            helpful = gaps.positive_weights * torch.exp(far - shift)
            harmful = gaps.negative_weights * torch.exp(near - shift)
            return (helpful - harmful).sum(1) + gaps.constant

        return bound
