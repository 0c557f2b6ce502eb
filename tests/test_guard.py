"""No certificate is false: random models of every family against an attack.

A break is a fact: the perturbation and the scores are checked in 60 decimal digits, and
with the float64 predictor. Plain runs try some cases; ``pytest -m guard`` tries new ones
for an hour of one core (``GUARD_SECONDS``), from ``GUARD_SEED`` on.
"""

import os
import time

import pytest

from tests.guard.draws import draw
from tests.guard.watch import Tally, differing, watch

_SECONDS = float(os.environ.get("GUARD_SECONDS", "3600"))
_FIRST = int(os.environ.get("GUARD_SEED", "100000"))
_BLOCKS = 8
# Breaks that are known: each is to be cured, and then to be taken away here.
_STEPS = "the rounding of the steps in front is not in the slack"
_KNOWN = {14: _STEPS}


def _marked(seeds):
    for seed in seeds:
        known = [pytest.mark.xfail(reason=_KNOWN[seed])] if seed in _KNOWN else []
        yield pytest.param(seed, marks=known)


@pytest.mark.parametrize("seed", list(_marked(range(60))))
def test_nothing_breaks_a_certificate(seed):
    tally = Tally()
    watch(seed, tally)
    assert not tally.faults, "\n".join(tally.faults)


@pytest.mark.xfail(reason="sums of products of matrices depend on their shapes")
def test_radii_do_not_depend_on_the_rows_beside():
    assert not [fault for seed in range(10) for fault in differing(draw(seed), seed)]


@pytest.mark.guard
@pytest.mark.timeout(0)
@pytest.mark.parametrize("block", range(_BLOCKS))
def test_nothing_breaks_a_certificate_for_an_hour(block, record_property):
    tally, end = Tally(), time.monotonic() + _SECONDS / _BLOCKS
    seed = _FIRST + block
    while time.monotonic() < end:
        watch(seed, tally)
        seed += _BLOCKS
    for name in ("cases", "rows", "radii", "broken"):
        record_property(f"guard: {name}", getattr(tally, name))
    assert not tally.faults, "\n".join(tally.faults)
