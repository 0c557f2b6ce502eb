"""One explained row as a figure (needs the ``plot`` extra)."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._inputs._image_rows import checked_image_shape
from sklearn_proto.explain._account import AGAINST, FOR, Account
from sklearn_proto.explain._text import (
    legible,
    set_title,
    shortened,
    text_width,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
ImageShape = tuple[int, ...] | None

# Inches that the name of a feature, and the label of a part, may take.
_NAME_WIDTH, _LABEL_WIDTH = 1.4, 2.6
# Beyond this many features a row is a profile without names.
_NAMED_FEATURES = 40


def draw(account: Account, image_shape: ImageShape) -> "Figure":
    """Figure of a row, its deciding prototypes, and what adds up to the decision."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if image_shape is not None:
        image_shape = checked_image_shape(image_shape, len(account.feature_names))
    figure = Figure(figsize=(2.0 * len(account.samples), 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Any = figure.subfigures(2, 1, height_ratios=[1.2, 1])
    upper, lower = panels
    _draw_samples(upper, account, image_shape)
    if image_shape is None or account.terms is None:
        draw_parts(lower.subplots(), account)
    else:
        _draw_terms(lower, account.terms.reshape(image_shape), account.total)
    figure.suptitle(
        wrapped(account.title, figure.get_figwidth() - 0.2, 11), fontsize=11
    )
    engine: Any = figure.get_layout_engine()
    engine.set(h_pad=0.08)
    return figure


def _draw_samples(panel: Any, account: Account, image_shape: ImageShape) -> None:
    count = len(account.samples)
    names = 0.0 if image_shape is not None else _names_width(account.feature_names)
    axes = np.atleast_1d(panel.subplots(1, count, sharey=image_shape is None))
    for ax, sample in zip(axes, account.samples, strict=True):
        _draw_sample(ax, sample.values, image_shape)
        set_title(ax, sample.title, 8, names / count)
    if image_shape is None:
        _name_features(axes[0], account.feature_names)


def _draw_sample(ax: Any, values: Array, image_shape: ImageShape) -> None:
    if image_shape is None:
        ax.barh(np.arange(len(values)), values, color="#55708f")
        ax.axvline(0, color="#888", linewidth=0.8)
        ax.tick_params(labelsize=7)
        return
    ax.imshow(values.reshape(image_shape), cmap="gray_r")
    without_ticks(ax)


def without_ticks(ax: Any) -> None:
    """Leave an image alone in its frame."""
    ax.set_xticks([])
    ax.set_yticks([])


def _name_features(ax: Any, feature_names: NDArray[Any]) -> None:
    ax.invert_yaxis()
    if len(feature_names) <= _NAMED_FEATURES:
        size = _name_size(feature_names)
        texts = [shortened(legible(n), _NAME_WIDTH, size) for n in feature_names]
        ax.set_yticks(np.arange(len(texts)), texts, fontsize=size)


def _name_size(feature_names: NDArray[Any]) -> int:
    return 7 if len(feature_names) <= 15 else 4


def _names_width(feature_names: NDArray[Any]) -> float:
    size = _name_size(feature_names)
    widest = max(text_width(legible(n), size) for n in feature_names[:_NAMED_FEATURES])
    return min(widest, _NAME_WIDTH)


def draw_parts(ax: Any, account: Account) -> None:
    """Bars that add up: the largest parts, then what is left."""
    bars = [*account.parts, *account.rest]
    colours = [FOR if bar.size >= 0 else AGAINST for bar in bars]
    # By position: two parts may have one label.
    at = np.arange(len(bars))
    ax.barh(at, [bar.size for bar in bars], color=colours)
    labels = [shortened(legible(bar.label), _LABEL_WIDTH, 8) for bar in bars]
    ax.set_yticks(at, labels)
    ax.axvline(0, color="#888", linewidth=0.8)
    ax.invert_yaxis()
    ax.tick_params(labelsize=8)
    figure: Any = ax.figure
    room = figure.bbox.width / figure.dpi
    taken = max(text_width(legible(bar.label), 8) for bar in bars)
    room -= min(taken, _LABEL_WIDTH) + 0.4
    ax.set_xlabel(wrapped(account.total, room, 8), fontsize=8)


def _draw_terms(panel: Any, terms: Array, total: str) -> None:
    """Picture of what each pixel adds, its channels together."""
    from matplotlib.colors import LinearSegmentedColormap

    pixels = terms.sum(axis=2) if terms.ndim == 3 else terms
    limit = max(np.abs(pixels).max(), 1e-300)
    colours = LinearSegmentedColormap.from_list("terms", [AGAINST, "white", FOR])
    ax = panel.subplots()
    image = ax.imshow(pixels, cmap=colours, vmin=-limit, vmax=limit)
    without_ticks(ax)
    panel.supxlabel(total, fontsize=8)  # It may be wider than the picture.
    panel.colorbar(image, ax=ax, panchor=False).ax.tick_params(labelsize=7)
