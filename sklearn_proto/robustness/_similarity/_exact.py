"""Branch and bound where a similarity-based model has it, else the best bounds.

Proof in the guide: `node-bound`, and the section *Branch and bound*.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sklearn_proto._memory import at_once
from sklearn_proto.robustness._enclosure import (
    Effort,
    Enclosure,
    attained,
    finished,
    not_beyond,
)
from sklearn_proto.robustness._similarity._as_computed import as_computed
from sklearn_proto.robustness._similarity._boundary_search import (
    Boundary,
    nearest_boundary,
)
from sklearn_proto.robustness._similarity._branch_and_bound import (
    RadiusBracket,
    branch_and_bound,
)
from sklearn_proto.robustness._similarity._gaps import SimilarityBatch
from sklearn_proto.robustness._similarity._largest import largest_bound


def enclose(batch: SimilarityBatch, attacked: Tensor, effort: Effort) -> Enclosure:
    """Bounds on the radii of a batch, given the sizes (n,) an attack has reached."""
    index = batch.gap_index()
    gaps = batch.gaps(index)
    found = nearest_boundary(gaps)
    upper = torch.minimum(attained(batch, index.row, found.delta), attacked)
    largest = largest_bound(batch.view, batch.perturbations)
    lower = not_beyond(upper, as_computed(largest)(batch))
    done = finished(lower, upper, effort.rtol)
    status = np.where(done.cpu().numpy(), "exact", "bounded")
    view, perturbations = batch.view, batch.perturbations
    plain = view.metric == "sqeuclidean" and perturbations.norm == 2
    if not plain or perturbations.box_slack is not None:
        return Enclosure(lower=lower, upper=upper, status=status)
    # At a tie there is nothing to prove.
    open_ = batch.worst_rival(found.size, index) > 0
    rows = (~done & upper.isfinite() & open_).nonzero().squeeze(1)
    batch = batch.reaching(batch.reach(upper))
    for some in _few_rows(batch, rows):
        of_row = torch.isin(index.row, some).nonzero().squeeze(1)
        boundary = Boundary(*(part[of_row] for part in found))
        bracket = RadiusBracket(lower[some], upper[some], effort)
        branch_and_bound(batch, some, index.take(of_row), boundary, bracket)
        lower[some], upper[some] = bracket.lower, bracket.upper
    closed = finished(lower[rows], upper[rows], effort.rtol).cpu().numpy()
    status[rows.cpu().numpy()] = np.where(closed, "exact", "budget")
    return Enclosure(lower=lower, upper=upper, status=status)


def _few_rows(batch: SimilarityBatch, rows: Tensor) -> Iterator[Tensor]:
    """Split rows so that the slopes of all their gaps fit into memory."""
    c, q, k = batch.view.affine.coefficients.shape
    size = (c - 1) * q * q * (k + 1) * batch.perturbations.n_features
    few = at_once(size)
    for first in range(0, len(rows), few):
        yield rows[first : first + few]
