"""One explained row as a figure (needs the ``plot`` extra)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._drawing._colours import AGAINST, FOR, UNLABELLED
from sklearn_proto._drawing._samples import (
    draw_image,
    draw_row,
    name_features,
    share_scale,
    width_of_names,
)
from sklearn_proto._drawing._text import set_title, wrapped
from sklearn_proto._drawing._waterfall import TOTAL, draw_waterfall, waterfall_height
from sklearn_proto._inputs._image_rows import checked_image_shape
from sklearn_proto.explain._row_summary import RowSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
ImageShape = tuple[int, ...] | None


def draw(summary: RowSummary, image_shape: ImageShape) -> "Figure":
    """Figure of a row, its deciding prototypes, and what adds up to the decision."""
    d = len(summary.feature_names)
    if image_shape is not None:
        image_shape = checked_image_shape(image_shape, d)
    labels = [part.label for part in summary.bars()]
    heights = [
        1.9 if image_shape is not None else 1.1 + 0.14 * min(d, 40),
        waterfall_height(labels),
    ]
    size = max(6.0, 2.0 * len(summary.samples)), max(4.0, sum(heights) + 0.4)
    figure, upper, lower = two_panels(size, heights, summary.title)
    _draw_samples(upper, summary, image_shape)
    if image_shape is None or summary.terms is None:
        draw_bars(lower.subplots(), summary)
    else:
        _draw_terms(lower, summary.terms.reshape(image_shape), summary.total)
    engine: Any = figure.get_layout_engine()
    engine.set(h_pad=0.08)
    return figure


def two_panels(
    size: tuple[float, float], heights: Sequence[float], title: str
) -> tuple["Figure", Any, Any]:
    """Make a figure of its own, unknown to pyplot, with a title and two parts of it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subfigures(2, 1, height_ratios=heights)
    figure.suptitle(wrapped(title, size[0] - 0.2, 11), fontsize=11)
    upper, lower = panels
    return figure, upper, lower


def draw_bars(ax: Any, summary: RowSummary) -> None:
    """Bars that add up to the decision, and it as the last."""
    bars = summary.bars()
    sizes = np.array([bar.size for bar in bars])
    draw_waterfall(ax, sizes, [bar.label for bar in bars], summary.total)


def _draw_samples(panel: Any, summary: RowSummary, image_shape: ImageShape) -> None:
    axes = np.atleast_1d(panel.subplots(1, len(summary.samples)))
    if image_shape is None:
        names = width_of_names(summary.feature_names) / len(axes)
        _draw_rows(axes, summary)
    else:
        names = 0.0
        _draw_images(axes, summary, image_shape)
    for ax, sample in zip(axes, summary.samples, strict=True):
        set_title(ax, sample.title, 8, names)


def _draw_rows(axes: NDArray[Any], summary: RowSummary) -> None:
    for i, (ax, sample) in enumerate(zip(axes, summary.samples, strict=True)):
        draw_row(ax, sample.values, None, UNLABELLED if i else TOTAL)
        name_features(ax, summary.feature_names, shown=not i)
    share_scale(axes)


def _draw_images(
    axes: NDArray[Any], summary: RowSummary, image_shape: tuple[int, ...]
) -> None:
    """Draw images on one scale, so that they compare."""
    images = [sample.values.reshape(image_shape) for sample in summary.samples]
    limits = min(map(np.min, images)), max(map(np.max, images))
    for ax, image in zip(axes, images, strict=True):
        draw_image(ax, image, limits)


def _draw_terms(panel: Any, terms: Array, total: str) -> None:
    """Picture of what each pixel adds, its channels together."""
    from matplotlib.colors import LinearSegmentedColormap

    pixels = terms.sum(axis=2) if terms.ndim == 3 else terms
    limit = max(np.abs(pixels).max(), 1e-300)
    colours = LinearSegmentedColormap.from_list("terms", [AGAINST, "white", FOR])
    ax = panel.subplots()
    image = ax.imshow(pixels, cmap=colours, vmin=-limit, vmax=limit)
    ax.set_xticks([])
    ax.set_yticks([])
    # It may be wider than the picture.
    panel.supxlabel(f"contribution to the {total}, {terms.sum():.3g}", fontsize=8)
    panel.colorbar(image, ax=ax, panchor=False).ax.tick_params(labelsize=7)
