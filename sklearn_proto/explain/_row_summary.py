"""One explained row, ready to be written, drawn or shown in a notebook."""

from dataclasses import dataclass
from functools import singledispatch
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Picture(NamedTuple):
    """An image, and what is to be seen in it."""

    title: str
    image: Array  # (height, width) or (height, width, channels)
    limits: tuple[float, float]  # what is drawn as nothing, and as full ink or light
    box: NDArray[np.intp] | None = None  # top, left, bottom, right: the part
    seen: NDArray[np.intp] | None = None  # the box that the activation can depend on
    activation: Array | None = None  # a map of any resolution


class Part(NamedTuple):
    """What a prototype or a feature adds: one bar."""

    label: str
    size: float
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


class Sample(NamedTuple):
    """The row, or a prototype to compare it with."""

    title: str
    values: Array


@dataclass(frozen=True)
class RowSummary:
    """What there is to say about one row, whatever says it.

    Parameters
    ----------
    sentence : str
        All of it in words.
    title : str
        The prediction and what it beat.
    samples : list of Sample
        The row, then the prototypes that decide.
    feature_names : ndarray of shape (d,)
        Names of the numbers in a sample.
    headings : tuple of str
        What the notes of the parts are.
    parts, rest : list of Part
        The largest parts, and the sums of what is left.
    total : str
        What parts and rest add up to, in words.
    terms : ndarray of shape (d,), optional
        What each feature adds, where features are what adds up.
    """

    sentence: str
    title: str
    samples: list[Sample]
    feature_names: NDArray[Any]
    headings: tuple[str, ...]
    parts: list[Part]
    rest: list[Part]
    total: str
    terms: Array | None = None

    def bars(self) -> list[Part]:
        """Parts in the order in which they add up: baseline, the largest, the others.

        What is left is not drawn where it is nothing but rounding.
        """
        largest = max(abs(part.size) for part in self.parts)
        rest = [part for part in self.rest if abs(part.size) > 1e-12 * largest]
        first = [part for part in rest if part.label == "baseline"]
        return first + self.parts + [part for part in rest if part not in first]


@singledispatch
def row_summary(explanation: Any, k: int) -> RowSummary:  # noqa: ARG001
    """Say all there is about the first row, with its `k` largest parts.

    Every kind of explanation registers how it is read, in a file of its own.
    """
    raise TypeError(f"a {type(explanation).__name__} is no explanation of a row.")
