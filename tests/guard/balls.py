"""lp balls inside a box, in float64: lengths, and the least of a linear function."""

import numpy as np


def length(u, p):
    """``norm_p(u)`` (m,) without overflow at any scale or exponent."""
    top = np.abs(u).max(1)
    top = np.where(top > 0, top, 1.0)
    return top * np.linalg.norm(u / top[:, None], p, axis=1)


def scaled(u, size, p):
    """Perturbations (m, d) in the directions of `u`, of size `size` (m,) or 0."""
    top = np.abs(u).max(1, keepdims=True)
    u = u / np.where(top > 0, top, 1.0)
    own = length(u, p)
    return u * (size / np.where(own > 0, own, 1.0))[:, None]


def least(slope, size, p, room):
    """Perturbations (m, d) of size `size` (m,) that make ``slope . u`` least.

    `room` (2, m, d) is how far features may fall and rise.
    """
    down, up = room
    free = np.where(slope > 0, down, up)
    a = np.where(free > 0, np.abs(slope), 0.0)
    top = a.max(1, keepdims=True)
    a = a / np.where(top > 0, top, 1.0)
    sign = -np.sign(slope)
    if p == np.inf:
        return sign * np.minimum(np.where(a > 0, size[:, None], 0.0), free)
    if p == 1:
        return sign * _spent(a, free, size)
    shape = a ** (1.0 / (p - 1.0))
    return sign * _grown(shape, free, size, p)


def _spent(value, room, budget):
    """The most valuable feature takes all it can, then the next."""
    order = np.argsort(-value, axis=1, kind="stable")
    sorted_room = np.take_along_axis(room, order, 1)
    ended = np.concatenate([0 * budget[:, None], sorted_room.cumsum(1)[:, :-1]], 1)
    amount = np.clip(budget[:, None] - ended, 0.0, sorted_room)
    out = np.zeros_like(value)
    np.put_along_axis(out, order, amount, 1)
    return np.where(value > 0, out, 0.0)


def _grown(shape, room, size, p):
    """Clip a direction to the room, and lengthen it until it has its size."""
    free = scaled(shape, size, p)
    if (free <= room).all():
        return free
    lo = size / np.where(shape.any(1), length(shape, p), 1.0)
    hi = 1e6 * lo
    for _ in range(60):
        mid = np.sqrt(lo) * np.sqrt(hi)
        fits = length(np.minimum(mid[:, None] * shape, room), p) <= size
        lo, hi = np.where(fits, mid, lo), np.where(fits, hi, mid)
    return np.minimum(lo[:, None] * shape, room)
