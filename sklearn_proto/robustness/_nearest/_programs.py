"""The shortest perturbation with which a rival takes a row, as a convex program."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linprog, minimize
from torch import Tensor

from sklearn_proto.robustness._nearest._dual_weights import dual_weights
from sklearn_proto.robustness._nearest._rival_batch import RivalBatch

Array = NDArray[np.float64]


class ProgramSolution(NamedTuple):
    """What a program says about B pairs of a row and a rival; a proof needs no more.

    Parameters
    ----------
    weights : Tensor of shape (B, q)
        Dual variables of the own prototypes, in the units in which the size of the
        perturbation, or half its square in l2, is the objective.
    delta : Tensor of shape (B, d)
        The perturbation that attains the objective.
    """

    weights: Tensor
    delta: Tensor


class Task(NamedTuple):
    """One pair, scaled: ``a @ delta >= g`` with rows of dual norm 1 and ``max g = 1``.

    Features of `delta` may fall by `down` and rise by `up`, (d,) each.
    """

    a: Array
    g: Array
    down: Array
    up: Array


Solver = Callable[[Task], tuple[Array, Array]]


def quadratic(batch: RivalBatch, rows: Tensor, rivals: Tensor) -> ProgramSolution:
    """Shortest step in l2 without bounds, for all pairs at once."""
    points = batch.geometry.points
    own, rival = points[batch.own], points[batch.rivals]
    # About one of the own points, products lose fewer digits.
    own, rival = own - points[batch.own[0]], rival - points[batch.own[0]]
    cross, squares = rival @ own.T, rival.square().sum(1)
    gram = squares[rivals, None, None] + own @ own.T
    gram = gram - cross[rivals, :, None] - cross[rivals, None]
    weights = dual_weights(gram, batch.gaps(rows, rivals) / 2)
    return ProgramSolution(weights, batch.normals(rivals, weights)[0])


def one_by_one(
    solve: Solver, batch: RivalBatch, rows: Tensor, rivals: Tensor
) -> ProgramSolution:
    """Answers of a solver that takes one pair at a time."""
    like, n = batch.z, len(rows)
    weights = like.new_zeros((n, len(batch.own)))
    delta = like.new_zeros((n, batch.perturbations.n_features))
    for k, (row, rival) in enumerate(zip(rows.tolist(), rivals.tolist(), strict=True)):
        task, size, norms = _task(batch, row, rival)
        if size > 0:
            found, moved = solve(task)
            power = 2.0 if batch.perturbations.norm == 2 else 1.0
            natural = np.maximum(found, 0.0) * size ** (power - 1.0) / norms
            weights[k] = torch.from_numpy(natural)
            delta[k] = torch.from_numpy(size * moved)
    return ProgramSolution(weights, delta)


def _task(batch: RivalBatch, row: int, rival: int) -> tuple[Task, float, Array]:
    """Scale a pair; return the unit of its perturbations and the norms of its rows."""
    points, given = batch.geometry.points, batch.perturbations
    chosen = torch.tensor([row], device=points.device)
    normals = points[batch.rivals[rival]] - points[batch.own]
    norms = given.dual_norm(normals)
    norms = torch.where(norms > 0, norms, torch.ones_like(norms))
    which = torch.tensor([rival], device=points.device)
    g = batch.gaps(chosen, which)[0] / 2 / norms
    size = float(g.max())
    unit = size if size > 0 else 1.0
    inf = torch.full_like(normals[0], torch.inf)
    down, up = (
        (side[row] for side in given.box_slack) if given.box_slack else (inf, inf)
    )
    parts = (normals / norms[:, None], g / unit, down / unit, up / unit)
    return Task(*(p.cpu().numpy() for p in parts)), size, norms.cpu().numpy()


def linear_l1(task: Task) -> tuple[Array, Array]:
    """Dual and primal solution in l1: a rise and a fall of each feature."""
    limits = _intervals(np.zeros_like(task.up), task.up)
    limits += _intervals(np.zeros_like(task.down), task.down)
    q, d = task.a.shape
    found = linprog(
        np.ones(2 * d),
        A_ub=np.hstack([-task.a, task.a]),
        b_ub=-task.g,
        bounds=limits,
        method="highs",
    )
    if found.status != 0:
        return _impossible(task), np.zeros(d)
    return -found.ineqlin.marginals[:q], found.x[:d] - found.x[d:]


def linear_max(task: Task) -> tuple[Array, Array]:
    """Dual and primal solution in the maximum norm: one more variable, the size."""
    q, d = task.a.shape
    eye, one = np.eye(d), np.ones((d, 1))
    found = linprog(
        np.r_[np.zeros(d), 1.0],
        A_ub=np.block([[-task.a, np.zeros((q, 1))], [eye, -one], [-eye, -one]]),
        b_ub=np.r_[-task.g, np.zeros(2 * d)],
        bounds=[*_intervals(-task.down, task.up), (0, None)],
        method="highs",
    )
    if found.status != 0:
        return _impossible(task), np.zeros(d)
    return -found.ineqlin.marginals[:q], found.x[:d]


def _impossible(task: Task) -> Array:
    """Weights that prove that no step inside the bounds meets all constraints.

    They are the dual of the smallest violation that is left.
    """
    q, d = task.a.shape
    found = linprog(
        np.r_[np.zeros(d), 1.0],
        A_ub=np.hstack([-task.a, -np.ones((q, 1))]),
        b_ub=-task.g,
        bounds=[*_intervals(-task.down, task.up), (0, None)],
        method="highs",
    )
    return np.zeros(q) if found.status != 0 else -found.ineqlin.marginals[:q]


def _intervals(lower: Array, upper: Array) -> list[tuple[float, float]]:
    return list(zip(lower.tolist(), upper.tolist(), strict=True))


def boxed_quadratic(task: Task) -> tuple[Array, Array]:
    """Dual and primal solution in l2 inside the bounds.

    The dual ``g . v - sum_f max_t ((a^T v)_f t - t^2 / 2)``, t inside the bounds, is
    concave and smooth; it grows without end where no step meets all constraints.
    """
    a, g, down, up = task

    def negated(v: Array) -> tuple[float, Array]:
        step = np.clip(v @ a, -down, up)
        value = g @ v - step @ (v @ a) + step @ step / 2
        return float(-value), a @ step - g

    start = np.zeros(len(g))
    start[g.argmax()] = 1.0
    options = {"maxiter": 1000, "maxfun": 4000, "ftol": 1e-15, "gtol": 1e-11}
    limits = [(0.0, None)] * len(g)
    found = minimize(
        negated, start, jac=True, method="L-BFGS-B", bounds=limits, options=options
    )
    return found.x, np.clip(found.x @ a, -down, up)
