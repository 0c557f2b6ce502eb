"""Parts that add up, each from where the one before it ends."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._drawing._colours import AGAINST, FOR
from sklearn_proto._drawing._text import legible, shortened, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

TOTAL = "#444444"
# Points of the letters of a label, and inches that it may take.
_SIZE, _WIDTH = 8, 2.6
# Inches of a bar whose label has one line, or two.
_LINE, _LINES = 0.28, 0.36


def draw_waterfall(
    ax: "Axes", sizes: Array, labels: list[str], total_label: str
) -> list[Any]:
    """Draw bars that start where the one before ends, and their sum as the last."""
    ends = np.cumsum(sizes)
    starts, lengths = np.append(ends - sizes, 0.0), np.append(sizes, ends[-1])
    colours = [FOR if size >= 0 else AGAINST for size in sizes]
    # By position: two parts may have one label.
    at = np.arange(len(lengths))
    bars = ax.barh(at, lengths, 0.6, left=starts, color=[*colours, TOTAL])
    ax.vlines(ends, at[:-1] - 0.3, at[1:] + 0.3, color="#888", linewidth=0.8)
    ax.axvline(0, color="#888", linewidth=0.8)
    signed = [f"{size:+.3g}" for size in sizes]
    ax.bar_label(bars, [*signed, f"{ends[-1]:.3g}"], padding=3, fontsize=8)
    ax.set_yticks(at, _written([*labels, total_label]))
    ax.set_ylim(len(at) - 0.4, -0.6)
    low, high = min(0.0, ends.min()), max(0.0, ends.max())
    room = 0.15 * (high - low)  # For the numbers.
    ax.set_xlim(low - room * bool(low < 0 or (ends < ends[0]).any()), high + room)
    ax.tick_params(labelsize=_SIZE)
    ax.spines[["top", "right"]].set_visible(False)
    return list(bars)


def waterfall_height(labels: list[str]) -> float:
    """Inches that the bars, their sum and its axis need."""
    line = _LINES if any("\n" in label for label in labels) else _LINE
    return 0.7 + line * (len(labels) + 1)


def labels_width(labels: list[str], total_label: str) -> float:
    """Inches that the labels take beside the bars."""
    written = _written([*labels, total_label])
    lines = [line for label in written for line in label.split("\n")]
    return max(text_width(line, _SIZE) for line in lines)


def _written(labels: list[str]) -> list[str]:
    """Labels as short as there is room for."""
    return ["\n".join(map(_fitting, label.split("\n"))) for label in labels]


def _fitting(line: str) -> str:
    return shortened(legible(line), _WIDTH, _SIZE)
