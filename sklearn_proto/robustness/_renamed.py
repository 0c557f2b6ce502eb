"""Old public names, which go on for one release with a FutureWarning."""

from collections.abc import Mapping
from typing import Any
from warnings import warn

_CLASSES_AND_FUNCTIONS = {
    "AffineFront": "AffinePreprocessing",
    "affine_front": "affine_preprocessing",
}
_METHODS = {"shared": "patchwise"}

# From the warning to the line that calls `certified_radius`, decorators between.
_CALLER_OF_CERTIFIED_RADIUS = 6


def renamed_attribute(module: str, name: str, namespace: Mapping[str, Any]) -> Any:
    """Attribute of a module under its new name, asked for by `name`.

    Raises
    ------
    AttributeError
        If it is no old name either.
    """
    if name not in _CLASSES_AND_FUNCTIONS:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new = _CLASSES_AND_FUNCTIONS[name]
    warn(_message(f"{module}.{name}", f"{module}.{new}"), FutureWarning, stacklevel=3)
    return namespace[new]


def renamed_method(method: str) -> str:
    """Name that a certificate of ``method=`` has now."""
    if method not in _METHODS:
        return method
    new = _METHODS[method]
    warn(
        _message(f"method={method!r}", f"method={new!r}"),
        FutureWarning,
        stacklevel=_CALLER_OF_CERTIFIED_RADIUS,
    )
    return new


def _message(old: str, new: str) -> str:
    return f"{old} was renamed; use {new}. The old name will be removed in 0.2."
