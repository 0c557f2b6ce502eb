"""One decision as a sum: what each part adds, from the start to the end."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._drawing._bands import Bands
from sklearn_proto._drawing._colours import UNLABELLED
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
from sklearn_proto._drawing._waterfall import (
    TOTAL,
    draw_waterfall,
    labels_width,
    waterfall_height,
)
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import shown
from sklearn_proto.explain import Explanation, Part, RowSummary, name, row_summary
from sklearn_proto.explain._by_prototype import prototype_part
from sklearn_proto.inspection._chosen import chosen
from sklearn_proto.inspection._unwrapped_model import (
    UnwrappedModel,
    as_images,
    unwrap_model,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

# From fewer rows, quantiles would say little.
_ENOUGH_FOR_BANDS = 5
_KINDS = ("lead", "score")


class ExplanationDisplay:
    """Waterfall of one decision below the row and the prototypes that decide.

    The bars start at the baseline. Each begins where the one before it ends, the
    largest first and the small ones together, and the last is the sum: the lead over
    the runner-up, or the score of the winner. Make one with `from_estimator`; all
    parameters are stored as attributes.

    Parameters
    ----------
    sizes : ndarray of shape (n_parts,)
        What the parts add, in the order they are drawn.
    labels : list of str
        Their names.
    total_label : str
        What they add up to.
    title : str
        The prediction and what it beat.
    samples : list of ndarray of shape (d,) or (height, width[, channels])
        The row, then the prototypes that decide.
    sample_titles : list of str
        What the samples are.
    boxes : list of (ndarray of shape (4,) or None), optional
        Part of each sample that counts, of images.
    quantiles : ndarray of shape (5, d), optional
        Of the data, to draw rows beside, at the levels of `PrototypeDisplay`.
    starts : ndarray of shape (d,), optional
        Where bars of rows start, as in `PrototypeDisplay`.
    feature_names : ndarray of shape (d,), optional
        Names of the features of rows.
    units : str, optional
        Whose output the features of rows are, as in `PrototypeDisplay`.

    Attributes
    ----------
    bars_ : list of Rectangle
        The parts, and the sum last.
    samples_ : list of artists
        Image, or bars, of each sample.
    ax_ : matplotlib.axes.Axes
        Axes of the waterfall.
    sample_axes_ : ndarray of matplotlib.axes.Axes
        Axes of the samples.
    figure_ : matplotlib.figure.Figure
        Figure of the axes.

    See Also
    --------
    sklearn_proto.Explanation : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.inspection import ExplanationDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CBCClassifier(random_state=0).fit(X, y)
    >>> display = ExplanationDisplay.from_estimator(model, X, 70)
    >>> bool(abs(display.sizes.sum() - display.bars_[-1].get_width()) < 1e-12)
    True
    """

    def __init__(
        self,
        *,
        sizes: Array,
        labels: list[str],
        total_label: str,
        title: str,
        samples: list[Array],
        sample_titles: list[str],
        boxes: list[Any] | None = None,
        quantiles: Array | None = None,
        starts: Array | None = None,
        feature_names: NDArray[Any] | None = None,
        units: str = "",
    ) -> None:
        self.sizes = sizes
        self.labels = labels
        self.total_label = total_label
        self.title = title
        self.samples = samples
        self.sample_titles = sample_titles
        self.boxes = boxes
        self.quantiles = quantiles
        self.starts = starts
        self.feature_names = feature_names
        self.units = units

    @classmethod
    @undisturbed
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        row: int = 0,
        *,
        k: int = 5,
        of: str = "lead",
        image_shape: tuple[int, ...] | None = None,
        feature_names: ArrayLike | None = None,
        ax: "Axes | Figure | None" = None,
    ) -> Self:
        """Explain one row and draw it.

        Parameters
        ----------
        estimator : classifier, Pipeline or search
            A fitted classifier with prototypes, alone or at the end of a pipeline. Row
            and prototypes are drawn in the units of `X`, where all steps of the
            pipeline can be undone, else as the classifier sees them.
        X : array-like of shape (n_samples, n_features)
            Rows. Where there are at least 5, they are what the row is drawn beside.
        row : int
            Which of them.
        k : int
            How many parts; the others are drawn together.
        of : {"lead", "score"}
            What is taken apart: the lead over the runner-up, for nearest-prototype
            models feature by feature, or the score of the winner, prototype by
            prototype.
        image_shape : tuple of int, optional
            Shape of a row as an image, (height, width) or (height, width, channels).
            Models of images know it.
        feature_names : array-like of shape (n_features,), optional
            Names of the features; by default those that the model was fitted on.
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        ExplanationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such row or quantity, `k` is less than 1, or `image_shape`
            or `feature_names` do not fit.
        """
        if not isinstance(of, str) or of not in _KINDS:
            raise ValueError(f"of={shown(of)} is not allowed; use 'lead' or 'score'.")
        unwrapped = unwrap_model(estimator, feature_names)
        rows = unwrapped.shown(X)
        (i,) = chosen("row", [row], len(rows))
        display = cls._of_row(
            unwrapped,
            unwrapped.explain(X, np.array([i])),
            rows[i],
            k,
            of,
            image_shape,
        )
        if verdict := unwrapped.verdict(X, i):
            display.title += f"\n{verdict}"
        if len(rows) >= _ENOUGH_FOR_BANDS and display.samples[0].ndim == 1:
            bands = Bands.of(rows)
            display.quantiles, display.starts = bands.quantiles, bands.starts
        return display.plot(ax=ax)

    @classmethod
    def _of_row(
        cls,
        unwrapped: UnwrappedModel,
        row: Explanation,
        shown: Array,
        k: int,
        of: str,
        image_shape: tuple[int, ...] | None,
    ) -> Self:
        summary = row_summary(row, k)
        if of == "score":
            summary = _by_score(summary, row, k)
        parts = summary.bars()
        samples, boxes = _samples(unwrapped, row, shown, _shown(row, k), image_shape)
        return cls(
            sizes=np.array([part.size for part in parts]),
            labels=[_label(part, summary.headings) for part in parts],
            total_label=summary.total,
            title=summary.title,
            samples=samples,
            sample_titles=[s.title for s in summary.samples[: len(samples)]],
            boxes=boxes,
            feature_names=unwrapped.feature_names,
            units=unwrapped.units,
        )

    @undisturbed
    def plot(self, ax: "Axes | Figure | None" = None) -> Self:
        """Draw the samples, and the waterfall below them.

        Parameters
        ----------
        ax : matplotlib Axes or blank Figure, optional
            What to divide among the panels; by default a new figure.

        Returns
        -------
        ExplanationDisplay
            The display itself.
        """
        images = self.samples[0].ndim > 1
        d = len(self.samples[0])
        heights = [
            1.6 if images else 0.9 + 0.14 * min(d, 40),
            waterfall_height(self.labels),
        ]
        names = 0.0 if images else width_of_names(self.feature_names)
        width = max(6.5, 1.6 * len(self.samples) + max(1.2, names + 0.3))
        size = width, sum(heights) + 0.4
        upper, lower = panels(ax, (2, 1), size, height_ratios=heights).ravel()
        self.sample_axes_ = panels(upper, (1, len(self.samples)), size).ravel()
        self.samples_ = self._draw_images() if images else self._draw_rows()
        for cell, title in zip(self.sample_axes_, self.sample_titles, strict=True):
            set_title(cell, title, 8, names / len(self.samples))
        self.ax_, self.figure_ = lower, lower.figure
        self.bars_ = draw_waterfall(lower, self.sizes, self.labels, self.total_label)
        set_title(lower, self.title, 10, labels_width(self.labels, self.total_label))
        return self

    def _draw_rows(self) -> list[Any]:
        bands = Bands.given(self.quantiles, self.starts)
        colours = [TOTAL] + [UNLABELLED] * len(self.samples)
        drawn = []
        for cell, row, colour in zip(
            self.sample_axes_, self.samples, colours, strict=False
        ):
            drawn.append(draw_row(cell, row, bands, colour))
            if self.feature_names is not None:
                name_features(cell, self.feature_names, shown=len(drawn) == 1)
        share_scale(self.sample_axes_)
        note_units(self.sample_axes_[0], self.units)
        return drawn

    def _draw_images(self) -> list[Any]:
        low = min(float(sample.min()) for sample in self.samples)
        high = max(float(sample.max()) for sample in self.samples)
        boxes = [None] * len(self.samples) if self.boxes is None else self.boxes
        cells = zip(self.sample_axes_, self.samples, boxes, strict=True)
        return [draw_image(cell, image, (low, high), box) for cell, image, box in cells]


def _by_score(summary: RowSummary, row: Explanation, k: int) -> RowSummary:
    """Parts of the winner's score in place of those of its lead."""
    winner = row.winners[0]
    label, values = brief(name(row.classes[winner])), row.contributions[0, winner]
    top = np.argsort(-np.abs(values), kind="stable")[:k]
    parts = [prototype_part(row, int(j), values[j]) for j in top]
    baseline = Part("baseline", row.baseline[winner])
    others = Part("other prototypes", values.sum() - values[top].sum())
    return replace(
        summary,
        headings=("similarity",),
        parts=parts,
        rest=[baseline, others],
        total=f"score of {label}",
    )


def _label(part: Part, headings: tuple[str, ...]) -> str:
    """Name of a part, with what is known of it if that is one thing."""
    if len(part.notes) != 1:
        return part.label
    return f"{part.label}\n{headings[0]} {part.notes[0]}"


def _shown(row: Explanation, k: int) -> NDArray[np.intp]:
    """Prototypes that an account shows beside the row, in its order."""
    deciding = getattr(row, "deciding", None)
    return row.top(k)[0] if deciding is None else np.asarray(deciding[0])


def _samples(
    unwrapped: UnwrappedModel,
    row: Explanation,
    shown: Array,
    which: NDArray[np.intp],
    image_shape: tuple[int, ...] | None,
) -> tuple[list[Array], list[Any] | None]:
    """Row and deciding prototypes, as images if they are; and the parts that count."""
    images = unwrapped.pictures(image_shape)
    if images is not None:
        first = as_images(
            row.X,
            images.shape[1:],
            channels_first=getattr(row, "channels_first", False),
        )
        boxes = getattr(unwrapped.estimator, "prototype_boxes_", [None] * len(images))
        return [first[0], *images[which]], [None, *(boxes[j] for j in which)]
    points = unwrapped.points()
    if points is None:
        return [row.X[0]], None
    return [shown, *points[which]], None
