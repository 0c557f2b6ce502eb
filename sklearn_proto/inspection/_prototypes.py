"""A gallery of the prototypes."""

from math import ceil
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._drawing._bands import Bands
from sklearn_proto._drawing._colours import class_colours
from sklearn_proto._drawing._panels import panels
from sklearn_proto._drawing._samples import (
    draw_image,
    draw_row,
    name_features,
    note_units,
    share_scale,
    width_of_names,
)
from sklearn_proto._drawing._text import brief, set_title
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.explain import name
from sklearn_proto.inspection._arguments import check_arguments
from sklearn_proto.inspection._chosen import chosen
from sklearn_proto.inspection._unwrapped_model import unwrap_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]


class PrototypeDisplay:
    r"""Gallery of prototypes: images as images, rows as bars beside the data.

    A row is drawn feature by feature on a scale that runs from the 5% quantile of the
    data to the 95% quantile. Shades are the middle 90% and 50% of the data. A bar leads
    to the value of the prototype from the median, or from the lowest value of a feature
    that ends there: what is absent, such as a category, has no bar. Make one with
    `from_estimator`; all parameters are stored as attributes.

    Parameters
    ----------
    prototypes : ndarray of shape (K, d) or (K, height, width[, channels])
        Rows or images.
    labels : ndarray of shape (K,), optional
        Class of each.
    boxes : ndarray of shape (K, 4), optional
        Part of an image that is the prototype: top, left, bottom and right, the last
        two one beyond it.
    quantiles : ndarray of shape (5, d), optional
        Of the data, at the levels 0.05, 0.25, 0.5, 0.75 and 0.95, but the lowest and
        highest value of a feature that has no others between; bars of rows start at 0
        without them.
    starts : ndarray of shape (d,), optional
        Where bars of rows start beside the data; by default at the median.
    feature_names : ndarray of shape (d,), optional
        Names of the features of rows.
    indices : ndarray of shape (K,), optional
        Numbers of the prototypes; by default their positions.
    units : str, optional
        Whose output the features are, such as "in the output of PCA", if they are not
        in the units of the data.

    Attributes
    ----------
    artists_ : list of K artists
        Image, or bars, of each prototype.
    axes_ : ndarray of shape (K,) of matplotlib.axes.Axes
        Where each is drawn.
    figure_ : matplotlib.figure.Figure
        Figure of the axes.

    See Also
    --------
    ExplanationDisplay : The prototypes that decide on one row.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.inspection import PrototypeDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CBCClassifier(random_state=0).fit(X, y)
    >>> display = PrototypeDisplay.from_estimator(model, X)
    >>> display.axes_[2].get_title()
    'prototype 2\nclass 2'
    """

    def __init__(
        self,
        *,
        prototypes: Array,
        labels: NDArray[Any] | None = None,
        boxes: NDArray[np.intp] | None = None,
        quantiles: Array | None = None,
        starts: Array | None = None,
        feature_names: NDArray[Any] | None = None,
        indices: NDArray[np.intp] | None = None,
        units: str = "",
    ) -> None:
        self.prototypes = prototypes
        self.labels = labels
        self.boxes = boxes
        self.quantiles = quantiles
        self.starts = starts
        self.feature_names = feature_names
        self.indices = indices
        self.units = units

    @classmethod
    @undisturbed
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        *,
        prototypes: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        feature_names: ArrayLike | None = None,
        n_columns: int | None = None,
        ax: "Axes | Figure | None" = None,
    ) -> Self:
        """Draw the prototypes of a fitted model.

        Parameters
        ----------
        estimator : classifier, Pipeline or search
            A fitted classifier with prototypes, alone or at the end of a pipeline.
            Prototypes are drawn in the units of `X`, where all steps of the pipeline
            can be undone, else as the classifier sees them.
        X : array-like of shape (n_samples, n_features), optional
            Rows to draw prototypes beside; images need none.
        prototypes : array-like of int, optional
            Which to draw; all by default.
        image_shape : tuple of int, optional
            Shape of a prototype as an image, (height, width) or (height, width,
            channels). Models of images know it.
        feature_names : array-like of shape (n_features,), optional
            Names of the features; by default those that the model was fitted on.
        n_columns : int, optional
            Prototypes side by side; by default at most 5 images or 4 rows.
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the prototypes; by default a new figure.

        Returns
        -------
        PrototypeDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the prototypes are latent, and the model has no images of them.
        ValueError
            If `image_shape` or `feature_names` do not fit, or `prototypes` are none.
        """
        unwrapped = unwrap_model(estimator, feature_names)
        model = unwrapped.estimator
        images = unwrapped.pictures(image_shape)
        drawn = unwrapped.points() if images is None else images
        if drawn is None:
            raise TypeError(
                f"PrototypeDisplay cannot draw the prototypes of {type(model).__name__}"
                f": they are latent, of shape {model.prototypes_.shape[1:]}, and there "
                "are no prototype_images_."
            )
        which = chosen("prototypes", prototypes, len(drawn))
        beside = None if X is None or images is not None else unwrapped.shown(X)
        bands = None if beside is None else Bands.of(beside)
        display = cls(
            prototypes=drawn[which],
            labels=_taken(model, "prototype_labels_", which),
            boxes=_taken(model, "prototype_boxes_", which),
            quantiles=None if bands is None else bands.quantiles,
            starts=None if bands is None else bands.starts,
            feature_names=unwrapped.feature_names,
            indices=which,
            units="" if images is not None else unwrapped.units,
        )
        return display.plot(ax=ax, n_columns=n_columns)

    @undisturbed
    def plot(
        self, ax: "Axes | Figure | None" = None, *, n_columns: int | None = None
    ) -> Self:
        """Draw every prototype in axes of its own.

        Parameters
        ----------
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the prototypes; by default a new figure.
        n_columns : int, optional
            Prototypes side by side; by default at most 5 images or 4 rows.

        Returns
        -------
        PrototypeDisplay
            The display itself.
        """
        check_arguments("PrototypeDisplay", n_columns=n_columns)
        count, rows = len(self.prototypes), self.prototypes.ndim == 2
        columns = min(count, int(n_columns or (4 if rows else 5)))
        lines = ceil(count / columns)
        grid = panels(ax, (lines, columns), self._size(lines, columns))
        self.axes_, unused = np.split(grid.ravel(), [count])
        for empty in unused:
            empty.set_axis_off()
        self.artists_ = self._draw_rows(columns) if rows else self._draw_images()
        for cell, title in zip(self.axes_, self._titles(), strict=True):
            set_title(
                cell, title, 8, 0.0 if not rows else self._names_width() / columns
            )
        self.figure_ = self.axes_[0].figure
        return self

    def _size(self, lines: int, columns: int) -> tuple[float, float]:
        if self.prototypes.ndim > 2:
            return 1.5 * columns, 1.8 * lines
        height = 0.8 + 0.16 * min(self.prototypes.shape[1], 40)
        return 1.9 * columns + max(1.2, self._names_width() + 0.3), height * lines

    def _names_width(self) -> float:
        return width_of_names(self.feature_names)

    def _draw_rows(self, columns: int) -> list[Any]:
        bands = Bands.given(self.quantiles, self.starts)
        names, drawn = self.feature_names, []
        colours = self._colours()
        for i, (cell, row) in enumerate(zip(self.axes_, self.prototypes, strict=True)):
            drawn.append(draw_row(cell, row, bands, colours[i]))
            if names is not None:
                name_features(cell, names, shown=i % columns == 0)
        share_scale(self.axes_)
        note_units(self.axes_[0], self.units)
        return drawn

    def _draw_images(self) -> list[Any]:
        limits = float(self.prototypes.min()), float(self.prototypes.max())
        boxes = [None] * len(self.axes_) if self.boxes is None else self.boxes
        pairs = zip(self.axes_, self.prototypes, boxes, strict=True)
        return [draw_image(cell, image, limits, box) for cell, image, box in pairs]

    def _colours(self) -> list[str]:
        classes = np.empty(0) if self.labels is None else np.unique(self.labels)
        return class_colours(self.labels, classes, len(self.prototypes))

    def _titles(self) -> list[str]:
        count = len(self.prototypes)
        numbers = np.arange(count) if self.indices is None else self.indices
        titles = [f"prototype {j}" for j in numbers]
        if self.labels is None:
            return titles
        return [
            f"{t}\n{brief(name(c))}" for t, c in zip(titles, self.labels, strict=True)
        ]


def _taken(model: Any, attribute: str, which: NDArray[np.intp]) -> Any:
    values = getattr(model, attribute, None)
    return None if values is None else values[which]
