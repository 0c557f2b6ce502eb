"""Lower and upper bounds on the radii of a batch."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto.robustness._batch import Batch

# How far beyond a boundary a perturbation may reach to be on the other side.
_BEYOND = (1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)

# Share by which the computed size of a perturbation may be off.
_ROUNDED = 1e-10


@dataclass(frozen=True)
class Enclosure:
    """Bounds (n,) and the status of every row, as `ExactRadius` documents them."""

    lower: Tensor
    upper: Tensor
    status: NDArray[np.str_]


@dataclass(frozen=True)
class Effort:
    """How close the bounds should get, and how many pieces of a ball may be examined.

    Parameters
    ----------
    rtol : float
        Relative width at which a row is finished.
    max_nodes : int
        Pieces for each row.
    """

    rtol: float
    max_nodes: int


def finished(lower: Tensor, upper: Tensor, rtol: float) -> Tensor:
    """Rows whose bounds meet, also at infinity or 0."""
    return (lower >= (1 - rtol) * upper) | (lower == upper)


def not_beyond(upper: Tensor, proven: Tensor) -> Tensor:
    """Proven sizes (n,), which must not exceed those at which a prediction changes.

    Raises
    ------
    RuntimeError
        If one does by more than sizes are rounded: a proof is wrong. To return the
        smaller of the two would hide it.
    """
    beyond = proven > upper * (1 + _ROUNDED)
    if bool(beyond.any()):
        row = int(beyond.nonzero()[0, 0])
        raise RuntimeError(
            f"internal error: row {row} of a batch is certified up to "
            f"{float(proven[row])!r}, but a change of size {float(upper[row])!r} flips "
            "its prediction. Please report this with the model and the row."
        )
    return torch.minimum(proven, upper)


def attained(batch: Batch, row: Tensor, delta: Tensor) -> Tensor:
    """Smallest size (n,) at which one of the perturbations does change the prediction.

    Parameters
    ----------
    batch : Batch
        The rows.
    row : Tensor of shape (m,)
        Which row each perturbation belongs to.
    delta : Tensor of shape (m, d)
        Perturbations up to a boundary.
    """
    perturbations = batch.perturbations.take(row)
    best = torch.full_like(delta[:, 0], torch.inf)
    for beyond in _BEYOND:
        longer = perturbations.inside(delta * (1 + beyond))
        flips = batch.flips(row, longer)
        size = torch.where(flips, perturbations.size(longer), torch.inf)
        best = torch.minimum(best, size)
    start = torch.full_like(batch.z[:, 0], torch.inf)
    return start.scatter_reduce(0, row, best, "amin")
