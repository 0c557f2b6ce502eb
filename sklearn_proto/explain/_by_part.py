"""Summary of an image by the parts that look like parts of training images."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.explain._by_prototype import by_prototype
from sklearn_proto.explain._parts import PartExplanation
from sklearn_proto.explain._pixels import image_of_row
from sklearn_proto.explain._row_summary import Part, Picture, RowSummary, row_summary
from sklearn_proto.explain._sentence import describe, likeness, name, verdict

_TIMES = "\N{MULTIPLICATION SIGN}"


@row_summary.register
def by_part(row: PartExplanation, k: int) -> RowSummary:
    """Summary of one image with its `k` most important prototypes."""
    whole = by_prototype(row, k)
    top = [int(j) for j in row.top(k)[0]]
    limits = _limits(row, top)
    return replace(
        whole,
        sentence=describe(row, say=_likeness),
        headings=(_heading(row),),
        parts=[
            _illustrated(row, part, j, limits)
            for part, j in zip(whole.parts, top, strict=True)
        ],
    )


def _likeness(row: PartExplanation, j: int) -> str:
    """Say where the part is, and which part of which image it is like."""
    here, phi = _place(row, row.bounding_boxes[0, j]), row.similarities[0, j]
    label = name(row.prototype_labels[j])
    return (
        f"the part at {here}, which {likeness(phi)} prototype {j} of {label} "
        f"(similarity {phi:.2f}){_source(row, j)}, {verdict(row.decisive[0, j])}"
    )


def _source(row: PartExplanation, j: int) -> str:
    if row.prototype_boxes is None or row.prototype_indices is None:
        return ""
    there = _place(row, row.prototype_boxes[j])
    return f", from {there} of training image {row.prototype_indices[j]}"


def _place(row: PartExplanation, box: NDArray[np.intp]) -> str:
    top, left, bottom, right = (int(side) for side in box)
    columns = _span("column", left, right)
    if row.image_shape[0] == 1:
        return columns  # A signal has but one row.
    return f"{_span('row', top, bottom)}, {columns}"


def _span(what: str, first: int, end: int) -> str:
    return f"{what} {first}" if end - first == 1 else f"{what}s {first} to {end - 1}"


def _heading(row: PartExplanation) -> str:
    return "similarity" if row.evidence else f"similarity {_TIMES} weight"


def _product(row: PartExplanation, j: int) -> str:
    """Similarity, and what it is multiplied with where nothing else is counted."""
    phi = row.similarities[0, j]
    if row.evidence or phi == 0:
        return f"{phi:.2f}"
    return f"{phi:.2f} {_TIMES} {row.decisive[0, j] / phi:.3g}"


def _limits(row: PartExplanation, top: list[int]) -> tuple[float, float]:
    """Range of the image and its sources together, so that they compare."""
    shown = [row.X[0]]
    if row.prototype_images is not None:
        shown.append(row.prototype_images[top])
    return min(float(a.min()) for a in shown), max(float(a.max()) for a in shown)


def _illustrated(
    row: PartExplanation, part: Part, j: int, limits: tuple[float, float]
) -> Part:
    """Part with its image, the map of similarities, and the source if there is one."""
    image = image_of_row(row.X[0], row.image_shape, channels_first=row.channels_first)
    seen = row.receptive_boxes
    options: dict[str, Any] = {
        "activation": row.similarity_maps[0, j],
        "seen": None if seen is None else seen[0, j],
    }
    pictures = [
        Picture("this part", image, limits, row.bounding_boxes[0, j]),
        Picture("where it is alike", image, limits, **options),
    ]
    if row.prototype_images is not None and row.prototype_boxes is not None:
        that = row.prototype_images[j], limits, row.prototype_boxes[j]
        pictures.append(Picture(_title(row, j), *that))
    return part._replace(notes=(_product(row, j),), pictures=tuple(pictures))


def _title(row: PartExplanation, j: int) -> str:
    known = row.prototype_indices
    return "source" if known is None else f"training image {known[j]}"
