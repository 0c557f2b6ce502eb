"""Branch and bound where a similarity-based model has it, else the best bounds."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sklearn_proto.robustness._enclosure import (
    Effort,
    Enclosure,
    attained,
    finished,
    not_beyond,
)
from sklearn_proto.robustness._similarity._as_computed import as_computed
from sklearn_proto.robustness._similarity._auto import auto_radius
from sklearn_proto.robustness._similarity._boundary_search import (
    Boundary,
    nearest_boundary,
)
from sklearn_proto.robustness._similarity._branch_and_bound import Ends, narrow
from sklearn_proto.robustness._similarity._gaps import SimilarityBatch

# Elements of the slopes of the rows that are proven together.
_ELEMENTS = 4_000_000


def enclose(batch: SimilarityBatch, attacked: Tensor, effort: Effort) -> Enclosure:
    """Bounds on the radii of a batch, given the sizes (n,) an attack has reached."""
    duels = batch.duels()
    pairs = batch.pairs(duels)
    found = nearest_boundary(pairs)
    upper = torch.minimum(attained(batch, duels.row, found.delta), attacked)
    lower = not_beyond(upper, as_computed(auto_radius)(batch))
    done = finished(lower, upper, effort.rtol)
    status = np.where(done.cpu().numpy(), "exact", "bounded")
    view, perturbations = batch.view, batch.perturbations
    plain = view.metric == "sqeuclidean" and perturbations.norm == 2
    if not plain or perturbations.room is not None:
        return Enclosure(lower, upper, status)
    # At a tie there is nothing to prove.
    open_ = batch.worst_rival(found.size, duels) > 0
    rows = (~done & upper.isfinite() & open_).nonzero().squeeze(1)
    batch = batch.reaching(batch.reach(upper))
    for some in _few_rows(batch, rows):
        of_row = torch.isin(duels.row, some).nonzero().squeeze(1)
        boundary = Boundary(*(part[of_row] for part in found))
        ends = Ends(lower[some], upper[some], effort)
        narrow(batch, some, duels.take(of_row), boundary, ends)
        lower[some], upper[some] = ends.lower, ends.upper
    closed = finished(lower[rows], upper[rows], effort.rtol).cpu().numpy()
    status[rows.cpu().numpy()] = np.where(closed, "exact", "budget")
    return Enclosure(lower, upper, status)


def _few_rows(batch: SimilarityBatch, rows: Tensor) -> Iterator[Tensor]:
    """Split rows so that the slopes of all their pairs fit into memory."""
    c, q, k = batch.view.affine.coefficients.shape
    size = (c - 1) * q * q * (k + 1) * batch.perturbations.n_features
    few = max(_ELEMENTS // size, 1)
    for first in range(0, len(rows), few):
        yield rows[first : first + few]
