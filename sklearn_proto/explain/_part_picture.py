"""The parts of one image beside what they are like, as a figure (needs ``plot``)."""

from typing import TYPE_CHECKING, Any

from sklearn_proto._drawing._colours import AGAINST, FOR
from sklearn_proto._drawing._text import set_title, wrapped
from sklearn_proto._drawing._waterfall import waterfall_height
from sklearn_proto.explain._picture import draw_bars, two_panels
from sklearn_proto.explain._pixels import rendered
from sklearn_proto.explain._row_summary import Part, RowSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches, and pixels of a picture.
_SIDE, _PIXELS = 1.75, 480


def draw(summary: RowSummary) -> "Figure":
    """Figure of an image: a line for each prototype, and below what they add up to."""
    lines, pictures = len(summary.parts), summary.parts[0].pictures
    columns = len(pictures) + 1
    height, width = pictures[0].image.shape[:2]
    # The words beside it need half a side.
    line = _SIDE * min(max(height / width, 0.5), 2.0) + 0.15
    heights = (
        line * lines + 0.2,
        waterfall_height([part.label for part in summary.bars()]),
    )
    size = _SIDE * (columns + 0.4), sum(heights) + 0.4
    figure, upper, lower = two_panels(size, heights, summary.title)
    _draw_lines(upper, summary, columns)
    draw_bars(lower.subplots(), summary)
    return figure


def _draw_lines(panel: Any, summary: RowSummary, columns: int) -> None:
    widths = [1.0] * (columns - 1) + [1.3]
    options = {"squeeze": False, "width_ratios": widths}
    axes = panel.subplots(len(summary.parts), columns, **options)
    for line, part in zip(axes, summary.parts, strict=True):
        for ax, picture in zip(line, part.pictures, strict=False):
            ax.imshow(rendered(picture, _PIXELS))
            set_title(ax, picture.title, 8)
            ax.set_xticks([])
            ax.set_yticks([])
        _write(line[-1], part, summary.headings)


def _write(ax: Any, part: Part, headings: tuple[str, ...]) -> None:
    """Write what the part adds."""
    ax.set_axis_off()
    known = [f"{h}\n{note}" for h, note in zip(headings, part.notes, strict=True)]
    text = wrapped("\n".join([part.label, *known]), 1.3 * _SIDE, 8)
    ax.text(0.0, 0.52, text, fontsize=8, transform=ax.transAxes)
    colour = FOR if part.size >= 0 else AGAINST
    points = {"fontsize": 12, "color": colour, "va": "top", "transform": ax.transAxes}
    ax.text(0.0, 0.44, f"{part.size:+.3g} points", **points)
