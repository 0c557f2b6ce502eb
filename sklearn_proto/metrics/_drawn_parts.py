"""Images of objects whose parts are annotated."""

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_proto._compat import Interval
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated

Array = NDArray[np.float64]

_N_CLASSES = 3
_HEAD, _BODY, _TAIL = range(3)
# Of the body and the tail; a head is always there to tell the class.
_VISIBLE = 0.8
# Of a part, as a share of the side of the image.
_RADIUS = 0.14


@undisturbed
@validated(
    n_samples=[Interval(Integral, 1, None, closed="left")],
    image_size=[Interval(Integral, 16, None, closed="left")],
    noise=[Interval(Real, 0, None, closed="left")],
    random_state=["random_state"],
)
def make_drawn_parts(
    n_samples: int = 100,
    *,
    image_size: int = 32,
    noise: float = 0.05,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Array, NDArray[np.intp], Array]:
    """Draw objects of three classes with a head, a body and a tail.

    Only the head tells the class: it is a disc, a frame or an X. The body is a bar and
    the tail an upright one, if they are there. The parts lie in different quarters
    of the image, drawn at random, so that no place stands for a part.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images.
    image_size : int, default=32
        Height and width of the images, at least 16.
    noise : float, default=0.05
        Standard deviation of the noise of the pixels.
    random_state : int, RandomState instance or None, default=None
        Seeds the drawing.

    Returns
    -------
    images : ndarray of shape (n_samples, image_size, image_size)
        Values in [0, 1].
    labels : ndarray of shape (n_samples,)
        Classes 0, 1 and 2, as equal in number as they can be, in random order.
    parts : ndarray of shape (n_samples, 3, 3)
        Column and row of the centres of head, body and tail, and 1 where the part is
        visible, else 0.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    consistency_score : Needs such annotations.
    make_drawn_images : Coloured images whose classes differ by one thing only.

    Examples
    --------
    >>> from sklearn_proto.metrics import make_drawn_parts
    >>> images, labels, parts = make_drawn_parts(9, random_state=0)
    >>> images.shape, parts.shape
    ((9, 32, 32), (9, 3, 3))
    >>> bool(parts[:, 0, 2].all())   # every object has a head
    True
    """
    random = check_random_state(random_state)
    labels = random.permutation(np.arange(n_samples) % _N_CLASSES)
    quarters = np.argsort(random.random_sample((n_samples, 4)), axis=1)[:, :3]
    corner = np.stack([quarters % 2, quarters // 2], axis=2)  # column, row
    # In the middle of a quarter, or a little beside it.
    shift = random.uniform(-0.08, 0.08, corner.shape)
    places = np.round(image_size * (0.25 + 0.5 * corner + shift) - 0.5)
    visible = random.random_sample((n_samples, 3)) < _VISIBLE
    visible[:, _HEAD] = True
    ink = random.uniform(0.6, 0.9, (n_samples, 3, 1, 1))
    shown = _drawn(labels, places, image_size) & visible[:, :, None, None]
    images = np.where(shown, ink, 0.1).max(axis=1)
    with np.errstate(over="ignore"):
        images += noise * random.standard_normal(images.shape)
    parts = np.concatenate([places, visible[:, :, None]], axis=2)
    return np.clip(images, 0.0, 1.0), labels, parts


def _drawn(labels: NDArray[np.intp], places: Array, side: int) -> NDArray[np.bool_]:
    """Masks (n, 3, side, side) of the parts."""
    radius = _RADIUS * side
    rows, columns = np.indices((side, side))
    x = np.abs(columns - places[:, :, :1, None]) / radius
    y = np.abs(rows - places[:, :, 1:, None]) / radius
    box, slant = np.maximum(x, y), np.abs(x - y)
    heads = [np.hypot(x, y) <= 1, (box <= 1) & (box > 0.6), (box <= 1) & (slant < 0.4)]
    found = np.empty(box.shape, dtype=bool)
    found[:, _HEAD] = np.choose(labels[:, None, None], [h[:, _HEAD] for h in heads])
    found[:, _BODY] = (x <= 1)[:, _BODY] & (y < 0.4)[:, _BODY]
    found[:, _TAIL] = (y <= 1)[:, _TAIL] & (x < 0.4)[:, _TAIL]
    return found
