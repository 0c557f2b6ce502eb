"""No certificate is false: random models of every family against an attack.

A break is a fact: the perturbation and the scores are checked in 60 decimal digits, and
with the float64 predictor. Plain runs try some cases; ``pytest -m guard`` tries others
for an hour of one core (``GUARD_SECONDS``), from ``GUARD_SEED`` on.
"""

import os
import time

import numpy as np
import pytest

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness import exact_radius
from tests.breadth import quick_are
from tests.guard.oracles import draw_affine, true_radius
from tests.guard.verdict import broken
from tests.guard.watch import Tally, radii_of, watch
from tests.views import ViewClassifier

_SECONDS = float(os.environ.get("GUARD_SECONDS", "3600"))
_FIRST = int(os.environ.get("GUARD_SEED", "100000"))
_BLOCKS = 8


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_nothing_breaks_a_certificate(seed):
    tally = Tally()
    watch(seed, tally, n_rows=26)
    assert not tally.faults, "\n".join(tally.faults)


@pytest.mark.parametrize("seed", quick_are(range(4), range(12)))
def test_no_radius_exceeds_the_distance_to_the_nearest_hyperplane(seed):
    case = draw_affine(seed)
    largest = np.max(list(radii_of(case).values()), axis=0)
    for row, own in enumerate(case.predict(case.rows)):
        assert largest[row] <= true_radius(case, row, own)


@pytest.mark.parametrize("seed", quick_are(range(3), [0, 1, 2, *range(4, 12)]))
def test_the_attack_breaks_what_exceeds_it(seed):
    """The guard is worth something: it misses an excess of no more than 1e-9."""
    case = draw_affine(seed).take(slice(12))
    label = case.predict(case.rows)
    true = np.array([float(true_radius(case, *each)) for each in enumerate(label)])
    finite = (true > 0) & np.isfinite(true)
    case, true = case.take(finite), true[finite]
    larger = broken(case, {"larger": true * (1 + 1e-9)})
    assert {b.row for b in larger if b.arithmetic == "real"} == set(range(len(true)))
    smaller = broken(case, {"smaller": true * (1 - 1e-9)})
    assert not [b for b in smaller if b.arithmetic == "real"]


def test_nothing_is_exact_where_nothing_can_change():
    view = NearestPrototypeView(np.zeros((1, 2)), np.array([0]), 2)
    found = exact_radius(ViewClassifier(view), np.ones((1, 2)))
    assert found.lower == found.upper == np.inf


@pytest.mark.guard
@pytest.mark.timeout(0)
@pytest.mark.parametrize("block", range(_BLOCKS))
def test_nothing_breaks_a_certificate_for_an_hour(block, record_property):
    tally, end = Tally(), time.monotonic() + _SECONDS / _BLOCKS
    seed = _FIRST + block
    while time.monotonic() < end:
        try:
            watch(seed, tally)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        seed += _BLOCKS
    for name in ("cases", "rows", "radii", "broken"):
        record_property(f"guard: {name}", getattr(tally, name))
    assert not tally.faults, "\n".join(tally.faults)
