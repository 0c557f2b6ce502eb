"""The negative side as a whole: the second-order bound around the row."""

import torch
from torch import Tensor

from sklearn_proto._functional import last_positive
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._expansion import expand
from sklearn_proto.robustness._pairs import Pairs

_PIECES = 4


class SecondOrder:
    """Root of the concave quadratic below the log-ratio, expanded at the row."""

    name = "second_order"

    def refusal(self, view: SimilarityView) -> str | None:
        """Return None: the bound holds for every similarity-based model."""
        del view
        return None

    def radius(self, pairs: Pairs) -> Tensor:
        """See `Certificate`."""
        start = pairs.no_change

        def bound(eps: Tensor) -> Tensor:
            return expand(pairs, eps, start).lower_bound(_PIECES) - pairs.rounding

        far = pairs.far
        return torch.minimum(last_positive(bound, far, rtol=1e-3, max_iter=30), far)
