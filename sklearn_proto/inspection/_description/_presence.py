"""How much of each prototype is in rows, at the places where it was found."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Places = NDArray[np.intp]


def found_in(explanation: Any) -> tuple[Array, Places | None]:
    """Similarities (n, K), and the places (n, K) in a map where they were found.

    There are no places where a model compares whole inputs.
    """
    maps = _flat_maps(explanation)
    places = None if maps is None else maps.argmax(axis=2)
    return similarities_at(explanation, places), places


def similarities_at(explanation: Any, places: Places | None) -> Array:
    """Similarities (n, K) at given places, whatever is found elsewhere."""
    maps = _flat_maps(explanation)
    if maps is None or places is None:
        return np.asarray(explanation.similarities)
    return np.asarray(np.take_along_axis(maps, places[..., None], axis=2)[..., 0])


def _flat_maps(explanation: Any) -> Array | None:
    maps = getattr(explanation, "similarity_maps", None)
    return None if maps is None else maps.reshape(*maps.shape[:2], -1)
