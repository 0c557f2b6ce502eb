"""Copies of rows in which one characteristic is changed, by name."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._inputs._image_rows import images_of_rows, rows_of_images
from sklearn_proto._validation import shown
from sklearn_proto.inspection._description._colour import (
    with_contrast,
    with_hue_shifted,
    with_saturation,
)
from sklearn_proto.inspection._description._smoothing import smoothed
from sklearn_proto.inspection._description._warp import warped

Array = NDArray[np.float64]
Changes = dict[str, "Change"]

_COLOURS = 3


class Change(NamedTuple):
    """What takes a characteristic away from rows (n, d), and whether it is random."""

    apply: Callable[[Array], Array]
    random: bool = False


class Strengths(NamedTuple):
    """How much each characteristic of an image is changed."""

    hue: float
    saturation: float
    contrast: float
    warp: float
    smoothing: float


class Pictures(NamedTuple):
    """How rows hold images, and which values are black and white."""

    image_shape: tuple[int, ...]
    channels_first: bool
    limits: tuple[float, float]

    def change(self, images: Callable[[Array], Array], rows: Array) -> Array:
        """Apply a change of images (n, height, width, channels) in [0, 1] to rows."""
        low, high = self.limits
        found = images_of_rows(
            rows, self.image_shape, channels_first=self.channels_first
        )
        shape = found.shape
        unit = np.clip((found - low) / (high - low), 0.0, 1.0)
        changed = images(unit.reshape(*shape[:3], -1)).reshape(shape)
        return rows_of_images(
            low + (high - low) * changed, channels_first=self.channels_first
        )


def image_changes(
    pictures: Pictures, strengths: Strengths, generator: np.random.Generator
) -> Changes:
    """All that such images can have changed; grey ones have no colour."""
    by = strengths
    found = {
        "hue": Change(partial(with_hue_shifted, turns=by.hue)),
        "saturation": Change(partial(with_saturation, factor=by.saturation)),
        "contrast": Change(partial(with_contrast, factor=by.contrast)),
        "shape": Change(
            partial(warped, amount=by.warp, generator=generator), random=True
        ),
        "texture": Change(partial(smoothed, strength=by.smoothing)),
    }
    if pictures.image_shape[2:] != (_COLOURS,):
        del found["hue"], found["saturation"]
    return {
        name: Change(partial(pictures.change, change.apply), change.random)
        for name, change in found.items()
    }


def group_changes(
    groups: Mapping[str, ArrayLike] | None,
    feature_names: NDArray[Any],
    donors: Array,
    generator: np.random.Generator,
) -> Changes:
    """Give, for each group of features, the change to values of another row.

    Parameters
    ----------
    groups : mapping of str to array-like, optional
        Names or indices of the features of each group; by default each is its own.
    feature_names : ndarray of shape (d,)
        Names of the features.
    donors : ndarray of shape (m, d)
        Rows whose values are taken, all of a group from the same one.
    generator : Generator
        Chooses them.

    Raises
    ------
    ValueError
        If a feature of a group is not known.
    """
    if groups is not None and (not isinstance(groups, Mapping) or not groups):
        raise ValueError(
            f"groups={shown(groups)} must map the name of each group to its features, "
            "and have one at least."
        )
    if groups is None:
        groups = {str(name): [i] for i, name in enumerate(feature_names)}

    def change(columns: NDArray[np.intp], rows: Array) -> Array:
        found = rows.copy()
        chosen = generator.integers(len(donors), size=len(rows))
        found[:, columns] = donors[np.ix_(chosen, columns)]
        return found

    return {
        name: Change(
            partial(change, _columns(name, features, feature_names)), random=True
        )
        for name, features in groups.items()
    }


def _columns(
    group: str, features: Any, feature_names: NDArray[Any]
) -> NDArray[np.intp]:
    """Find the indices of features that are given by index or by name."""
    d = len(feature_names)
    known: dict[Any, int] = {name: i for i, name in enumerate(feature_names)}
    known |= {i: i for i in range(d)}
    each = [features] if isinstance(features, str | Integral) else features
    if not isinstance(each, Iterable):
        raise ValueError(
            f"groups[{shown(group)}]={shown(features)} must be names or indices of "
            "features."
        )
    found = []
    # Not as an array: names and indices may be mixed.
    for feature in each:
        if not isinstance(feature, Hashable) or feature not in known:
            raise ValueError(
                f"groups[{shown(group)}] has {shown(feature)}, which is neither the "
                f"name of a feature nor an index below {d}."
            )
        found.append(known[feature])
    if not found:
        raise ValueError(f"groups[{shown(group)}] is empty; it must name a feature.")
    return np.array(found, dtype=np.intp)
