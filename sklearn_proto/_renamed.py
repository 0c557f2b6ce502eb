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
        warn_of_old_name(f"{module}.{name}", f"{module}.{new}", stacklevel=4)
        return getattr(import_module(module), new)

    return find


def warn_of_old_name(old: str, new: str, *, stacklevel: int) -> None:
    """Warn a user, who is so many calls away, that something has another name now."""
    warnings.warn(
        f"{old} is now {new}; the old name goes with version 0.2.",
        FutureWarning,
        stacklevel=stacklevel,
    )
