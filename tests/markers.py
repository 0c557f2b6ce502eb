"""What ``-m deep``, ``-m "not slow"`` and ``-m guard`` choose.

``slow`` is written at the tests that take above about a second, and at the cases that
repeat a quick one in breadth (`tests.breadth`, and `tests.instances` for every
configuration but the first of its estimator); besides, all of a model that is slow in
every test is. ``deep`` is decided here, by the file of a test or by what it is
parametrised with. ``guard`` runs only when it is asked for.
"""

import inspect

import pytest

from tests.instances import DEEP

# All that these test belongs to the deep estimators.
_DEEP_FOLDERS = {"deep", "parts"}
_DEEP_FILES = {"test_part_explanation.py"}

# Every prediction bounds the norms of its convolutions.
_SLOW_INSTANCES = {"cbcnet-lipschitz"}


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config, items):
    for item in items:
        if is_deep(item):
            item.add_marker("deep")
        if _SLOW_INSTANCES.intersection(_words(item)):
            item.add_marker("slow")
    if "guard" not in config.option.markexpr:
        _deselect(config, items, "guard")


def is_deep(item):
    """Whether a test is one of the deep estimators, by its file or its parameters."""
    place = item.path.relative_to(item.config.rootpath)
    if place.name in _DEEP_FILES or _DEEP_FOLDERS & {*place.parts}:
        return True
    return any(_is_deep_parameter(value) for value in _parameters(item))


def _parameters(item):
    return list(item.callspec.params.values()) if hasattr(item, "callspec") else []


def _words(item):
    return [value for value in _parameters(item) if isinstance(value, str)]


def _is_deep_parameter(value):
    if isinstance(value, str):
        return value in DEEP
    estimator = value if inspect.isclass(value) else type(value)
    return estimator.__module__.startswith("sklearn_proto.deep.")


def _deselect(config, items, marker):
    chosen = [item for item in items if not item.get_closest_marker(marker)]
    config.hook.pytest_deselected(
        items=[item for item in items if item.get_closest_marker(marker)]
    )
    items[:] = chosen
