"""What is asked of every case: radii that are numbers and that nothing breaks."""

from dataclasses import dataclass, field

import numpy as np

from sklearn_proto.robustness import exact_radius
from tests.guard.cases import methods_of
from tests.guard.draws import draw
from tests.guard.shrink import program, shrunk
from tests.guard.verdict import broken

# Of so many cases one is also certified row by row, and enclosed.
_SELDOM = 7
# What radii of a row in other batches may differ by, as a share of the row's largest
# radius: the guide, "Batches". Where the slope of a gap is 0 up to rounding, a local
# search may end anywhere, and so may what starts from it; "auto" then ends anywhere in
# the hundredth that it leaves.
_STATED, _STATED_OF_AUTO = 1e-3, 1e-2
_FROM_LOCAL_SEARCH = ("trust_region", "weighted")


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
    if seed % _SELDOM == 0:
        faults += [*differing(case, seed), *_outside_of_enclosures(case)]
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


def differing(case, seed):
    """Methods and numbers of rows whose radii depend on the rows beside them.

    Rows alone, and among 25 and 26, against the whole batch.
    """
    rng = np.random.default_rng(seed)
    radii = radii_of(case)
    best = np.max(list(radii.values()), axis=0)
    for method, whole in radii.items():
        stated = _STATED_OF_AUTO if method == "auto" else _STATED
        for size in (1, 25, 26):
            if size > len(case.rows) or method in _FROM_LOCAL_SEARCH:
                continue
            rows = rng.choice(len(case.rows), size, replace=False)
            other = case.radii(method, rows)
            with np.errstate(invalid="ignore"):
                apart = np.abs(other - whole[rows]) > stated * best[rows]
            if apart.any():
                yield f"{method} differs for {apart.sum()} of {size} rows by the batch"


def _outside_of_enclosures(case):
    """Bounds of `exact_radius` the wrong way around, or broken."""
    few = case.take(slice(4))
    auto = few.radii("auto")
    if few.radii("exact") is None or np.isinf(auto).all():
        return
    found = exact_radius(few.model, few.rows, max_nodes=100, **few.ball)
    if not (found.lower <= found.upper).all():
        yield f"exact_radius has lower {found.lower} and upper {found.upper}"
    if not (auto * (1 - _STATED_OF_AUTO) <= found.lower).all():
        yield f"auto {auto} is above the lower bound {found.lower} of exact_radius"
    if not (auto <= found.upper).all():
        yield f"auto {auto} is above the upper bound {found.upper} of exact_radius"
    yield from _of_breaks(broken(few, {"exact": found.lower}))
