"""Flat rows as images, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def images_of_rows(
    rows: NDArray[Any], image_shape: tuple[int, ...], *, channels_first: bool
) -> Array:
    """Rows (n, d) as images (n, height, width) or (n, height, width, channels)."""
    if channels_first and len(image_shape) > 2:
        height, width, channels = image_shape
        images = rows.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    else:
        images = rows.reshape(-1, *image_shape)
    return np.asarray(images, dtype=np.float64)


def rows_of_images(images: NDArray[Any], *, channels_first: bool) -> NDArray[Any]:
    """Undo `images_of_rows`."""
    if channels_first and images.ndim > 3:
        images = images.transpose(0, 3, 1, 2)
    return images.reshape(len(images), -1)
