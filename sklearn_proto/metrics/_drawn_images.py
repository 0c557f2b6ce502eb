"""Images whose classes differ by one thing only, to try explanations on."""

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated

Array = NDArray[np.float64]

_DIFFERENCES = ("hue", "shape", "texture")
_N_CLASSES = 3
# Of the stripes, in pixels.
_PERIOD = 4


@undisturbed
@validated(
    n_samples=[Interval(Integral, 1, None, closed="left")],
    differ_by=[StrOptions(set(_DIFFERENCES))],
    image_size=[Interval(Integral, 16, None, closed="left")],
    noise=[Interval(Real, 0, None, closed="left")],
    random_state=["random_state"],
)
def make_drawn_images(
    n_samples: int = 100,
    *,
    differ_by: str = "hue",
    image_size: int = 24,
    noise: float = 0.02,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Array, NDArray[np.intp]]:
    """Draw coloured figures of three classes that differ by one thing only.

    A figure is red, green or blue; a disc, a cross or a frame; striped along, striped
    across or checked in one of its halves. One of the three makes the class, and the
    others are drawn at random, as are place, size, brightness, contrast and background.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    differ_by : {"hue", "shape", "texture"}, default="hue"
        What makes the class.
    image_size : int, default=24
        Height and width of the images, at least 16.
    noise : float, default=0.02
        Standard deviation of the noise of the pixels.
    random_state : int, RandomState instance or None, default=None
        Seeds the drawing.

    Returns
    -------
    images : ndarray of shape (n_samples, image_size, image_size, 3)
        Values in [0, 1].
    labels : ndarray of shape (n_samples,)
        Classes 0, 1 and 2, as equal in number as they can be, in random order.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    make_drawn_parts : Images with annotated parts.

    Examples
    --------
    >>> from sklearn_proto.metrics import make_drawn_images
    >>> images, labels = make_drawn_images(9, differ_by="shape", random_state=0)
    >>> images.shape, sorted(labels.tolist())
    ((9, 24, 24, 3), [0, 0, 0, 1, 1, 1, 2, 2, 2])
    """
    random = check_random_state(random_state)
    labels = random.permutation(np.arange(n_samples) % _N_CLASSES)
    traits = {
        name: labels
        if name == differ_by
        else random.randint(_N_CLASSES, size=n_samples)
        for name in _DIFFERENCES
    }
    mask = _figures(traits["shape"], image_size, random)
    texture = _textures(traits["texture"], image_size, random)
    texture *= _halves(n_samples, image_size, random)
    value = random.uniform(0.6, 0.8, n_samples)[:, None, None] * (1 + 0.25 * texture)
    hue = traits["hue"] / _N_CLASSES + random.uniform(-0.05, 0.05, n_samples)
    colours = _fully_coloured(hue)[:, None, None, :]
    saturation = random.uniform(0.3, 0.9, n_samples)[:, None, None, None]
    figure = value[..., None] * (1 - saturation * (1 - colours))
    ground = random.uniform(0.1, 0.3, n_samples)[:, None, None, None]
    images = np.where(mask[..., None], figure, ground)
    contrast = random.uniform(0.5, 1.0, n_samples)[:, None, None, None]
    images = 0.35 + contrast * (images - 0.35)
    with np.errstate(over="ignore"):
        images += noise * random.standard_normal(images.shape)
    return np.clip(images, 0.0, 1.0), labels


def _figures(
    kinds: NDArray[np.intp], side: int, random: np.random.RandomState
) -> NDArray[np.bool_]:
    """Masks (n, side, side) of discs, crosses and frames."""
    n = len(kinds)
    radius = random.uniform(0.27, 0.36, n)[:, None, None] * side
    centre = side * random.uniform(0.42, 0.58, (2, n))[:, :, None, None]
    grid = np.indices((side, side))[:, None] + 0.5
    y, x = np.abs(grid - centre) / radius
    box = np.maximum(x, y)
    masks = [
        np.hypot(x, y) <= 1,
        (box <= 1) & (np.minimum(x, y) <= 0.33),
        (box <= 1) & (box >= 0.5),
    ]
    return np.asarray(np.choose(kinds[:, None, None], masks))


def _textures(
    kinds: NDArray[np.intp], side: int, random: np.random.RandomState
) -> Array:
    """Patterns (n, side, side) of -1 and 1: stripes along and across, and checks."""
    phase = random.randint(_PERIOD, size=(2, len(kinds)))[:, :, None, None]
    grid = np.indices((side, side))[:, None]
    along, across = np.where((grid + phase) % _PERIOD < _PERIOD // 2, 1.0, -1.0)
    return np.asarray(np.choose(kinds[:, None, None], [along, across, along * across]))


def _halves(n: int, side: int, random: np.random.RandomState) -> NDArray[np.bool_]:
    """Masks (n, side, side) of the left, right, upper or lower half."""
    flip, axis = random.randint(2, size=(2, n))
    masks = (np.indices((side, side)) < side // 2)[axis]
    return np.asarray(masks ^ flip.astype(bool)[:, None, None])


def _fully_coloured(turns: Array) -> Array:
    """Colours (n, 3) of full saturation and value."""
    distance = np.abs((turns[:, None] - np.arange(3) / 3 + 0.5) % 1 - 0.5)
    return np.asarray(np.clip(2 - 6 * distance, 0.0, 1.0))
