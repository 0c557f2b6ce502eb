"""Shortest vectors in a half-space and a box."""

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.robustness._threat_model._perturbations import dual_exponent

Array = NDArray[np.float64]

# No vector needs to be longer; its powers are finite.
_LONGEST = 1e50


def sizes(v: Array, norm: float) -> Array:
    """Lp norms of vectors along the last axis."""
    if norm in (1, 2, np.inf):
        return np.asarray(np.linalg.norm(v, ord=norm, axis=-1))
    # Powers of a large exponent overflow, but for numbers of at most 1.
    largest = np.abs(v).max(axis=-1, keepdims=True, initial=0.0)
    safe = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    return np.asarray(safe[..., 0] * np.linalg.norm(v / safe, ord=norm, axis=-1))


def dual_sizes(g: Array, norm: float) -> Array:
    """Largest ``g . v`` over vectors v of lp norm 1."""
    return sizes(g, dual_exponent(norm))


def shortest(g: Array, b: Array, lo: Array, hi: Array, norm: float) -> Array:
    """Vectors (m, d) of least lp norm with ``g . v <= b`` in a box.

    Where the box holds no such vector, one with ``g . v`` near the least possible. The
    optimality conditions leave one unknown: ``v = clip(-t s, lo, hi)`` with s the dual
    direction of g, and ``g . v`` falls with t. For l1 the coordinates are filled in the
    order of their slopes.
    """
    start = np.clip(0.0, lo, hi)
    need = (g * start).sum(1) - b
    if norm == 1:
        return _filled(g, need, start, lo, hi)
    largest = np.abs(g).max(1, keepdims=True)
    unit = np.divide(g, largest, out=np.zeros_like(g), where=largest > 0)
    s = np.sign(g) * np.abs(unit) ** (0.0 if norm == np.inf else 1 / (norm - 1))
    slope = np.maximum((g * s).sum(1), 1e-300)
    far = np.minimum(np.maximum(np.abs(b), np.abs(need)), _LONGEST * slope) / slope
    low, high = np.zeros_like(b), far

    def excess(t: Array) -> Array:
        return np.asarray((g * np.clip(-t[:, None] * s, lo, hi)).sum(1) - b)

    at_low, at_high = need, excess(high)
    for _ in range(20):
        short = at_high > 0
        if not short.any():
            break
        low, at_low = np.where(short, high, low), np.where(short, at_high, at_low)
        high = np.where(short, np.minimum(3 * high, _LONGEST), high)
        at_high = excess(high)
    for i in range(12):
        # g . v is piecewise linear in t for l2 and linf: chords end the search.
        rise = at_low - at_high
        chord = np.divide(at_low, rise, out=np.full_like(rise, 0.5), where=rise > 0)
        share = np.clip(chord, 1e-3, 1.0) if i % 2 else np.full_like(rise, 0.5)
        t = low + share * (high - low)
        at_t = excess(t)
        short = at_t > 0
        low, at_low = np.where(short, t, low), np.where(short, at_t, at_low)
        high, at_high = np.where(short, high, t), np.where(short, at_high, at_t)
    moved = np.clip(-high[:, None] * s, lo, hi)
    return np.asarray(np.where(need[:, None] <= 0, start, moved))


def _filled(g: Array, need: Array, start: Array, lo: Array, hi: Array) -> Array:
    """Move the steepest coordinate to the end of its box, then the next."""
    order = np.argsort(-np.abs(g), axis=1, kind="stable")
    steep = np.take_along_axis(np.abs(g), order, 1)
    box_slack = np.where(g > 0, start - lo, hi - start)
    box_slack = np.minimum(np.take_along_axis(box_slack, order, 1), _LONGEST)
    gain = np.cumsum(steep * box_slack, axis=1) - steep * box_slack
    left = np.maximum(need[:, None] - gain, 0.0)
    move = np.divide(left, steep, out=np.zeros_like(left), where=steep > 0)
    step = np.empty_like(move)
    np.put_along_axis(step, order, np.minimum(move, box_slack), 1)
    return np.asarray(np.clip(start - np.sign(g) * step, lo, hi))
