"""Images of any range and size as pixels to look at."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d

from sklearn_proto._inputs._image_rows import images_of_rows
from sklearn_proto.explain._activation import upsampled
from sklearn_proto.explain._row_summary import Picture

Array = NDArray[np.float64]
Colour = tuple[float, float, float]

# Of the part, of what it can depend on, and of an activation from low to high.
_PART, _SEEN = (0.0, 0.35, 0.75), (0.45, 0.45, 0.45)
_WARMTH = np.array([[1.0, 0.9, 0.55], [0.98, 0.55, 0.15], [0.75, 0.05, 0.1]])
_RGB = 3
# A profile is drawn this many pixels high, and nothing narrower than a quarter.
_PROFILE_HEIGHT = 64
_NARROWEST = 0.25


def image_of_row(
    row: NDArray[Any], image_shape: tuple[int, ...], *, channels_first: bool
) -> Array:
    """Flat row as an image (height, width) or (height, width, channels)."""
    images = images_of_rows(row[None], image_shape, channels_first=channels_first)
    return np.asarray(images[0])


def rendered(picture: Picture, side: int) -> NDArray[np.uint8]:
    """Draw a picture: pixels (height, width, 3), the longer of which is `side`.

    Grey images are drawn dark on white, as ink is, of channels that are not three
    colours the mean, and an image one pixel high as a profile.
    """
    size = _canvas_size(picture.image.shape[:2], side)
    canvas = _resized(_colours(picture.image, picture.limits), size)
    if picture.activation is not None:
        canvas = _warmed(canvas, picture.activation)
    scale = np.tile(np.array(size) / picture.image.shape[:2], 2)
    for box, colour in ((picture.seen, _SEEN), (picture.box, _PART)):
        if box is not None:
            _frame(canvas, np.asarray(box * scale), max(2, side // 60), colour)
    return np.round(255 * canvas).astype(np.uint8)


def _canvas_size(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    longest = max(shape)
    height, width = (round(side * max(s / longest, _NARROWEST)) for s in shape)
    return height, width


def _colours(image: Array, limits: tuple[float, float]) -> Array:
    """Image as colours (height, width, 3) in [0, 1]."""
    low, high = limits
    unit = np.clip((image - low) / (high - low if high > low else 1.0), 0.0, 1.0)
    if unit.ndim > 2 and (unit.shape[2] != _RGB or len(unit) == 1):
        unit = unit.mean(axis=2)
    if len(unit) == 1:
        levels = (np.arange(_PROFILE_HEIGHT, 0, -1)[:, None] - 0.5) / _PROFILE_HEIGHT
        unit = np.where(levels < unit, 0.6, 0.0)
    if unit.ndim == 2:
        unit = np.repeat(1.0 - unit[:, :, None], _RGB, axis=2)
    return np.asarray(unit)


def _resized(colours: Array, size: tuple[int, int]) -> Array:
    """Colours at another size: means of areas, so that pixels stay squares."""
    maps = torch.as_tensor(colours.transpose(2, 0, 1), device="cpu")
    return np.asarray(adaptive_avg_pool2d(maps, size).permute(1, 2, 0).numpy()).copy()


def _warmed(canvas: Array, activation: Array) -> Array:
    """Lay an activation over colours: the higher, the less of these is left."""
    low, high = activation.min(), activation.max()
    # Equal values are as high as any.
    unit = (activation - low) / (high - low) if high > low else np.ones((1, 1))
    unit = np.clip(upsampled(unit, canvas.shape[:2]), 0.0, 1.0)
    knots = np.linspace(0.0, 1.0, len(_WARMTH))
    warmth = np.stack([np.interp(unit, knots, c) for c in _WARMTH.T], axis=-1)
    opacity = 0.75 * unit[:, :, None]
    return np.asarray((1.0 - opacity) * canvas + opacity * warmth)


def _frame(canvas: Array, box: Array, width: int, colour: Colour) -> None:
    """Draw a frame inside a box, and a white line inside of it, in place."""
    top, left, bottom, right = (round(float(side)) for side in box)
    # However small the box is, there is something of it to see.
    top, left = (
        max(0, min(start, end - 3 * width))
        for start, end in ((top, canvas.shape[0]), (left, canvas.shape[1]))
    )
    bottom, right = max(bottom, top + 3 * width), max(right, left + 3 * width)
    for inset, thickness, ink in ((0, width, colour), (width, 1, (1.0, 1.0, 1.0))):
        ring = np.zeros(canvas.shape[:2], dtype=bool)
        ring[top + inset : bottom - inset, left + inset : right - inset] = True
        inner = inset + thickness
        ring[top + inner : bottom - inner, left + inner : right - inner] = False
        canvas[ring] = ink
