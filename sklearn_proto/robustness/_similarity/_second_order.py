"""The negative side as a whole: the second-order bound around the row."""

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
        """See `RootFindingCertificate`."""
        start = gaps.no_change

        def bound(eps: Tensor) -> Tensor:
            at = expand(gaps, eps, start)
            return at.lower_bound() - at.rounding_error

        return bound
