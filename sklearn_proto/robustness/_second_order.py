"""The negative side as a whole: the second-order bound around the row."""

from collections.abc import Callable

from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._certificate import Root
from sklearn_proto.robustness._expansion import expand
from sklearn_proto.robustness._pairs import Pairs
from sklearn_proto.robustness._perturbations import Perturbations


class SecondOrder(Root):
    """Root of the concave quadratic below the log-ratio, expanded at the row."""

    name = "second_order"
    _rtol, _max_iter = 1e-3, 30

    def refusal(self, view: SimilarityView, perturbations: Perturbations) -> str | None:
        """Return None: the bound holds for every similarity-based model."""
        del view, perturbations
        return None

    def farthest(self, pairs: Pairs) -> Tensor:
        """See `Root`."""
        return pairs.far

    def smallest_gap(self, pairs: Pairs) -> Callable[[Tensor], Tensor]:
        """See `Root`."""
        start = pairs.no_change

        def bound(eps: Tensor) -> Tensor:
            at = expand(pairs, eps, start)
            return at.lower_bound() - at.lost

        return bound
