"""Shared fixtures, and how the suite runs (`tests.markers`, `tests.workers`)."""

import functools
from collections import Counter

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from tests.data import three_classes
from tests.instances import instance
from tests.markers import pytest_collection_modifyitems  # noqa: F401
from tests.workers import pytest_cmdline_main  # noqa: F401

# The processes of pytest-xdist share the cores: with more threads they would wait for
# each other, and small operations take thirty times as long.
torch.set_num_threads(1)
threadpool_limits(1)


@functools.cache
def fitted(name):
    return instance(name).fit(*three_classes())


@pytest.fixture
def model(name):
    """The configuration `name`, fitted once per process: do not change it."""
    return fitted(name)


@pytest.fixture(autouse=True)
def _same_random_numbers():
    """Let what draws from the global generators draw the same in every run."""
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _same_defaults():
    """Leave no global torch setting behind."""
    threads = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == threads
    assert torch.get_default_dtype() == torch.float32


def pytest_terminal_summary(terminalreporter):
    """Say how much the guard tried, summed over processes."""
    tried = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            tried.update(
                {name: n for name, n in report.user_properties if "guard" in name}
            )
    for name, n in tried.items():
        terminalreporter.write_line(f"{name} {n:,}")
