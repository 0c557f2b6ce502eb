"""The way back through the steps of a pipeline, column by column.

A step may be undone for some of its columns only: a selection forgets columns, and a
ColumnTransformer may scale numbers, which can be undone, beside categories that it
encodes, between which there is nothing. So every step is asked which of its inputs
follow from its outputs, and which of its outputs lead nowhere and stay.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_proto._inputs._containers import without_names
from sklearn_proto._inputs._pipelines import passes

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Rows of more numbers than this, such as counts of all words, nobody would read.
_WIDEST = 10_000
# What transformers raise for numbers that they cannot undo.
_REFUSALS = (AttributeError, IndexError, KeyError, TypeError, ValueError)


class Undone(NamedTuple):
    """A step taken back.

    Parameters
    ----------
    back : callable
        Maps outputs (n, m) of the step to its inputs (n, d).
    known : ndarray of shape (d,)
        Inputs that follow from outputs; `back` says anything of the others.
    stays : ndarray of shape (m,)
        Outputs from which no input follows, though they are known.
    where : tuple of str
        Transformers whose outputs stay.
    """

    back: Callable[[Array], Array]
    known: Mask
    stays: Mask
    where: tuple[str, ...] = ()


class _Side(NamedTuple):
    """A part of a step of several parts side by side."""

    step: Any
    columns: NDArray[np.intp]  # that it takes
    outputs: slice
    weight: float


def undo(step: Any, points: Array, known: Mask) -> Undone | None:
    """Undo a fitted step at `points`, of whose columns some are known.

    Parameters
    ----------
    step : transformer
        Fitted.
    points : ndarray of shape (K, m)
        Outputs of the step.
    known : ndarray of shape (m,)
        Which of them mean something.

    Returns
    -------
    Undone or None
        None if no input follows.
    """
    if passes(step):
        return Undone(lambda values: values, known, np.zeros_like(known))
    if isinstance(step, FrozenEstimator):
        return undo(step.estimator, points, known)
    if isinstance(step, Pipeline):
        return _undo_in_turn([inner for _, inner in step.steps], points, known)
    if isinstance(step, SelectorMixin):
        return _unselect(step.get_support(), known)
    try:
        if isinstance(step, ColumnTransformer | FeatureUnion):
            return _undo_sides(step, points, known)
        return _undo_one(step, points, known)
    except _REFUSALS:
        return None


def dense(X: Any) -> NDArray[Any]:
    """Rows as an ndarray."""
    return np.asarray(X.toarray() if sparse.issparse(X) else X)


def called(step: Any) -> str:
    """Class of a step; of a pipeline, that of its last."""
    if isinstance(step, Pipeline):
        inner = [last for _, last in step.steps if not passes(last)]
        return called(inner[-1]) if inner else "passthrough"
    if isinstance(step, FrozenEstimator):
        return called(step.estimator)
    return step if isinstance(step, str) else type(step).__name__


def _undo_in_turn(steps: list[Any], points: Array, known: Mask) -> Undone | None:
    """Undo a pipeline, all of it or nothing."""
    backs: list[Callable[[Array], Array]] = []
    stays = np.zeros_like(known)
    for step in reversed(steps):
        undone = undo(step, points, known)
        if undone is None or undone.stays.any():
            return None
        backs.append(undone.back)
        points, known = undone.back(points), undone.known

    def back(values: Array) -> Array:
        for one in backs:
            values = one(values)
        return values

    return Undone(back, known, stays)


def _unselect(support: Mask, known: Mask) -> Undone | None:
    """Put columns where they came from, beside those that are forgotten."""
    if len(support) > _WIDEST or not known.any():
        return None
    back = _placed([(np.flatnonzero(support), lambda values: values)], len(support))
    found = np.zeros(len(support), dtype=bool)
    found[support] = known
    return Undone(back, found, np.zeros_like(known))


def _undo_one(step: Any, points: Array, known: Mask) -> Undone | None:
    """Undo a step by its own ``inverse_transform``, if that leads back."""
    width = getattr(step, "n_features_in_", None)
    if not hasattr(step, "inverse_transform") or width is None or width > _WIDEST:
        return None

    def back(values: Array) -> Array:
        # Prototypes are arrays, even where a frame was fitted.
        with without_names():
            return np.asarray(dense(step.inverse_transform(values)), dtype=np.float64)

    zeros, ones = (np.where(known, points, fill) for fill in (0.0, 1.0))
    rows, others = back(zeros), back(ones)
    with without_names():
        again = dense(step.transform(rows))
    if rows.shape[1:] != (width,) or again.shape != points.shape:
        return None
    # There and back must lead home: a category between two others does not.
    if not np.allclose(again[:, known], points[:, known], rtol=1e-6):
        return None
    same = np.isclose(rows, others, rtol=1e-9, atol=0.0)
    found = np.asarray(same.all(axis=0) | known.all())
    return Undone(back, found, np.zeros_like(known)) if found.any() else None


def _undo_sides(step: Any, points: Array, known: Mask) -> Undone | None:
    """Undo the parts of a step, each where it can be."""
    width = int(step.n_features_in_)
    if width > _WIDEST:
        return None
    found, stays = np.zeros(width, dtype=bool), np.zeros_like(known)
    rows, backs, where = np.zeros((len(points), width)), [], []
    for part, columns, outputs, weight in _sides(step):
        given, mask = points[:, outputs] / weight, known[outputs]
        undone = undo(part, given, mask)
        if undone is None or undone.stays.any() or not undone.known.any():
            undone = None
        else:
            new = undone.back(given)[:, undone.known]
            at = columns[undone.known]
            both = found[at]
            if not np.allclose(rows[:, at[both]], new[:, both], rtol=1e-6):
                undone = None  # Two parts say different things of one column.
        if undone is None:
            stays[outputs] = mask
            where += [called(part)] * bool(mask.any())
            continue
        found[at], rows[:, at] = True, new
        backs.append((at, _of_part(undone, outputs, weight)))
    return Undone(_placed(backs, width), found, stays, tuple(dict.fromkeys(where)))


def _of_part(undone: Undone, outputs: slice, weight: float) -> Callable[[Array], Array]:
    return lambda values: undone.back(values[:, outputs] / weight)[:, undone.known]


def _placed(
    parts: list[tuple[NDArray[np.intp], Callable[[Array], Array]]], width: int
) -> Callable[[Array], Array]:
    """Map that fills some columns of rows that are this wide."""

    def back(values: Array) -> Array:
        rows = np.zeros((len(values), width))
        for columns, part in parts:
            rows[:, columns] = part(values)
        return rows

    return back


def _sides(step: Any) -> Iterable[_Side]:
    """Parts of a ColumnTransformer or FeatureUnion that have outputs."""
    weights = step.transformer_weights or {}
    if isinstance(step, ColumnTransformer):
        # scikit-learn's own reading of names, slices, masks and callables.
        columns = step._transformer_to_input_indices
        for name, part, _ in step.transformers_:
            outputs = step.output_indices_[name]
            if outputs.stop > outputs.start:
                at = np.asarray(columns[name], dtype=np.intp)
                yield _Side(part, at, outputs, weights.get(name, 1.0))
        return
    start = 0
    for name, part in step.transformer_list:
        if isinstance(part, str) and part == "drop":
            continue
        at = np.arange(step.n_features_in_)
        width = len(at) if passes(part) else len(part.get_feature_names_out())
        yield _Side(part, at, slice(start, start + width), weights.get(name, 1.0))
        start += width
