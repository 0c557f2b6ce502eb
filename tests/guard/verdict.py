"""Whether radii are false: in 60 digits, and for the float64 predictor."""

from dataclasses import dataclass

import numpy as np
from mpmath import mp, mpf

from tests.guard.balls import length, scaled
from tests.guard.digits import DIGITS, exactly, lead, point, size
from tests.guard.search import Attack

# Rows that are looked at in 60 digits: those whose gaps the attack closes furthest.
_AT_ONCE = 12
# Where nothing can change a prediction, up to this times the size of the data.
_FAR = (1.0, 1e2, 1e4, 1e8)


@dataclass(frozen=True)
class Break:
    """A radius, and a smaller perturbation that changes the class.

    `arithmetic` is that in which it does: "real" with the stored parameters, or that of
    the "float64" predictor.
    """

    case: object
    row: int
    method: str
    arithmetic: str
    radius: float
    size: str
    delta: np.ndarray

    @property
    def excess(self):
        """Certified radius over the size of the perturbation."""
        true = float(self.size)
        return np.inf if true == 0 else self.radius / true


def broken(case, radii, seed=0):
    """Breaks of certified radii, given by method: of every row at most one a kind."""
    attack = Attack(case, seed)
    largest = np.max([np.where(np.isnan(r), 0.0, r) for r in radii.values()], axis=0)
    out = []
    for tried in _finite(case, attack, largest):
        found = attack.within(tried)
        out += list(_in_reals(case, attack, found, tried, radii))
        out += list(_in_float64(case, attack, found, tried, radii))
    return out


def _finite(case, attack, largest):
    """Sizes of balls to search: radii, and several for those that are infinite."""
    yield np.where(np.isfinite(largest), largest, 0.0)
    if np.isinf(largest).any():
        w = attack.points
        scale = np.ptp(w, axis=0).max() + np.ptp(attack.z, axis=0).max()
        stretch = np.abs(case.matrix).max()
        scale = scale / stretch if stretch > 0 else 0.0
        for far in _FAR if scale > 0 else ():
            yield np.where(np.isinf(largest), far * scale, 0.0)


def _in_reals(case, attack, found, tried, radii):
    best = found.best()
    order = best[np.argsort(found.gap[best])]
    with mp.workdps(DIGITS):
        for i in order[:_AT_ONCE]:
            row = int(found.row[i])
            own, limit = int(attack.own[row]), tried[row]
            if flips(case, row, own, unit_of(case, found.delta[i]), mpf(limit)):
                direction = unit_of(case, found.delta[i])
                yield _report(case, row, own, direction, limit, radii)
        for row in _ties(case, attack, radii):
            own = int(attack.own[row])
            nothing = exactly(np.zeros(case.rows.shape[1]))
            if lead(case.view, point(case, row, nothing), own) < 0:
                best = max(radii, key=lambda m: radii[m][row])
                yield Break(case, row, best, "real", radii[best][row], "0", nothing)


def _ties(case, attack, radii):
    """Rows with the smallest positive radii: the prediction itself may be off."""
    largest = np.max(list(radii.values()), axis=0)
    positive = np.flatnonzero(largest > 0)
    return positive[np.argsort(largest[positive])][:3]


def unit_of(case, delta):
    """Direction of a perturbation, its size 1 to all digits."""
    exact = exactly(delta)
    length = size(exact, case.norm)
    return exact / length if length > 0 else exact


def flips(case, row, own, direction, limit):
    """Whether the class changes just inside a distance, in real arithmetic."""
    inside = limit * (1 - mpf(10) ** -20)
    return lead(case.view, point(case, row, inside * direction), own) < 0


def _report(case, row, own, direction, limit, radii):
    """Shrink a perturbation along its direction, and name the largest radius."""
    low, high = mpf(0), mpf(float(limit)) * (1 - mpf(10) ** -20)
    for _ in range(60):
        middle = (low + high) / 2
        flipped = lead(case.view, point(case, row, middle * direction), own) < 0
        low, high = (low, middle) if flipped else (middle, high)
    worst = max(radii, key=lambda m: radii[m][row])
    delta = high * direction
    return Break(
        case,
        row,
        worst,
        "real",
        radii[worst][row],
        mp.nstr(size(delta, case.norm), 25),
        delta,
    )


def _in_float64(case, attack, found, tried, radii):
    """Perturbed rows as floats, those that the predictor takes for another class."""
    if not len(found.row):
        return
    size_ = length(found.delta, case.norm)
    inside = np.minimum(size_, tried[found.row] * (1 - 1e-12))
    delta = scaled(found.delta, inside, case.norm)
    moved = case.rows[found.row] + case.budgets * delta
    if case.bounds is not None:
        moved = np.clip(moved, *case.bounds)
    changed = np.flatnonzero(case.predict(moved) != attack.own[found.row])
    seen = set()
    with mp.workdps(DIGITS):
        for i in changed:
            row = int(found.row[i])
            if row in seen:
                continue
            delta = _difference(case, row, moved[i])
            worst = max(radii, key=lambda m: radii[m][row])
            true, radius = size(delta, case.norm), radii[worst][row]
            if true < radius:
                seen.add(row)
                yield Break(
                    case, row, worst, "float64", radius, mp.nstr(true, 25), delta
                )


def _difference(case, row, moved):
    """What was done to a row, exactly, in units of the budgets."""
    free = case.budgets > 0
    delta = exactly(moved) - exactly(case.rows[row])
    delta[free] = delta[free] / exactly(case.budgets)[free]
    return delta
