"""Shallow-deep feature alignment: parts stay where the image has them."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, normalize, unfold

from sklearn_proto._losses._parts import weighted_mean
from sklearn_proto._modules import PartOutputs


def alignment(
    outputs: PartOutputs, y: Tensor, weight: Tensor, *, slack: float
) -> Tensor:
    """Mean of ``relu(|S_deep - S_shallow| - slack)`` where prototypes of y peak.

    S holds the cosines between the positions of a map. Deep positions see much of the
    image and may mix up where things are; those of an early map cannot, so they teach
    and are not taught (Huang et al. 2023, shallow-deep feature alignment).

    Parameters
    ----------
    outputs : PartOutputs
        Of one branch.
    y, weight : Tensor of shape (n,)
        Classes and weights of the rows.
    slack : float
        Difference of two cosines that costs nothing, at least 0.
    """
    deep = outputs.patches
    shallow = on_grid_of(deep, outputs.shallow.detach())
    difference = _cosines(deep.flatten(2)) - _cosines(shallow)
    excess = (difference.abs() - slack).clamp_min(0.0).mean(2)
    at_peaks = excess.gather(1, _peak_cells(outputs))
    own = (outputs.branch.parts.owners == y[:, None]).to(excess.dtype)
    return weighted_mean((at_peaks * own).sum(1) / own.sum(1), weight)


def on_grid_of(deep: Tensor, shallow: Tensor) -> Tensor:
    """Stack the sub-positions of every deep position: (n, channels, positions).

    A shallow map that is no whole multiple of the deep one a side is averaged to the
    nearest multiple first.
    """
    (height, width), (rows, columns) = deep.shape[2:], shallow.shape[2:]
    cell = max(1, round(rows / height)), max(1, round(columns / width))
    fitting = adaptive_avg_pool2d(shallow, (cell[0] * height, cell[1] * width))
    return unfold(fitting, cell, stride=cell)


def _cosines(columns: Tensor) -> Tensor:
    """Cosines (n, P, P) between the columns of (n, D, P)."""
    unit = normalize(columns, dim=1)
    return unit.transpose(1, 2) @ unit


def _peak_cells(outputs: PartOutputs) -> Tensor:
    """Flat position (n, K) in the latent map of the middle of the closest patch."""
    width, n_columns = outputs.patches.shape[3], outputs.dissimilarity_map.shape[3]
    height_of_patch, width_of_patch = outputs.branch.parts.size
    peaks = outputs.peaks
    row = torch.div(peaks, n_columns, rounding_mode="floor")
    row = row + (height_of_patch - 1) // 2
    column = peaks % n_columns + (width_of_patch - 1) // 2
    cells: Tensor = row * width + column
    return cells
