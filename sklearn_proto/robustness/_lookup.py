"""Methods by their names, and the errors where there is no such proof."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from sklearn_proto._renamed import warn_of_old_name
from sklearn_proto._validation import shown

T = TypeVar("T")

_RENAMED = {"shared": "patchwise"}
# From the warning to the line that calls `certified_radius`, decorators between.
_CALLER_OF_CERTIFIED_RADIUS = 7


def current_name(method: str) -> str:
    """Name that a method has now: an old one works for a release, with a warning."""
    if method not in _RENAMED:
        return method
    new = _RENAMED[method]
    warn_of_old_name(
        f"method={method!r}", repr(new), stacklevel=_CALLER_OF_CERTIFIED_RADIUS
    )
    return new


def look_up(table: Mapping[str, T], method: str, names: Iterable[str]) -> T:
    """Entry of a method; `names` are all methods that the model's family knows."""
    if method not in table:
        raise ValueError(
            f"method={shown(method)} is not a certificate; use one of {list(names)}."
        )
    return table[method]


def require(method: str, reason: str | None) -> None:
    """Raise the reason why a method does not apply, if there is one."""
    if reason is not None:
        raise ValueError(
            f"method={shown(method)} has no proof for this model: {reason}."
        )


def added(table: Mapping[str, T], built_in: Iterable[T]) -> list[T]:
    """Entries that were put into a table from outside."""
    known = list(built_in)
    return [entry for entry in table.values() if all(entry is not k for k in known)]
