"""Checks of arguments that several scores take."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._validation import shown, without_graph

Array = NDArray[np.float64]


def as_labels(name: str, value: Any) -> NDArray[Any]:
    """Turn an argument into an array of labels, or name it in an error."""
    try:
        return np.asarray(without_graph(value))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name}={shown(value)} must hold one label for each row."
        ) from error


def finite_rows(
    name: str, value: Any, rows: Array, scale: Array, draws: Array
) -> Array:
    """Rows (n, d) moved by ``scale * draws``, or an error that blames the parameter."""
    with np.errstate(over="ignore", invalid="ignore"):
        moved = rows + scale * draws
    if not np.isfinite(moved).all():
        raise ValueError(f"{name}={shown(value)} is too large: rows become infinite.")
    return moved
