"""What ``-m deep``, ``-m "not slow"`` and ``-m guard`` choose.

``slow`` is written at the tests: they take above about a second. ``deep`` is decided
here, by the file of a test or by what it is parametrised with. ``guard`` runs only when
it is asked for.
"""

import inspect

import pytest

from tests.instances import DEEP

# All that these files test belongs to the deep estimators.
_DEEP_FILES = {
    "test_autoencoder.py",
    "test_cbcnet.py",
    "test_deep_certificates.py",
    "test_deep_data.py",
    "test_deep_training.py",
    "test_images.py",
    "test_part_explanation.py",
    "test_part_losses.py",
    "test_patches.py",
    "test_prob_psenn.py",
    "test_receptive_field.py",
    "test_stprotopnet.py",
}


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config, items):
    for item in items:
        if is_deep(item):
            item.add_marker("deep")
    if "guard" not in config.option.markexpr:
        _deselect(config, items, "guard")


def is_deep(item):
    """Whether a test is one of the deep estimators, by its file or its parameters."""
    if item.path.name in _DEEP_FILES or "deep" in item.path.parts:
        return True
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(_is_deep_parameter(value) for value in parameters)


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
