"""Grow the number of prototypes where held-out rows are lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._growth._allocation import allocate
from sklearn_proto._growth._path import PrototypePath, chosen_size, paired_gaps
from sklearn_proto._growth._splits import Rows, splits

Array = NDArray[np.float64]
Counts = NDArray[np.intp]  # (C,)

# Prototypes of a class, on average, beyond which nobody reads them.
_MOST_PER_CLASS = 20
# Rows of a class for each of its prototypes: none of them is a row by heart.
_ROWS_EACH = 2
# Sizes beyond the preferred one after which growth ends.
_PATIENCE = 2


class Trial(NamedTuple):
    """What a model does on n rows that it was not trained on."""

    wrong: NDArray[np.bool_]  # (n,)
    loss: Array  # (n,)
    certified: NDArray[np.bool_] | None = None  # (n,)


class Candidate(Protocol):
    """A model that can be tried with any number of prototypes."""

    def try_counts(self, counts: Counts, train: Rows, held_out: Rows) -> Trial | None:
        """Train on some rows, predict others; None if the user interrupts."""


@dataclass(frozen=True)
class Growth:
    """The sizes that a candidate was tried with so far, smallest first.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Index of the class of each row that was held out.
    weight : ndarray of shape (n,)
        Weights of those rows.
    largest : ndarray of shape (C,)
        Most prototypes that each class may have.
    sizes : list of (ndarray of shape (C,), Trial)
        Counts, and what they did on those rows.
    """

    y: NDArray[np.intp]
    weight: Array
    largest: Counts
    sizes: list[tuple[Counts, Trial]]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which rows each size gets wrong, of shape (m, n)."""
        return np.stack([trial.wrong for _, trial in self.sizes])

    def preferred(self, preference: str) -> int:
        """Index of the size to choose of those tried."""
        return chosen_size(*paired_gaps(self.wrong, self.weight), preference)

    def next_counts(self, most: int) -> Counts:
        """Double the last counts, most for the classes that lose most, if they may."""
        counts, trial = self.sizes[-1]
        lost = self.weight * trial.loss
        loss = np.bincount(self.y, lost, minlength=len(counts)).astype(np.float64)
        total = int(counts.sum())
        return allocate(counts, loss, self.largest, min(total, most - total))


def grow(
    candidate: Candidate,
    classes: NDArray[Any],
    y: NDArray[np.intp],
    weight: Array,
    *,
    max_prototypes: int | None,
    preference: str,
    seed: int,
    patience: int = _PATIENCE,
) -> PrototypePath:
    """Double the prototypes, most of them for the classes that lose most, and choose.

    One of each class at first. What is trained with some counts depends on the counts
    alone, not on smaller models: going on from those takes as long, and ends in worse
    optima, since prototypes stay where the first few were needed.

    Parameters
    ----------
    candidate : Candidate
        What to try.
    classes : ndarray of shape (C,)
        Labels.
    y : ndarray of shape (n,)
        Index of the class of each distinct row.
    weight : ndarray of shape (n,)
        Weights.
    max_prototypes : int or None
        Largest model; None for 20 a class on average.
    preference : {"fewer", "accuracy"}
        See `chosen_size`.
    seed : int
        Seeds the splits.
    patience : int
        Sizes to try beyond the preferred one.

    Raises
    ------
    ValueError
        If `max_prototypes` leaves a class without one.
    """
    if max_prototypes is not None and max_prototypes < len(classes):
        raise ValueError(
            f"max_prototypes={max_prototypes} is less than the {len(classes)} classes, "
            "each of which needs a prototype."
        )
    most = len(classes) * _MOST_PER_CLASS if max_prototypes is None else max_prototypes
    parts = splits(y, seed)
    growth = _nothing_tried(classes, y, weight, parts)
    for counts in _doubling(growth, most):
        trial = _tried(candidate, counts, parts)
        if trial is None:
            break
        growth.sizes.append((counts, trial))
        if len(growth.sizes) - 1 - growth.preferred(preference) >= patience:
            break
    return _path(growth, classes, preference)


def _nothing_tried(
    classes: NDArray[Any],
    y: NDArray[np.intp],
    weight: Array,
    parts: list[tuple[Rows, Rows]],
) -> Growth:
    held_out = np.concatenate([y[:0], *(out for _, out in parts)])
    trained = [np.bincount(y[train], minlength=len(classes)) for train, _ in parts]
    fewest = np.min(trained, axis=0) if parts else np.ones(len(classes), dtype=np.intp)
    largest = np.maximum(fewest // _ROWS_EACH, 1)
    return Growth(y[held_out], _as_many(y, weight, held_out), largest, [])


def _as_many(y: NDArray[np.intp], weight: Array, held_out: Rows) -> Array:
    """Weights of rows that are held out, by which each class counts as in all rows."""
    chosen = weight[held_out]
    there = np.bincount(y[held_out], chosen, minlength=len(y))
    share = np.bincount(y, weight)[y[held_out]] / there[y[held_out]]
    return np.asarray(chosen * share)


def _doubling(growth: Growth, most: int) -> Iterator[Counts]:
    """Yield counts to try, each after the trial of the one before was added."""
    counts = np.ones_like(growth.largest)
    yield counts
    while True:
        grown = growth.next_counts(most)
        if np.array_equal(grown, counts):
            return
        counts = grown
        yield counts


def _tried(
    candidate: Candidate, counts: Counts, parts: list[tuple[Rows, Rows]]
) -> Trial | None:
    """Try counts on all rows that are held out, in the order of the parts."""
    trials: list[Trial] = []
    for train, held_out in parts:
        trial = candidate.try_counts(counts, train, held_out)
        if trial is None:
            return None
        trials.append(trial)
    if not trials:
        return None
    wrong, loss, certified = zip(*trials, strict=True)
    return Trial(
        np.concatenate(wrong),
        np.concatenate(loss),
        None if certified[0] is None else np.concatenate(certified),
    )


def _path(growth: Growth, classes: NDArray[Any], preference: str) -> PrototypePath:
    if not growth.sizes:
        return _unknown(classes)
    share = growth.weight / growth.weight.sum()
    gap, std_error = paired_gaps(growth.wrong, growth.weight)
    trials = [trial for _, trial in growth.sizes]
    certified = [t.certified @ share for t in trials if t.certified is not None]
    return PrototypePath(
        classes=classes,
        n_prototypes_per_class=np.stack([counts for counts, _ in growth.sizes]),
        accuracy=1.0 - growth.wrong @ share,
        accuracy_gap=gap,
        gap_std_error=std_error,
        loss=np.stack([trial.loss for trial in trials]) @ share,
        certified_accuracy=np.array(certified) if certified else None,
        chosen=chosen_size(gap, std_error, preference),
    )


def _unknown(classes: NDArray[Any]) -> PrototypePath:
    """One prototype a class: nothing was held out, or the first trial interrupted."""
    unknown = np.full(1, np.nan)
    return PrototypePath(
        classes=classes,
        n_prototypes_per_class=np.ones((1, len(classes)), dtype=np.intp),
        accuracy=unknown,
        accuracy_gap=unknown,
        gap_std_error=unknown,
        loss=unknown,
        certified_accuracy=None,
        chosen=0,
    )
