"""What the inner loop leaves out: cases that repeat a quick one in breadth."""

import pytest


def quick_are(quick, values):
    """Parameters of a test, of which all but the quick ones are slow."""
    slow = pytest.mark.slow
    return [v if v in quick else pytest.param(v, marks=slow) for v in values]
