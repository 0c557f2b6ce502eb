"""Changes of hue, saturation and contrast; images have values in [0, 1]."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# How bright the three colours look (Rec. 601).
_LUMA = np.array([0.299, 0.587, 0.114])


def brightness(images: Array) -> Array:
    """Brightness (..., 1) of images (..., channels): weighted for three colours."""
    if images.shape[-1] == len(_LUMA):
        return np.asarray((images @ _LUMA)[..., None])
    return np.asarray(images.mean(axis=-1, keepdims=True))


def with_hue_shifted(images: Array, turns: float) -> Array:
    """Turn the hue of colours (..., 3) by so many turns, as in the HSV cone.

    With V the largest and v the smallest of the three, a hue of h sixths of a turn has
    the colours ``V - (V - v) clip(min(k, 4 - k), 0, 1)``, k = (n + h) mod 6, where n is
    5 for red, 3 for green and 1 for blue.
    """
    high, low = images.max(axis=-1), images.min(axis=-1)
    chroma = high - low
    safe = np.where(chroma > 0, chroma, 1.0)
    red, green, blue = np.moveaxis(images, -1, 0)
    sixths = np.where(
        high == red,
        (green - blue) / safe,
        np.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    k = (np.array([5.0, 3.0, 1.0]) + (sixths + 6 * turns)[..., None]) % 6
    ramp = np.clip(np.minimum(k, 4 - k), 0.0, 1.0)
    return np.asarray(high[..., None] - chroma[..., None] * ramp)


def with_saturation(images: Array, factor: float) -> Array:
    """Move colours towards the grey of their brightness; a factor of 0 is grey."""
    grey = brightness(images)
    return np.asarray(np.clip(grey + factor * (images - grey), 0.0, 1.0))


def with_contrast(images: Array, factor: float) -> Array:
    """Move images (n, height, width, channels) towards their mean brightness."""
    mean = brightness(images).mean(axis=(1, 2, 3), keepdims=True)
    return np.asarray(np.clip(mean + factor * (images - mean), 0.0, 1.0))
