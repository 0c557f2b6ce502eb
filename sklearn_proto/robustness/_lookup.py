"""Methods by their names, and the errors where there is no such proof."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from sklearn_proto._validation import shown

T = TypeVar("T")


def look_up(table: Mapping[str, T], method: str, names: Iterable[str]) -> T:
    """Entry of a method; `names` are all methods that the model's family knows."""
    if method not in table:
        raise ValueError(
            f"method={shown(method)} is not a certificate; use one of {list(names)}."
        )
    return table[method]


def require(method: str, refusal: str | None) -> None:
    """Raise the reason why a method does not apply, if there is one."""
    if refusal is not None:
        raise ValueError(
            f"method={shown(method)} has no proof for this model: {refusal}."
        )
