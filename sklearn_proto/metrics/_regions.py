"""Which annotated parts lie where a prototype is found."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._validation import as_numbers

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Regions:
    """Boxes around the peaks of activation maps, and the parts inside them.

    Parameters
    ----------
    explanation : Explanation
        Of n images.
    parts : array-like of shape (n, n_parts, 3)
        Column, row and visibility of each part.
    box_size : float
        Height and width of a box, as shares of the image's.

    Raises
    ------
    ValueError
        If the parts are not of this shape, or `box_size` is not in (0, 1].
    TypeError
        If the explanation has no activation maps.
    """

    def __init__(self, explanation: Any, parts: ArrayLike, box_size: Any) -> None:
        if not hasattr(explanation, "activation_of"):
            raise TypeError(
                f"{type(explanation).__name__} has no activation maps; parts are found "
                "by part-prototype networks only."
            )
        n = len(explanation)
        found = as_numbers("parts", parts)
        if found.ndim != 3 or len(found) != n or found.shape[2] != 3:
            raise ValueError(
                f"parts has shape {found.shape}; it must be ({n}, n_parts, 3): column, "
                "row and visibility of every part of every image."
            )
        self.visible: Flags = found[:, :, 2] > 0
        if not np.isfinite(found[self.visible]).all():
            raise ValueError("parts has a visible part at a place that is not finite.")
        self.places = found[:, :, :2]
        self.box_size = float(box_size)

    def inside(self, explanation: Any, rows: NDArray[np.intp], j: int) -> Flags:
        """Find the visible parts of some images in the region of prototype `j`.

        Parameters
        ----------
        explanation : Explanation
            Of the images, or of copies of them.
        rows : ndarray of shape (m,)
            Which images.
        j : int
            Which prototype.

        Returns
        -------
        ndarray of shape (m, n_parts)
            Whether each lies within half a box of the peak.
        """
        maps = explanation[rows].activation_of(j)
        size = maps.shape[1:]
        peaks = np.unravel_index(maps.reshape(len(maps), -1).argmax(axis=1), size)
        peak = np.stack(peaks[::-1], axis=1)  # column, row
        reach = self.box_size / 2 * np.array(size[::-1])
        near = np.abs(self.places[rows] - peak[:, None]) <= reach
        return np.asarray(near.all(axis=2) & self.visible[rows])
