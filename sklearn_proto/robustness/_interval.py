"""Every similarity at its worst on its own: sound for any metric and any widths."""

from functools import partial

import torch
from torch import Tensor

from sklearn_proto._functional import (
    interval_range,
    last_positive,
    lipschitz_constant,
)
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._gaps import Rows, rows_of_class, worst_rival

# exp(-745) is the last positive double.
_UNDERFLOW = 745.0


class Interval:
    """Root of the gap with helpful similarities far and harmful ones near."""

    name = "interval"

    def refusal(self, view: SimilarityView) -> str | None:
        """Return None: the bound holds for every similarity-based model."""
        del view
        return None

    def radius(self, view: SimilarityView, x: Tensor, c: int, norm: float) -> Tensor:
        """See `Certificate`."""
        rows = rows_of_class(view, x, c)
        reach = _UNDERFLOW * view.widths.max()
        # Beyond this every similarity is 0 at its far and 1 at its near end.
        upper = rows.r.amax(1) + (
            reach.sqrt() if view.metric == "sqeuclidean" else reach
        )
        radius = last_positive(partial(_smallest_gap, view, rows), upper)
        return radius / lipschitz_constant(norm, x.shape[1])


def _smallest_gap(view: SimilarityView, rows: Rows, reach: Tensor) -> Tensor:
    """Lower bound (n,) on the gap to the worst rival within Euclidean `reach` (n,)."""
    far, near = interval_range(rows.r, view.widths, view.metric, reach[:, None])
    low, high = torch.exp(far - rows.shift), torch.exp(near - rows.shift)
    gap = rows.contract(rows.rise, low) + rows.contract(rows.fall, high)
    return worst_rival(gap + rows.offsets - rows.rounding(high))
