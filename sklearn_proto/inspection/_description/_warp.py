"""A smooth local warp: what it takes away is shape."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

Array = NDArray[np.float64]

# Standard deviation, as a share of the longer side, of the filter that makes the
# displacements smooth.
_SMOOTHNESS = 0.15


def warped(images: Array, amount: float, generator: np.random.Generator) -> Array:
    """Move every pixel a little, and neighbours together.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Images.
    amount : float
        Root mean square of the displacements along each side, as a share of the longer
        side.
    generator : Generator
        Draws a field of displacements for every image.

    Returns
    -------
    ndarray of shape (n, height, width, channels)
        The images warped; pixels beyond the border are those on it.
    """
    n, height, width, channels = images.shape
    longest = max(height, width)
    noise = generator.standard_normal((n, 2, height, width))
    sigma = _SMOOTHNESS * longest
    # An image one pixel high has no room to move up or down.
    widths = (0, 0, *(sigma if side > 1 else 0 for side in (height, width)))
    field = gaussian_filter(noise, widths, mode="reflect")
    size = np.sqrt((field**2).mean(axis=(2, 3), keepdims=True))
    field *= amount * longest / size
    grid = np.indices((height, width), dtype=np.float64)
    found = np.empty_like(images)
    for image, shift, out in zip(images, field, found, strict=True):
        for c in range(channels):
            at = grid + shift
            out[..., c] = map_coordinates(image[..., c], at, order=1, mode="nearest")
    return found
