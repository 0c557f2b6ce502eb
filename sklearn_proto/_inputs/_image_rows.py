"""Flat rows as images, and back."""

import math
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._validation import shown

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


def checked_image_shape(image_shape: Any, count: int) -> tuple[int, ...]:
    """Check the shape of an image of so many numbers.

    Raises
    ------
    ValueError
        If it is no shape, or one of more or fewer numbers.
    """
    sides = image_shape if isinstance(image_shape, tuple | list) else ()
    whole = len(sides) in (2, 3) and all(isinstance(side, Integral) for side in sides)
    if not whole or min(sides) < 1 or math.prod(sides) != count:
        raise ValueError(
            f"image_shape={shown(image_shape)} must be (height, width) or (height, "
            f"width, channels) of {count} numbers, which is what a row has."
        )
    return tuple(int(side) for side in sides)


def check_known_shape(image_shape: Any, known: tuple[int, ...]) -> None:
    """Check a shape that is given, though images have one already.

    Raises
    ------
    ValueError
        If it is neither None nor the one that is known.
    """
    if image_shape is None:
        return
    if not isinstance(image_shape, tuple | list) or tuple(image_shape) != known:
        raise ValueError(
            f"image_shape={shown(image_shape)} is not {known}, the shape of the images "
            "that the model was fitted on."
        )
