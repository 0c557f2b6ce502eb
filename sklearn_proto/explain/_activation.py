"""Where in an image a prototype is found."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_max_pool2d, interpolate

from sklearn_proto._memory import at_once

Array = NDArray[np.float64]
Boxes = NDArray[np.intp]


def upsampled(maps: Array, size: tuple[int, int]) -> Array:
    """Bring maps (..., H', W') to the size (H, W) by bicubic interpolation.

    Along a side that gets shorter the largest value counts: a peak must not fall
    between the samples.
    """
    flat = torch.as_tensor(maps.reshape(-1, 1, *maps.shape[-2:]), device="cpu")
    height, width = (min(a, b) for a, b in zip(maps.shape[-2:], size, strict=True))
    small = adaptive_max_pool2d(flat, (height, width))
    large = interpolate(small, size=size, mode="bicubic", align_corners=False)
    return np.asarray(large.numpy()).reshape(*maps.shape[:-2], *size)


def part_boxes(maps: Array, size: tuple[int, int], percentile: float) -> Boxes:
    """Boxes of `percentile_boxes` of the upsampled maps, a few maps at a time.

    Parameters
    ----------
    maps : ndarray of shape (..., H', W')
        Similarities of latent patches.
    size : tuple of int
        Height and width of the image.
    percentile : float
        In [0, 100].

    Returns
    -------
    ndarray of shape (..., 4)
        Top, left, bottom and right in the image, the last two one beyond the box.
    """
    flat = maps.reshape(-1, *maps.shape[-2:])
    boxes = np.empty((len(flat), 4), dtype=np.intp)
    step = at_once(size[0] * size[1])
    for start in range(0, len(flat), step):
        piece = slice(start, start + step)
        boxes[piece] = percentile_boxes(upsampled(flat[piece], size), percentile)
    return boxes.reshape(*maps.shape[:-2], 4)


def percentile_boxes(maps: Array, percentile: float) -> Boxes:
    """Tight boxes around the values at or above a percentile of each map.

    Chen et al. 2019, section 2.2. The box of a map of equal values is all of it.

    Parameters
    ----------
    maps : ndarray of shape (..., H, W)
        Activations at image resolution.
    percentile : float
        In [0, 100].

    Returns
    -------
    ndarray of shape (..., 4)
        Top, left, bottom and right, the last two one beyond the box.
    """
    level = np.percentile(maps, percentile, axis=(-2, -1), keepdims=True)
    # Interpolation leaves equal values apart by a few roundings.
    largest = np.abs(maps).max(axis=(-2, -1), keepdims=True)
    high = maps >= level - 64 * np.finfo(maps.dtype).eps * largest
    top, bottom = _extent(high.any(axis=-1))
    left, right = _extent(high.any(axis=-2))
    return np.stack([top, left, bottom, right], axis=-1)


def _extent(marked: NDArray[np.bool_]) -> tuple[Boxes, Boxes]:
    """First marked index along the last axis, and one beyond the last."""
    first = marked.argmax(axis=-1)
    last = marked.shape[-1] - marked[..., ::-1].argmax(axis=-1)
    return first, last
