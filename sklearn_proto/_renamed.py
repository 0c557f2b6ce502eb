"""Public names that were renamed: the old ones work for a release, with a warning."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module


def old_names(module: str, renamed: Mapping[str, str]) -> Callable[[str], object]:
    """Make a module's ``__getattr__`` that knows its old names.

    Parameters
    ----------
    module : str
        Name of the module.
    renamed : mapping of str to str
        What each old name is called now.
    """

    def find(name: str) -> object:
        if name not in renamed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new = renamed[name]
        warnings.warn(
            f"{module}.{name} is now {module}.{new}; the old name goes with version "
            "0.2.",
            FutureWarning,
            stacklevel=3,
        )
        return getattr(import_module(module), new)

    return find
