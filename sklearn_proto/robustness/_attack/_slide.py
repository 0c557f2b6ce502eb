"""Shorten perturbations along the boundary."""

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.robustness._attack._planes import Plane, worst_mixture
from sklearn_proto.robustness._attack._problem import AttackProblem, Found
from sklearn_proto.robustness._attack._shortest import shortest, sizes

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

# After as many failures in a row a perturbation starts afresh.
_PATIENCE = 4


def slide(problem: AttackProblem, found: Found, rounds: int) -> Found:
    """Shorten perturbations that flip; they keep flipping."""
    if not len(found.rows):
        return found
    search = _Slide(problem, found)
    for i in range(rounds):
        search.round(noisy=problem.model.gaps.needs_random_steps and i % 2 == 1)
    return Found(found.rows, search.eta)


class _Slide:
    """A trust region that adapts to success.

    A trial that fails adds its own half-space, mixed with the last: where concepts
    or prototypes of a class take turns, the boundary has a kink, and one gradient
    does not see both sides of it.
    """

    def __init__(self, problem: AttackProblem, found: Found) -> None:
        self.problem = problem
        self.rows, self.eta = found.rows, found.eta.copy()
        self.several = problem.model.gaps.own_scores > 1
        self.trust = np.abs(self.eta).max(1)
        self.rival = problem.strongest(*found)
        self.plane = self.old = problem.plane(*found, self.rival)
        if self.several:
            self.old = problem.plane(*found, self.rival, 1)
        self.failures = np.zeros(len(self.rows), dtype=np.intp)
        # Whether the old half-space counts.
        self.both = np.full(len(self.rows), self.several)

    def round(self, *, noisy: bool) -> None:
        """Try one step for each perturbation."""
        self.plane, step = self._step()
        blind = np.asarray(~self.plane.g.any(1) | noisy)
        step[blind] = self._noise(blind)
        step, hit = self._shorten(self.problem.box.clip(self.rows, step))
        rows, eta = self.rows[hit], self.eta[hit]
        self.rival[hit] = self.problem.strongest(rows, eta)
        self._adapt(hit, blind)
        self._relinearise(step, hit)

    def _step(self) -> tuple[Plane, Array]:
        """Shortest vectors in a half-space, or in two where `both`."""
        low, high = (b[self.rows] for b in self.problem.box.eta)
        lo = np.maximum(low, self.eta - self.trust[:, None])
        hi = np.minimum(high, self.eta + self.trust[:, None])
        norm, both, plane = self.problem.box.norm, self.both, self.plane
        step = shortest(*plane, lo, hi, norm)
        if both.any():
            one, two = plane.take(both), self.old.take(both)
            mixture, step[both] = worst_mixture(one, two, lo[both], hi[both], norm)
            plane = plane.replaced(both, mixture)
        return plane, step

    def _noise(self, blind: Bools) -> Array:
        """Leave out features, or move about."""
        rng, eta, trust = self.problem.rng, self.eta[blind], self.trust[blind]
        rate = rng.uniform(0, 0.5, size=(len(eta), 1))
        fewer = eta * (rng.uniform(size=eta.shape) > rate)
        moved = eta + trust[:, None] * rng.normal(size=eta.shape)
        return np.where(rng.uniform(size=(len(eta), 1)) < 0.5, fewer, moved)

    def _shorten(self, step: Array) -> tuple[Array, Bools]:
        """Shorten along `step` where that flips; the trials, and where they did.

        A trial is as long as the best so far, so that a flip there is an improvement:
        about as large as planned, which narrows the bisection. Past a kink the flip may
        be over by then, and the step itself has it.
        """
        problem, rows = self.problem, self.rows
        size = sizes(self.eta, problem.box.norm)
        length = sizes(step, problem.box.norm)
        # A step of no length points nowhere: its trial is the row, which never flips.
        points = length > 1e-12 * size
        longer = np.divide(size, length, out=np.zeros_like(size), where=points)
        trial = step * ((1 - 1e-8) * longer)[:, None]
        hit = problem.flips(rows, trial)
        planned = np.maximum(1 - length[hit] / size[hit], 1e-7)
        low = np.maximum(1 - 2 * planned, 0.0)
        self.eta[hit] = problem.bisected(rows[hit], trial[hit], low, 2)
        missed = np.flatnonzero(points & ~hit & (length < size))
        brief = missed[problem.flips(rows[missed], step[missed])]
        self.eta[brief], hit[brief] = step[brief], True
        return problem.box.clip(rows, trial), hit

    def _adapt(self, hit: Bools, blind: Bools) -> None:
        """Change the trust radius, and the points where the next step linearises."""
        failures = np.where(hit, 0, self.failures + 1)
        # The first failure asks for a second half-space, more for a smaller step.
        trust = self.trust * np.where(hit, 2.0, np.where(failures > 1, 0.4, 0.7))
        largest = np.abs(self.eta).max(1)
        self.trust = np.clip(trust, blind * 0.05 * largest, largest)
        # A success keeps the last half-space of a trial: it may be at a kink still.
        self.both = np.where(hit, self.both, failures < _PATIENCE)
        self.failures = np.where(failures == _PATIENCE, 0, failures)

    def _relinearise(self, step: Array, hit: Bools) -> None:
        """Half-spaces at the trials that failed, and at perturbations that start."""
        afresh = self.failures == 0
        at = np.where(afresh[:, None], self.eta, step)
        self.old = self.old.replaced(~hit, self.plane.take(~hit))
        self.plane = self.problem.plane(self.rows, at, self.rival)
        if self.several and afresh.any():
            self.both = self.both | afresh
            start = self.rows[afresh], self.eta[afresh], self.rival[afresh]
            self.old = self.old.replaced(afresh, self.problem.plane(*start, 1))
