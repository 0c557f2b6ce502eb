"""One explained row, ready to be written, drawn or shown in a notebook."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Colours of what speaks for the prediction and against it.
FOR, AGAINST = "#2a7f62", "#b5473c"


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
class Account:
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
        What parts and rest add up to.
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
