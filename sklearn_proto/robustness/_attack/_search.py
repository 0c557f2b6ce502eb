"""The smallest perturbation of each row that a search finds."""

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.robustness._attack._model import Targets
from sklearn_proto.robustness._attack._problem import AttackProblem, Found
from sklearn_proto.robustness._attack._slide import slide
from sklearn_proto.robustness._attack._starts import (
    from_random,
    from_rows,
    from_targets,
)

Array = NDArray[np.float64]


def smallest(
    problem: AttackProblem, targets: Targets, n_restarts: int, max_iter: int
) -> Array:
    """Perturbed rows (n, d); a row itself where nothing flips it."""
    found, early = _starts(problem, targets, n_restarts), max_iter // 3
    for most, rounds in ((2 + n_restarts, early), (3, max_iter - early)):
        found = slide(problem, problem.best(*found, most), rounds)
    found = problem.best(*_kicked(problem, found, n_restarts), n_restarts + 1)
    rows, eta = problem.best(*slide(problem, found, max_iter // 2), 1)
    eta = problem.bisected(rows, eta, np.full(len(rows), 0.99), 10)
    perturbed = problem.box.X.copy()
    perturbed[rows] = problem.box.points(rows, eta)
    return perturbed


def _starts(problem: AttackProblem, targets: Targets, n_restarts: int) -> Found:
    near = from_targets(problem, targets, 2 + n_restarts)
    parts = [near, from_rows(problem), from_random(problem, near, n_restarts)]
    return problem.on_boundary(*_joined(parts))


def _kicked(problem: AttackProblem, found: Found, copies: int) -> Found:
    """Keep the best of each row, and copies moved at random: minima lie near."""
    best = problem.best(*found, 1)
    rows, eta = np.repeat(best.rows, copies), np.repeat(best.eta, copies, axis=0)
    width = 0.5 * np.abs(eta).max(axis=1, keepdims=True)
    eta = eta + width * problem.rng.normal(size=eta.shape)
    moved = problem.on_boundary(rows, problem.box.clip(rows, eta))
    return _joined([best, moved])


def _joined(parts: list[Found]) -> Found:
    rows, eta = zip(*parts, strict=True)
    return Found(np.concatenate(rows), np.concatenate(eta))
