"""Summary of a row by its distances to prototypes that can be looked at."""

from dataclasses import replace

import numpy as np

from sklearn_proto._drawing._text import brief
from sklearn_proto.explain._by_prototype import by_prototype
from sklearn_proto.explain._pixels import image_of_row
from sklearn_proto.explain._row_summary import (
    Array,
    Picture,
    RowSummary,
    Sample,
    row_summary,
)
from sklearn_proto.explain._sentence import describe, name, verdict
from sklearn_proto.explain._whole import DecodedExplanation, SampledExplanation

_TIMES = "\N{MULTIPLICATION SIGN}"


@row_summary.register
def by_decoded(row: DecodedExplanation, k: int) -> RowSummary:
    """Summary of one row with its `k` most important prototypes."""
    return replace(
        _illustrated(row, k, [f"{_product(row, int(j))}" for j in row.top(k)[0]]),
        sentence=f"{describe(row, say=_cost)} {_closest(row)}",
        headings=(f"squared distance {_TIMES} weight",),
    )


@row_summary.register
def by_sampled(row: SampledExplanation, k: int) -> RowSummary:
    """Summary of one row with its `k` most important uncertain prototypes."""
    often = [f"{row.nearest_frequencies[0, j]:.0%}" for j in row.top(k)[0]]
    return replace(
        _illustrated(row, k, often, row.decoded_deviations),
        sentence=f"{describe(row, say=_share)} {_certainty(row)}",
        headings=("nearest in",),
    )


def _illustrated(
    row: DecodedExplanation,
    k: int,
    notes: list[str],
    deviations: Array | None = None,
) -> RowSummary:
    """Summary with decoded prototypes: as pictures, if rows are images."""
    whole, top = by_prototype(row, k), [int(j) for j in row.top(k)[0]]
    pictures = _pictures(row, top, deviations)
    return replace(
        whole,
        samples=[Sample("this row", row.X[0]), *(_sample(row, j) for j in top)],
        parts=[
            part._replace(notes=(note,), pictures=seen)
            for part, note, seen in zip(whole.parts, notes, pictures, strict=True)
        ],
    )


def _sample(row: DecodedExplanation, j: int) -> Sample:
    title = f"prototype {j}\n{brief(name(row.prototype_labels[j]))}\n"
    away = f"squared distance {row.distances[0, j]:.3g}"
    return Sample(title + away, row.decoded_prototypes[j])


def _pictures(
    row: DecodedExplanation, top: list[int], deviations: Array | None
) -> list[tuple[Picture, ...]]:
    """Pictures of the row, of what its code keeps of it, and of each prototype."""
    if row.image_shape is None:
        return [()] * len(top)
    shape, first = row.image_shape, row.channels_first

    def picture(title: str, values: Array, limits: tuple[float, float]) -> Picture:
        image = image_of_row(values, shape, channels_first=first)
        return Picture(title, image, limits)

    shown = [row.X[0], row.reconstructions[0], *row.decoded_prototypes[top]]
    limits = _limits(shown)
    found = []
    for j in top:
        line = [
            picture("this row", row.X[0], limits),
            picture("reconstruction", row.reconstructions[0], limits),
            picture(f"prototype {j}", row.decoded_prototypes[j], limits),
        ]
        if deviations is not None:
            largest = float(deviations[top].max())
            line.append(picture("its deviation", deviations[j], (0.0, largest)))
        found.append(tuple(line))
    return found


def _limits(rows: list[Array]) -> tuple[float, float]:
    """Range of all together, so that they compare."""
    return min(float(a.min()) for a in rows), max(float(a.max()) for a in rows)


def _product(row: DecodedExplanation, j: int) -> str:
    """Distance, and the difference of the two classes' weights that multiplies it."""
    away = row.distances[0, j]
    if away == 0:
        return "0"
    return f"{away:.3g} {_TIMES} {row.decisive[0, j] / away:.3g}"


def _cost(row: DecodedExplanation, j: int) -> str:
    """Say what the distance to a prototype takes from, or gives to, the two classes."""
    winner, rival = row.winners[0], row.runners_up[0]
    effects = " and ".join(
        _effect(row.contributions[0, c, j], name(row.classes[c]))
        for c in (rival, winner)
    )
    return (
        f"prototype {j} of {name(row.prototype_labels[j])}, whose squared distance of "
        f"{row.distances[0, j]:.3g} {effects}, {verdict(row.decisive[0, j])}"
    )


def _effect(contribution: float, label: str) -> str:
    if contribution > 0:
        return f"gives {contribution:.3g} to {label}"
    return f"takes {-contribution:.3g} from {label}"


def _closest(row: DecodedExplanation) -> str:
    """Say which prototype is closest, and which class that speaks for."""
    j = int(row.distances[0].argmin())
    found = f"The closest is prototype {j}, at {row.distances[0, j]:.3g}"
    if row.class_weights is None:
        return f"{found}."
    least, label = row.class_weights[:, j].min(), name(row.prototype_labels[j])
    if least >= 0:
        return f"{found}; distance from it takes nothing from any class."
    winner = name(row.classes[row.winners[0]])
    other = "" if label == winner else f", and not for {winner}"
    return (
        f"{found}. Distance from it takes the most from {label} ({-least:.3g} a unit), "
        f"so being close to it speaks for {label}{other}."
    )


def _share(row: SampledExplanation, j: int) -> str:
    """Say how often a prototype is the nearest, and what it adds."""
    return (
        f"prototype {j} of {name(row.prototype_labels[j])}, the nearest in "
        f"{row.nearest_frequencies[0, j]:.0%} of the samples, "
        f"{verdict(row.decisive[0, j])}"
    )


def _certainty(row: SampledExplanation) -> str:
    """Say how uncertain the class is, why, and how uncertain the explanation is."""
    most = np.log(len(row.classes))
    return (
        f"The uncertainty of the class is {row.total[0]:.2g} of at most {most:.2g} "
        f"nats, of which {row.epistemic[0]:.2g} come from the uncertainty of the "
        f"prototypes; that of which prototype is nearest is {row.explanation[0]:.2g}."
    )
