"""One explained row in words."""

from collections.abc import Callable
from typing import Any

import numpy as np

from sklearn_proto._drawing._text import brief
from sklearn_proto.explain._explanation import Explanation


def describe(
    row: Explanation,
    k: int = 3,
    say: Callable[[Any, int], str] | None = None,
) -> str:
    """Say what was predicted, what it beat, and which prototypes decided.

    `say` makes words of the row and a prototype.
    """
    winner, rival = row.winners[0], row.runners_up[0]
    scores = row.scores[0]
    lead = scores[winner] - scores[rival]
    parts = [
        f"Row {row.row_indices[0]} is classified as {name(row.classes[winner])}: "
        f"score {scores[winner]:.3g} against {scores[rival]:.3g} for "
        f"{name(row.classes[rival])}, a lead of {lead:.3g}."
    ]
    named = [(say or _prototype)(row, int(j)) for j in row.top(k)[0]]
    parts.append("Most of the lead is decided by " + "; ".join(named) + ".")
    offset = row.baseline[winner] - row.baseline[rival]
    if offset:
        parts.append(f"The baseline adds {offset:+.3g}.")
    return " ".join(parts)


def _prototype(row: Explanation, j: int) -> str:
    phi = row.similarities[0, j]
    return (
        f"prototype {j} of {name(row.prototype_labels[j])}, which the row "
        f"{presence(phi)} (similarity {phi:.2f}), {verdict(row.decisive[0, j])}"
    )


def verdict(effect: float) -> str:
    """Which side a prototype takes, and how much it adds."""
    return f"{'for' if effect >= 0 else 'against'} it by {abs(effect):.3g}"


def presence(similarity: float) -> str:
    """Words between a row and a prototype."""
    how = ("is quite unlike", "is unlike", "is partly like", "is like")
    return how[_grade(similarity)]


def likeness(similarity: float) -> str:
    """Words between a part of an image and a prototype."""
    how = ("looks quite unlike", "looks unlike", "looks partly like", "looks like")
    return how[_grade(similarity)]


def _grade(similarity: float) -> int:
    return int(np.searchsorted((0.1, 0.35, 0.65), similarity, side="right"))


def name(label: Any) -> str:
    """Class label as a reader wants it: strings quoted, numbers plain."""
    return repr(str(label)) if isinstance(label, str) else f"class {label}"


def headline(row: Explanation) -> str:
    """Prediction and runner-up with their scores."""
    winner, rival = row.winners[0], row.runners_up[0]
    return (
        f"{brief(name(row.classes[winner]))} ({row.scores[0, winner]:.3g}) rather than "
        f"{brief(name(row.classes[rival]))} ({row.scores[0, rival]:.3g})"
    )


def listed(words: list[str]) -> str:
    """Words as a list in a sentence: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
