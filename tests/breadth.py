"""What the inner loop leaves out: cases that repeat a quick one in breadth."""

import pytest


def quick_are(quick, values):
    """Parameters of a test, of which all but the quick ones are slow."""
    return [value if value in quick else _slow(value) for value in values]


def _slow(value):
    values = value if isinstance(value, tuple) else (value,)
    return pytest.param(*values, marks=pytest.mark.slow)
