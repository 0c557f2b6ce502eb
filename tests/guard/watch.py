"""What is asked of every case: radii that are numbers and that nothing breaks."""

from dataclasses import dataclass, field

import numpy as np

from tests.guard.cases import methods_of
from tests.guard.draws import draw
from tests.guard.shrink import program, shrunk
from tests.guard.verdict import broken


@dataclass
class Tally:
    """What was tried, and what was found."""

    cases: int = 0
    rows: int = 0
    radii: int = 0
    broken: int = 0
    faults: list[str] = field(default_factory=list)


def watch(seed, tally, n_rows=None):
    """Try all methods on the case of a seed, and on no more rows than `n_rows`.

    What is wrong goes to the tally.
    """
    case = draw(seed).take(slice(n_rows))
    radii = radii_of(case)
    breaks = broken(case, radii, seed)
    tally.cases += 1
    tally.rows += len(case.rows)
    tally.radii += sum(map(len, radii.values()))
    tally.broken += len({found.row for found in breaks})
    faults = [*_no_numbers(radii), *_of_breaks(breaks)]
    tally.faults += [f"seed {seed}: {fault}" for fault in faults]


def radii_of(case):
    """Radii (n,) of every method that has a proof."""
    radii = {method: case.radii(method) for method in methods_of(case.view)}
    return {method: found for method, found in radii.items() if found is not None}


def _no_numbers(radii):
    for method, found in radii.items():
        wrong = np.isnan(found) | (found < 0)
        if wrong.any():
            yield f"{method} gives {wrong.sum()} radii that are NaN or negative"


def _of_breaks(breaks):
    if breaks:
        worst = max(breaks, key=lambda found: found.excess)
        yield f"{len(breaks)} breaks, the worst:\n{program(shrunk(worst))}"


def differing(case, seed, rtol=0.0):
    """Methods and numbers of rows whose radii depend on the rows beside them.

    Rows alone, and among 25 and 26, against the whole batch.
    """
    rng = np.random.default_rng(seed)
    for method, found in radii_of(case).items():
        for size in (1, 25, 26):
            if size >= len(case.rows):
                continue
            rows = rng.choice(len(case.rows), size, replace=False)
            other, whole = case.radii(method, rows), found[rows]
            equal = (other == whole) | (np.abs(other - whole) <= rtol * np.abs(whole))
            if not equal.all():
                yield f"{method}: {(~equal).sum()} of {size}"
