"""HTML that needs nothing but itself: no scripts, no other files, no network."""

from collections.abc import Callable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn_proto.explain import png_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of pictures; a browser lays out 96 dots per inch, and a sharp screen has more.
_DPI, _CSS_DPI = 150, 96

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Liberation Sans", sans-serif; color: #1d2733;
  background: #fff; max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem;
  border-bottom: 2px solid #d5dce3; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { max-width: 46em; margin: .5rem 0; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap;
  gap: .25rem 1.25rem; }
a { color: #1f5f99; }
figure { margin: 1rem 0; }
figcaption, caption { color: #4a5765; font-size: .9rem; text-align: left; }
caption { padding-bottom: .4rem; }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
td, th { padding: .1rem .5rem; }
.wide > table { border-collapse: collapse; margin: .75rem 0;
  min-width: min(26rem, 100%); font-variant-numeric: tabular-nums; }
.wide > table th, .wide > table td { padding: .2rem .7rem; text-align: right;
  border-bottom: 1px solid #e4e8ec; }
.wide > table th { font-weight: 600; }
.wide > table tbody th, .wide > .words td, .wide > .words th { text-align: left; }
.wide > .words td { overflow-wrap: anywhere; }
@media print { nav { display: none; } figure, tr { break-inside: avoid; } }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Section(NamedTuple):
    """A heading and what stands below it, as HTML."""

    title: str
    body: str


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Document of sections, with a list of them."""
    links, bodies = "", ""
    for number, section in enumerate(sections, 1):
        heading = escape(section.title)
        links += f'<li><a href="#section-{number}">{heading}</a></li>\n'
        bodies += (
            f'<section id="section-{number}" aria-labelledby="heading-{number}">\n'
            f'<h2 id="heading-{number}">{heading}</h2>\n{section.body}\n</section>\n'
        )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{escape(title)}</h1>\n{lead}\n</header>\n"
        f'<nav aria-label="Contents"><ul>\n{links}</ul></nav>\n'
        f"<main>\n{bodies}</main>\n</body>\n</html>\n"
    )


def paragraph(text: str) -> str:
    """Text that is escaped."""
    return f"<p>{escape(text)}</p>"


def subheading(text: str) -> str:
    """Heading below that of a section; escaped."""
    return f"<h3>{escape(text)}</h3>"


def table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    shades: Sequence[Sequence[str]] | None = None,
    words: bool = False,
) -> str:
    """Table whose first column names the rows.

    Cells are escaped; `shades` are the backgrounds of those after the first column.
    """
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    lines = []
    for i, (first, *others) in enumerate(rows):
        colours = [""] * len(others) if shades is None else shades[i]
        cells = "".join(map(_cell, others, colours))
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    kind = ' class="words"' if words else ""
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table{kind}><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(text: str, colour: str) -> str:
    style = f' style="background:{colour}"' if colour else ""
    return f"<td{style}>{escape(text)}</td>"


def picture(draw: Callable[["Figure"], Any], alt: str, caption: str) -> str:
    """Draw on a blank figure that pyplot does not know."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=_DPI)
    width = round(figure.get_figwidth() * _CSS_DPI)
    return (
        f'<figure><img src="{png_uri(file.getvalue())}" alt="{escape(alt)}" '
        f'width="{width}"/>\n<figcaption>{escape(caption)}</figcaption></figure>'
    )
