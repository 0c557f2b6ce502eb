"""Second order: ``log P - log N >= G - h(-g) - log(1 + E^2 eps^2 F)``, at the row.

The negative side counts as a whole: F bounds how far its slopes scatter.

Proof in the guide: `second-order`, which is `quadratic-bound` at ``delta_0 = k = 0``.
"""

from collections.abc import Callable

from torch import Tensor

from sklearn_proto.robustness._similarity._certificate import RootFindingCertificate
from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._similarity._quadratic_bound import expand


class SecondOrder(RootFindingCertificate):
    """Root of the concave quadratic below the log-ratio, expanded at the row."""

    name = "second_order"
    _rtol, _max_iter = 1e-3, 30

    def smallest_gap(self, gaps: GapBatch) -> Callable[[Tensor], Tensor]:
        """Return the second-order bound at the row, less its rounding."""
        start = gaps.no_change

        def bound(eps: Tensor) -> Tensor:
            at = expand(gaps, eps, start)
            return at.lower_bound() - at.rounding_error

        return bound
