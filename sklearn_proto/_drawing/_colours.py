"""Colours of classes, and of what speaks for and against them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Of what speaks for the prediction and against it.
FOR, AGAINST = "#2a7f62", "#b5473c"
# Petroff, "Accessible color sequences for data visualization", 2021.
CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
UNLABELLED = "#55708f"


def class_colours(
    labels: NDArray[Any] | None, classes: NDArray[Any], n: int
) -> list[str]:
    """Colour of each of n things by its label."""
    if labels is None:
        return [UNLABELLED] * n
    return [
        CLASS_COLOURS[i % len(CLASS_COLOURS)] for i in np.searchsorted(classes, labels)
    ]
