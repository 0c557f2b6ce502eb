"""Names of any kind as texts of a figure: as they are written, and where they fit."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
# Letters that are drawn on a screen are a little wider than their outlines.
_HINTING = 1.05
# Of a subplot alone in its figure, the share that matplotlib leaves for its axes.
_AXES_SHARE = 0.775
_LEAST_ROOM, _BESIDE = 0.6, 0.25
# Beyond this many letters, the middle of a label is left out where space is short.
_LONGEST = 40


def legible(text: Any) -> str:
    """Text on one line; what cannot be printed is escaped."""
    line = " ".join(str(text).split())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def brief(text: str, longest: int = _LONGEST) -> str:
    """Text of at most `longest` letters: of longer ones the start and the end."""
    if len(text) <= longest:
        return text
    kept = longest - 1
    return text[: kept - kept // 2] + _ELLIPSIS + text[len(text) - kept // 2 :]


def plain(text: Any) -> str:
    """Text in which a dollar is a dollar, not the start of a formula."""
    return str(text).replace("$", r"\$")


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Width in inches of a line of letters of a size in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size)
    # Inside of what is measured, a dollar is a letter like any other.
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(_HINTING * width / 72)


def shortened(text: str, width: float, size: float) -> str:
    """Line that is at most `width` inches wide, for a figure."""
    longest = len(text)
    while longest > 3 and text_width(brief(text, longest), size) > width:
        longest = min(longest - 1, int(1.1 * longest * width / text_width(text, size)))
        longest = max(longest, 3)
        text = brief(text, longest)
    return plain(text)


def wrapped(text: str, width: float, size: float) -> str:
    """Lines that are at most `width` inches wide, for a figure."""
    lines = []
    for line in text.split("\n"):
        rest = ""
        for word in line.split(" "):
            longer = f"{rest} {word}" if rest else word
            if rest and text_width(longer, size) > width:
                lines.append(rest)
                longer = word
            rest = longer
        lines.append(rest)
    return "\n".join(shortened(line, width, size) for line in lines)


def title_room(ax: "Axes", labels: float = 0.0) -> float:
    """Width in inches for a title of axes that have labels so wide at their left.

    A layout may take the labels from the width of the axes, or leave both as they are.
    """
    figure: Any = ax.figure
    width = ax.get_window_extent().width / figure.dpi
    return float(max(_LEAST_ROOM, min(width, width / _AXES_SHARE - labels - _BESIDE)))


def set_title(ax: "Axes", text: str, size: float, labels: float = 0.0) -> None:
    """Write a title over axes, in as many lines as it takes."""
    ax.set_title(wrapped(text, title_room(ax, labels), size), fontsize=size)
