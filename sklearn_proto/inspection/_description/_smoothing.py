"""Smoothing that keeps edges: what it takes away is texture."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

Array = NDArray[np.float64]

# Of the patches that are compared, and how far apart they may be, in pixels.
_PATCH, _REACH = 3, 3


def smoothed(images: Array, strength: float) -> Array:
    """Take the mean over nearby pixels with similar surroundings.

    These are non-local means (Buades, Coll and Morel 2005): pixel q counts for pixel p
    with weight ``exp(-d(p, q)^2 / strength^2)``, d being the root mean square
    difference of the patches around them, so nothing is averaged across an edge that
    is high compared with the strength.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Images with values in [0, 1].
    strength : float
        Difference, above 0, below which patches count as alike.

    Returns
    -------
    ndarray of shape (n, height, width, channels)
        The images without their texture.
    """
    _, height, width, _ = images.shape
    margins = [(0, 0), (_REACH, _REACH), (_REACH, _REACH), (0, 0)]
    around = np.pad(images, margins, mode="symmetric")
    total = np.zeros_like(images)
    weights = np.zeros((*images.shape[:3], 1))
    for top, left in np.ndindex(2 * _REACH + 1, 2 * _REACH + 1):
        other = around[:, top : top + height, left : left + width]
        squares = ((images - other) ** 2).mean(axis=-1, keepdims=True)
        squares = uniform_filter(squares, (1, _PATCH, _PATCH, 1), mode="nearest")
        weight = np.exp(-squares / strength**2)
        total += weight * other
        weights += weight
    return total / weights
