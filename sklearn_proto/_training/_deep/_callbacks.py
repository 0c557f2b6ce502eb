"""Callbacks that users give."""

from inspect import isclass
from typing import Any

from skorch.callbacks import Callback

from sklearn_proto._validation import shown


def checked_callbacks(given: Any) -> tuple[Any, ...]:
    """Check that all are callbacks of skorch, or pairs of a name and one.

    Raises
    ------
    ValueError
        If one is not.
    """
    found = tuple(given or ())
    for entry in found:
        named = isinstance(entry, tuple) and len(entry) == 2
        callback = entry[1] if named else entry
        kind = callback if isclass(callback) else type(callback)
        if not issubclass(kind, Callback) or (named and not isinstance(entry[0], str)):
            raise ValueError(
                f"callbacks={shown(given)} holds {shown(entry)}; every entry must be a "
                "skorch callback, or a pair of a name and one."
            )
    return found
