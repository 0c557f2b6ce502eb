"""One row or prototype in its own axes: as an image, or beside the data."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._drawing._bands import Bands
from sklearn_proto._drawing._text import legible, shortened, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_BANDS = ("#e4e8ec", "#c3ccd5")
# Beyond these numbers of features, names get small, and are left out.
_LARGE_NAMES, _NAMED = 15, 40
# Inches that a name may take, and points of its letters and of a note.
_NAME_WIDTH, _LARGE, _SMALL = 2.2, 7, 6
# How far bars are drawn beyond the 5% and 95% quantiles, whose distance is 1.
_ROOM = 0.75


def draw_row(ax: "Axes", values: Array, bands: Bands | None, colour: str) -> Any:
    """Draw parallel bars, one a feature: from 0, or from where `bands` start."""
    at = np.arange(len(values))
    if bands is None:
        ax.axvline(0, color="#888", linewidth=0.8)
        drawn = ax.barh(at, values, 0.6, color=colour)
    else:
        low, lower, _, upper, high = bands.scaled(bands.quantiles)
        start = bands.scaled(bands.starts)
        ax.barh(at, high - low, 0.9, left=low, color=_BANDS[0])
        ax.barh(at, upper - lower, 0.9, left=lower, color=_BANDS[1])
        length = bands.scaled(values) - start
        drawn = ax.barh(at, length, 0.4, left=start, color=colour)
        _mark_cut(ax, start + length, colour)
        ax.vlines(start, at - 0.45, at + 0.45, color="#444", linewidth=1)
        ax.set_xticks([0, 1], ["5%", "95%"])
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)
    return drawn


def _mark_cut(ax: "Axes", ends: Array, colour: str) -> None:
    """Cut bars that leave the data far behind, and mark where.

    A scale that held every bar could be so wide that nothing else is seen.
    """
    low, high = -_ROOM, 1.0 + _ROOM
    ax.set_xlim(low, high)
    style: dict[str, Any] = {"color": colour, "linestyle": "", "clip_on": False}
    for beyond, edge, marker in ((ends < low, low, "<"), (ends > high, high, ">")):
        at = np.flatnonzero(beyond)
        if len(at):
            ax.plot(np.full(len(at), edge), at, marker, markersize=4, **style)


def share_scale(axes: NDArray[Any]) -> None:
    """Let lengths compare between the rows in several axes."""
    limits = np.array([ax.get_xlim() for ax in axes])
    for ax in axes:
        ax.set_xlim(limits[:, 0].min(), limits[:, 1].max())


def name_features(
    ax: "Axes", names: NDArray[Any], *, shown: bool, width: float = _NAME_WIDTH
) -> None:
    """Name the bars of `draw_row`, where there is room, in so many inches."""
    if not shown or len(names) > _NAMED:
        ax.set_yticks([])
        return
    size = _name_size(names)
    texts = [shortened(legible(n), width, size) for n in names]
    ax.set_yticks(np.arange(len(names)), texts, fontsize=size)


def width_of_names(names: NDArray[Any] | None) -> float:
    """Inches that `name_features` needs beside the axes."""
    if names is None or len(names) > _NAMED:
        return 0.0
    size = _name_size(names)
    widest = max((text_width(legible(n), size) for n in names), default=0.0)
    return min(widest, _NAME_WIDTH)


def _name_size(names: NDArray[Any]) -> int:
    return _LARGE if len(names) <= _LARGE_NAMES else _SMALL


def note_units(ax: "Axes", units: str) -> None:
    """Write below a row whose output its features are, if they are not raw."""
    if units:
        ax.set_xlabel(shortened(units, _NAME_WIDTH, _LARGE), fontsize=_LARGE)


def draw_image(
    ax: "Axes", image: Array, limits: tuple[float, float], box: Any = None
) -> Any:
    """Draw an image, dark where it is high if it is grey, and frame a part of it.

    An image one pixel high is a signal, and is drawn as a profile.
    """
    ax.set_xticks([])
    ax.set_yticks([])
    low, high = limits
    if len(image) == 1:
        levels = image.reshape(image.shape[1], -1).mean(axis=1)
        drawn: Any = ax.bar(np.arange(len(levels)), levels, 1.0, color="#667788")
        ax.set_ylim(min(low, 0.0), high if high > low else low + 1.0)
        if box is not None:
            ax.axvspan(box[1] - 0.5, box[3] - 0.5, color="#00598c", alpha=0.25)
        return drawn
    colours = image.ndim == 3 and image.shape[2] == 3
    if colours:
        image = np.clip((image - low) / (high - low if high > low else 1.0), 0, 1)
    elif image.ndim == 3:
        image = image.mean(axis=2)
    drawn = ax.imshow(image, cmap="gray_r", vmin=low, vmax=high)
    if box is not None:
        _frame(ax, box)
    return drawn


def _frame(ax: "Axes", box: Any) -> None:
    from matplotlib.patches import Rectangle

    top, left, bottom, right = (int(side) for side in box)
    size = right - left, bottom - top
    for width, colour in ((4.0, "white"), (2.0, "#00598c")):
        style: dict[str, Any] = {"fill": False, "edgecolor": colour}
        frame = Rectangle((left - 0.5, top - 0.5), *size, linewidth=width, **style)
        ax.add_patch(frame)
