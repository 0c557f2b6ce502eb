"""Delete the features of rows, or put them in, in the order of their evidence."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.metrics._arguments import checked_count
from sklearn_proto.metrics._evidence import evidence_of
from sklearn_proto.metrics._explained import Explained

Array = NDArray[np.float64]


def walk(
    start: Explained, evidence: Any, baseline: Any, n_steps: Any, *, insert: bool
) -> tuple[Array, Array]:
    """Probability of the predicted class along the way.

    Parameters
    ----------
    start : Explained
        The rows.
    evidence, baseline, n_steps
        See `faithfulness_score`.
    insert : bool
        Whether features are put in, or deleted.

    Returns
    -------
    shares : ndarray of shape (n_points,)
        Of the features, from 0 to 1.
    probabilities : ndarray of shape (n_points, n)
        Of each row.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    steps = checked_count("n_steps", n_steps)
    rows = start.rows
    blank = _baseline(baseline, rows)
    values, units = evidence_of(start, evidence, blank)
    n_units = values.shape[1]
    counts = np.unique(np.round(np.linspace(0, n_units, steps + 1)).astype(np.intp))
    ranks = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)[:, units]
    winners = start.explanation.winners[:, None]
    found = []
    for count in counts:
        mixed = np.where((ranks < count) == insert, rows, blank)
        p = start.probabilities(mixed)
        found.append(np.take_along_axis(p, winners, axis=1)[:, 0])
    return counts / n_units, np.stack(found)


def _baseline(given: Any, rows: Array) -> Array:
    """What takes the place of each feature, of shape (d,)."""
    if isinstance(given, str):
        if given != "mean":
            raise ValueError(
                f"baseline={given!r} must be 'mean', a number or an array."
            )
        return np.asarray(rows.mean(axis=0))
    found = np.asarray(given, dtype=np.float64)
    d = rows.shape[1]
    if found.size not in (1, d) or not np.isfinite(found).all():
        raise ValueError(
            f"baseline has shape {found.shape}; it must be finite, and one number or "
            f"{d}, as there are features."
        )
    return np.broadcast_to(found.ravel(), (d,))
