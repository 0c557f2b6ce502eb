"""Explanations as a self-contained card for notebooks."""

from html import escape

from sklearn_proto._drawing._colours import AGAINST, FOR
from sklearn_proto.explain._pixels import rendered
from sklearn_proto.explain._png import data_uri
from sklearn_proto.explain._row_summary import Part, Picture, RowSummary

_STYLE = (
    "font-family:sans-serif;font-size:13px;border:1px solid #8884;border-radius:6px;"
    "padding:8px 12px;margin:6px 0;width:fit-content"
)
_TEXT_STYLE = "padding:1px 8px;overflow-wrap:anywhere"
_SENTENCE_STYLE = "margin:0 0 6px;max-width:46em"
# In pixels of a screen, and of a picture, which a sharp screen has twice as many of.
_SHOWN_SIDE, _SIDE = 88, 132


def card(summaries: list[RowSummary], hidden: int) -> str:
    """HTML of rows: the sentence, then a bar per part; and how many are not shown."""
    shown = [_row(summary) for summary in summaries]
    if hidden:
        shown.append(f"<p>... and {hidden} more rows</p>")
    return f"<div>{''.join(shown)}</div>"


def _row(summary: RowSummary) -> str:
    largest = max(*(abs(part.size) for part in summary.parts), 1e-300)
    bars = "".join(_bar(part, largest) for part in summary.parts)
    return (
        f'<div style="{_STYLE}"><p style="{_SENTENCE_STYLE}">{escape(summary.sentence)}'
        f'</p><table style="border-collapse:collapse">{_head(summary)}{bars}</table>'
        "</div>"
    )


def _head(summary: RowSummary) -> str:
    pictures = [""] * len(summary.parts[0].pictures)
    headings = (*pictures, "", *summary.headings, "", "")
    cells = "\n".join(f'<th style="{_TEXT_STYLE}">{escape(h)}</th>' for h in headings)
    return f"<tr>{cells}</tr>"


def _cell(picture: Picture) -> str:
    pixels, title = rendered(picture, _SIDE), escape(picture.title)
    width = round(pixels.shape[1] * _SHOWN_SIDE / _SIDE)
    return (
        '<td style="text-align:center;padding:2px 6px">'
        f'<img src="{data_uri(pixels)}" alt="{title}" width="{width}"/><br/>'
        f"<small>{title}</small></td>"
    )


def _bar(part: Part, largest: float) -> str:
    length = 100 * abs(part.size) / largest
    x = 100 if part.size >= 0 else 100 - length
    colour = FOR if part.size >= 0 else AGAINST
    texts = (part.label, *part.notes)
    # Spaces, so that a label and a number stay apart wherever no style is kept.
    cells = "\n".join(
        f'<td style="{_TEXT_STYLE}">{escape(text)}</td>' for text in texts
    )
    return (
        f"<tr>{''.join(map(_cell, part.pictures))}{cells}\n"
        '<td><svg width="200" height="12" role="img" '
        f'aria-label="{part.size:+.3g}">'
        f'<rect x="{x:.1f}" y="1" width="{length:.1f}" height="10" fill="{colour}"/>'
        '<line x1="100" x2="100" y1="0" y2="12" stroke="#888"/></svg></td>'
        f"\n<td>{part.size:+.3g}</td></tr>"
    )
