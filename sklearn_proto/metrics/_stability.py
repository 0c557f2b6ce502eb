"""Whether a prototype is found at the same part when there is noise."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._inputs._image_rows import images_of_rows, rows_of_images
from sklearn_proto._inputs._labels import checked_labels
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.metrics._arguments import finite_rows
from sklearn_proto.metrics._average import averaged
from sklearn_proto.metrics._explained import Explained, explained
from sklearn_proto.metrics._regions import Regions

Array = NDArray[np.float64]


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    parts="no_validation",
    box_size=[Interval(Real, 0, 1, closed="right")],
    noise=[Interval(Real, 0, None, closed="left")],
    clip=[Interval(Real, 0, None, closed="left")],
    random_state=["random_state"],
    average=[StrOptions({"mean"}), None],
)
def stability_score(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    parts: ArrayLike,
    box_size: float = 72 / 224,
    noise: float = 0.2,
    clip: float = 0.25,
    random_state: int | np.random.RandomState | None = None,
    average: str | None = "mean",
) -> Any:
    """Share of the images whose noise does not move a prototype to other parts [1]_.

    For each prototype and each image of its class, the parts in its region, a box
    around the peak of its activation map, are compared with those in the region that it
    has in a noisy copy.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        A fitted part-prototype network, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like of shape (n_samples,)
        True labels.
    parts : array-like of shape (n_samples, n_parts, 3)
        Column and row of each part, in pixels, and whether it is visible.
    box_size : float, default=72/224
        Height and width of the region, as shares of the image's.
    noise : float, default=0.2
        Standard deviation of the Gaussian noise, as a multiple of the one of each
        channel over `X`.
    clip : float, default=0.25
        Largest size of the noise, in the same units.
    random_state : int, RandomState instance or None, default=None
        Seeds the noise.
    average : {"mean", None}, default="mean"
        None returns the share for every prototype, NaN without an image of its class.

    Returns
    -------
    float or ndarray of shape (n_prototypes,)
        Shares in [0, 1].

    Raises
    ------
    ValueError
        If a parameter is not allowed.
    TypeError
        If the explanations have no activation maps.

    See Also
    --------
    consistency_score : Whether the part is the same in all images.
    make_part_scorer : Makes it a scorer that takes the parts of each fold.

    References
    ----------
    .. [1] Q. Huang, M. Xue, W. Huang, H. Zhang, J. Song, Y. Jing and M. Song.
       Evaluation and Improvement of Interpretability for Self-Explainable
       Part-Prototype Networks. ICCV 2023.

    Examples
    --------
    >>> from sklearn_proto import ProtoPNetClassifier
    >>> from sklearn_proto.metrics import make_drawn_parts, stability_score
    >>> X, y, parts = make_drawn_parts(30, random_state=0)
    >>> model = ProtoPNetClassifier(1, max_epochs=1, random_state=0).fit(X, y)
    >>> stability_score(model, X, y, parts=parts, noise=0)
    1.0
    """
    start = explained(estimator, X)
    regions = Regions(start.explanation, parts, box_size)
    labels = checked_labels(y, len(start.rows))
    random = check_random_state(random_state)
    with np.errstate(over="ignore"):
        draws = noise * random.standard_normal(start.rows.shape)
    draws = np.clip(draws, -clip, clip)
    noisy = start.of(finite_rows("noise", noise, start.rows, _deviations(start), draws))
    found = []
    for j, label in enumerate(start.explanation.prototype_labels):
        rows = np.flatnonzero(labels == label)
        if not len(rows):
            found.append(np.nan)
            continue
        before = regions.inside(start.explanation, rows, j)
        after = regions.inside(noisy, rows, j)
        found.append((before == after).all(axis=1).mean())
    return averaged(np.array(found), average)


def _deviations(start: Explained) -> Array:
    """Find the standard deviation of the channel of each number of a row, (d,)."""
    explanation: Any = start.explanation
    shape, channels_first = explanation.image_shape, explanation.channels_first
    images = images_of_rows(start.rows, shape, channels_first=channels_first)
    full = np.broadcast_to(images.std(axis=(0, 1, 2)), (1, *images.shape[1:]))
    return np.asarray(rows_of_images(full, channels_first=channels_first)[0])
