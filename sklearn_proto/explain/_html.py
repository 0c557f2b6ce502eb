"""Explanations as a self-contained card for notebooks."""

from html import escape
from typing import TYPE_CHECKING

from sklearn_proto.explain._sentence import describe, name

if TYPE_CHECKING:
    from sklearn_proto.explain._explanation import Explanation

_ROWS_SHOWN = 10
_FOR, _AGAINST = "#2a7f62", "#b5473c"
_STYLE = (
    "font-family:sans-serif;font-size:13px;border:1px solid #8884;border-radius:6px;"
    "padding:8px 12px;margin:6px 0;max-width:46em"
)


def card(explanation: "Explanation") -> str:
    """HTML of the first rows: the sentence, then a bar per deciding prototype."""
    shown = [_row(row) for row in explanation[:_ROWS_SHOWN]]
    hidden = len(explanation) - len(shown)
    if hidden:
        shown.append(f"<p>... and {hidden} more rows</p>")
    return f"<div>{''.join(shown)}</div>"


def _row(row: "Explanation") -> str:
    top = row.top(5)[0]
    largest = max(abs(row.decisive[0, top]).max(), 1e-300)
    bars = "".join(_bar(row, int(j), largest) for j in top)
    return (
        f'<div style="{_STYLE}"><p style="margin:0 0 6px">{escape(describe(row))}</p>'
        f'<table style="border-collapse:collapse">{bars}</table></div>'
    )


def _bar(row: "Explanation", j: int, largest: float) -> str:
    effect = row.decisive[0, j]
    length = 100 * abs(effect) / largest
    x = 100 if effect >= 0 else 100 - length
    colour = _FOR if effect >= 0 else _AGAINST
    label = f"prototype {j} of {name(row.prototype_labels[j])}"
    return (
        f"<tr><td>{escape(label)}</td><td>{row.similarities[0, j]:.2f}</td>"
        f'<td><svg width="200" height="12" role="img" aria-label="{effect:+.3g}">'
        f'<rect x="{x:.1f}" y="1" width="{length:.1f}" height="10" fill="{colour}"/>'
        '<line x1="100" x2="100" y1="0" y2="12" stroke="#888"/></svg></td>'
        f"<td>{effect:+.3g}</td></tr>"
    )
