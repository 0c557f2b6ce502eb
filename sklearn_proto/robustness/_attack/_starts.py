"""Where the search starts."""

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.robustness._attack._model import Targets
from sklearn_proto.robustness._attack._planes import worst_mixture
from sklearn_proto.robustness._attack._problem import AttackProblem, Found
from sklearn_proto.robustness._attack._shortest import shortest, sizes

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

# How many rivals a row is projected towards, and targets it walks towards.
_RIVALS, _NEAREST, _CLASSES = 5, 30, 5


def from_targets(problem: AttackProblem, targets: Targets, most: int) -> Found:
    """Points near the boundary, towards targets that are predicted otherwise."""
    away = problem.box.distances(targets.X)
    away[problem.label[:, None] == targets.label] = np.inf
    nearest = np.argsort(away, axis=1, kind="stable")[:, :_NEAREST]
    of_class = [
        np.where(targets.label == c, away, np.inf).argmin(1)
        for c in np.unique(targets.label)[:_CLASSES]
    ]
    which = np.column_stack([nearest, *of_class])
    reach = np.isfinite(np.take_along_axis(away, which, 1)).ravel()
    rows = np.repeat(np.arange(len(away)), which.shape[1])[reach]
    eta = problem.box.towards(rows, targets.X[which.ravel()[reach]])
    reach = problem.flips(rows, eta)
    rows, eta = rows[reach], eta[reach]
    # The boundary may be nearer on the way to a target that is farther.
    eta = problem.bisected(rows, eta, np.zeros(len(rows)), 2)
    return problem.best(rows, eta, most)


def from_rows(problem: AttackProblem) -> Found:
    """Towards the rivals whose linearised boundaries are nearest."""
    n, d = problem.box.X.shape
    if not len(problem.model.gaps.owner):
        return Found(np.zeros(0, dtype=np.intp), np.zeros((0, d)))
    rival = _nearest_rivals(problem)
    rows, rival = np.repeat(np.arange(n), rival.shape[1]), rival.ravel()
    start, norm = Found(rows, np.zeros((len(rows), d))), problem.box.norm
    # Corners of the ball have narrow basins: a Euclidean path finds others.
    found = [_projected(problem, start, rival, p) for p in dict.fromkeys((norm, 2.0))]
    return Found(np.tile(rows, len(found)), np.concatenate(found))


def from_random(problem: AttackProblem, near: Found, count: int) -> Found:
    """From random points about as far away as the targets, and beyond."""
    box, rng = problem.box, problem.rng
    rows = np.repeat(np.arange(len(box.X)), count)
    eta = rng.normal(size=(len(rows), box.X.shape[1])) * box.free
    length = np.maximum(sizes(eta, box.norm), 1e-300)
    reach = _usual_sizes(problem, near)[rows] * 2.0 ** rng.uniform(-2, 2, len(rows))
    eta = box.clip(rows, eta * (reach / length)[:, None])
    if not count or not len(problem.model.gaps.owner):
        return Found(rows, eta)
    rival = problem.strongest(rows, eta)
    return Found(rows, _projected(problem, Found(rows, eta), rival, box.norm))


def _nearest_rivals(problem: AttackProblem) -> Indices:
    """Scores (n, at most 5) of rivals with the nearest linearised boundaries."""
    owner, origin = problem.model.gaps.owner, np.zeros_like(problem.box.X)
    rows = np.arange(len(origin))
    order = np.argsort(-problem.rival_scores(rows, origin), axis=1)
    n_rivals = len(owner) - np.bincount(owner).max()
    likely = order[:, : min(n_rivals, 3 * _RIVALS)]
    distance = np.empty(likely.shape)
    for i, rival in enumerate(likely.T):
        plane = problem.plane(rows, origin, rival)
        distance[:, i] = np.where(plane.g.any(1), -plane.b, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")[:, :_RIVALS]
    return np.asarray(np.take_along_axis(likely, order, 1))


def _projected(
    problem: AttackProblem, start: Found, rival: Indices, norm: float, steps: int = 8
) -> Array:
    """Project the origin onto the boundary as linearised at the last point."""
    rows, eta = start
    low, high = (b[rows] for b in problem.box.eta)
    best, length = eta, np.full(len(rows), np.inf)
    for i in range(steps):
        new = _beyond(problem, Found(rows, eta), rival, (low, high), norm)
        # Later steps are damped: full ones may swing about a curved boundary.
        eta = new if i < steps // 2 else (eta + new) / 2
        size = sizes(eta, problem.box.norm)
        better = (size < length) & problem.flips(rows, eta)
        best = np.where(better[:, None], eta, best)
        length = np.where(better, size, length)
    return np.where(np.isinf(length)[:, None], eta, best)


def _beyond(
    problem: AttackProblem,
    at: Found,
    rival: Indices,
    box: tuple[Array, Array],
    norm: float,
) -> Array:
    """Shortest vectors beyond the boundary as linearised; as they were without one."""
    plane = problem.plane(*at, rival)
    new = shortest(*plane, *box, norm)
    if problem.model.gaps.own_scores > 1:
        # The rival has to beat the second of the own class as well.
        second = problem.plane(*at, rival, 1)
        lacks = ~second.holds(new)
        low, high = (limit[lacks] for limit in box)
        both = plane.take(lacks), second.take(lacks)
        v = worst_mixture(*both, low, high, norm)[1]
        within = both[0].holds(v) & both[1].holds(v)
        new[lacks] = np.where(within[:, None], v, new[lacks])
    return np.where(np.any(plane.g, axis=1)[:, None], new, at.eta)


def _usual_sizes(problem: AttackProblem, near: Found) -> Array:
    """Size (n,) of the nearest perturbation of each row, or what is usual."""
    n, norm = len(problem.box.X), problem.box.norm
    usual = np.full(n, np.inf)
    np.minimum.at(usual, near.rows, sizes(near.eta, norm))
    known = np.isfinite(usual)
    if known.any():
        return np.where(known, usual, np.median(usual[known]))
    return np.full(n, 1.0 + np.abs(problem.box.X).max())
