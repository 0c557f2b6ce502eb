"""What an explanation says each feature, or each pixel, speaks for."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._inputs._image_rows import rows_of_images
from sklearn_proto._memory import BATCH, at_once
from sklearn_proto._validation import as_numbers, shown
from sklearn_proto.explain import Explanation
from sklearn_proto.metrics._explained import Explained

Array = NDArray[np.float64]


class Evidence(NamedTuple):
    """How much each unit of a row speaks for the prediction."""

    values: Array  # (n, n_units)
    units: NDArray[np.intp]  # (d,): which unit each number of a row belongs to


def evidence_of(start: Explained, given: Any, baseline: Array) -> Evidence:
    """Evidence for the prediction of each row.

    Parameters
    ----------
    start : Explained
        The rows.
    given : {"auto", "occlusion"} or array-like of shape (n, d)
        See `faithfulness_score`.
    baseline : ndarray of shape (d,)
        What takes the place of a feature that is deleted.

    Raises
    ------
    ValueError
        If `given` is none of these.
    """
    if not isinstance(given, str):
        return _given(given, start.rows.shape)
    if given == "auto":
        found = _explained_evidence(start, baseline)
        return _occlusion(start, baseline) if found is None else found
    if given == "occlusion":
        return _occlusion(start, baseline)
    raise ValueError(
        f"evidence={shown(given)} must be 'auto', 'occlusion' or an array."
    )


def _given(values: ArrayLike, shape: tuple[int, ...]) -> Evidence:
    found = as_numbers("evidence", values)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError(
            f"evidence has shape {found.shape}; it must be finite and of shape {shape},"
            " as the rows are."
        )
    return Evidence(found, np.arange(shape[1]))


def _explained_evidence(start: Explained, baseline: Array) -> Evidence | None:
    """Read evidence off an explanation, if it says anything about features."""
    explanation = start.explanation
    features = np.arange(start.rows.shape[1])
    terms = getattr(explanation, "feature_terms", None)
    if terms is not None:
        return Evidence(terms, features)
    if hasattr(explanation, "activation_maps"):
        return _by_pixel(explanation)
    if explanation.prototypes.shape[1:] == start.rows.shape[1:]:
        return Evidence(_by_distance(start, baseline), features)
    return None


def _by_pixel(explanation: Any) -> Evidence:
    """Lay what each prototype adds to the lead on the pixels where it is found."""
    shape = explanation.image_shape
    n, k = explanation.similarities.shape
    n_pixels = shape[0] * shape[1]
    step = at_once(k * n_pixels, BATCH)
    values = np.empty((n, n_pixels))
    for first in range(0, n, step):
        rows = slice(first, first + step)
        maps = explanation[rows].activation_maps.reshape(-1, k, n_pixels)
        values[rows] = np.einsum("nk,nkp->np", explanation[rows].decisive, _unit(maps))
    return Evidence(values, _pixels(shape, channels_first=explanation.channels_first))


def _pixels(shape: tuple[int, ...], *, channels_first: bool) -> NDArray[np.intp]:
    """Pixel (d,) that each number of a row belongs to."""
    height, width, *channels = shape
    each = np.arange(height * width).reshape(1, height, width)
    if channels:
        each = np.repeat(each[..., None], channels[0], axis=3)
    return np.asarray(rows_of_images(each, channels_first=channels_first)[0])


def _unit(maps: Array) -> Array:
    """Bring every map to [0, 1]."""
    low = maps.min(axis=-1, keepdims=True)
    room = maps.max(axis=-1, keepdims=True) - low
    # What is flat stays at 1.
    found = np.ones_like(maps)
    np.divide(maps - low, room, out=found, where=room > 0)
    return found


def _by_distance(start: Explained, baseline: Array) -> Array:
    """Share what prototypes add to the lead among the features that bring them near.

    Replacing feature j moves a row away from prototype w by
    ``(b_j - w_j)^2 - (x_j - w_j)^2``.
    """
    x, w = start.rows, start.explanation.prototypes
    weights = _of_presence(start.explanation)
    # Without (n, K, d): the square of w_j is in both terms.
    own = weights.sum(axis=1, keepdims=True) * (baseline**2 - x**2)
    return np.asarray(own + 2 * (x - baseline) * (weights @ w))


def _of_presence(explanation: Explanation) -> Array:
    """Take what the presence of each prototype adds to the lead, of shape (n, K).

    Of a model that reasons by absence as well, presence also takes something away.
    """
    if "negative_disagreement" not in explanation.evidence:
        return explanation.decisive
    terms = explanation.evidence
    effect = terms["positive_agreement"] - terms["negative_disagreement"]
    rows = np.arange(len(explanation))
    return np.asarray(
        effect[rows, explanation.winners] - effect[rows, explanation.runners_up]
    )


def _occlusion(start: Explained, baseline: Array) -> Evidence:
    """Replace one feature at a time, and see how much the probability falls."""
    rows, winners = start.rows, start.explanation.winners
    own = np.arange(len(rows))
    before = start.probabilities(rows)[own, winners]
    values = np.empty_like(rows)
    for j in range(rows.shape[1]):
        without = rows.copy()
        without[:, j] = baseline[j]
        values[:, j] = before - start.probabilities(without)[own, winners]
    return Evidence(values, np.arange(rows.shape[1]))
