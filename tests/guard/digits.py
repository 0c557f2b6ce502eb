"""The models in real arithmetic, to 60 decimal digits, with their stored parameters."""

from functools import singledispatch

import numpy as np
from mpmath import mp, mpf
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_proto._views import NearestPrototypeView, SimilarityView

DIGITS = 60


def exactly(array):
    """Floats as real numbers, in an array of objects."""
    flat = [mpf(float(v)) for v in np.ravel(array)]
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(np.shape(array))


def size(delta, norm):
    """``norm_p`` of a vector of real numbers."""
    entries = [abs(v) for v in delta]
    if norm == np.inf:
        return max(entries)
    if norm == 1:
        return mp.fsum(entries)
    p = mpf(float(norm))
    return mp.fsum(v**p for v in entries) ** (1 / p)


@singledispatch
def lead(view, z, own):
    """Gap of class `own` at the point z: negative where another class wins."""
    raise NotImplementedError(type(view))


@lead.register
def _(view: SimilarityView, z, own):
    phi = [mp.exp(e) for e in exponents(view, z)]
    total = mp.fsum(phi)
    coefficients, offsets = exactly(view.coefficients), exactly(view.offsets)

    def gap(a, b):
        weights = coefficients[a] - coefficients[b]
        constant = offsets[a] - offsets[b]
        # Normalised, all by a common positive factor.
        constant = constant * total if view.normalized else constant
        return mp.fsum([constant, *(g * p for g, p in zip(weights, phi, strict=True))])

    c, q = offsets.shape
    mine = [(own, a) for a in range(q)]
    rivals = [(j, b) for j in range(c) if j != own for b in range(q)]
    return min(max(gap(a, b) for a in mine) for b in rivals)


@lead.register
def _(view: NearestPrototypeView, z, own):
    d = list(dissimilarities(view, z))
    mine = min(v for v, c in zip(d, view.owners, strict=True) if c == own)
    others = [v for v, c in zip(d, view.owners, strict=True) if c != own]
    return min(others, default=mp.inf) - mine


def exponents(view, z):
    for k, w in enumerate(exactly(view.prototypes)):
        apart, width = z - w, mpf(float(view.sigma[k]))
        if view.omega is not None:
            apart = exactly(view.omega) @ apart
        square = mp.fsum(v * v for v in apart)
        if view.tangents is not None:
            square = _less_along(square, apart, view.tangents[k])
        root = view.metric != "sqeuclidean"
        yield -(mp.sqrt(square) if root else square) / width


def _less_along(square, apart, tangents):
    """``|x|^2 - |T^T x|^2``, which is not negative but for the rounding of T."""
    along = apart @ exactly(tangents)
    return max(square - mp.fsum(v * v for v in along), mpf(0))


def dissimilarities(view, z):
    """Sums of absolute differences, or squares."""
    for k, w in enumerate(exactly(view.prototypes)):
        apart = z - w
        if view.metric == "manhattan":
            yield mp.fsum(abs(v) for v in apart)
            continue
        if view.omega is not None:
            omega = view.omega if view.omega.ndim == 2 else view.omega[k]
            apart = exactly(omega) @ apart
        square = mp.fsum(v * v for v in apart)
        if view.tangents is not None:
            square = _less_along(square, apart, view.tangents[k])
        yield square


@singledispatch
def mapped(step, x):
    """Apply a fitted affine transformer to a point."""
    raise NotImplementedError(type(step))


@mapped.register
def _(step: StandardScaler, x):
    return (x - exactly(step.mean_)) / exactly(step.scale_)


@mapped.register
def _(step: MinMaxScaler, x):
    return x * exactly(step.scale_) + exactly(step.min_)


@mapped.register
def _(step: PCA, x):
    out = exactly(step.components_) @ (x - exactly(step.mean_))
    if not step.whiten:
        return out
    return out / np.array([mp.sqrt(v) for v in exactly(step.explained_variance_)])


@mapped.register
def _(step: ColumnTransformer, x):
    columns, parts = step._transformer_to_input_indices, []
    for name, each, _ in step.transformers_:
        chosen = x[columns[name]]
        if isinstance(each, str) and each == "drop":
            continue
        passes = isinstance(each, str) or not hasattr(each, "scale_")
        parts.append(chosen if passes else mapped(each, chosen))
    return np.concatenate(parts)


def point(case, row, delta):
    """Where a perturbation of real numbers moves a row, as the model sees it."""
    x = exactly(case.rows[row]) + exactly(case.budgets) * delta
    if case.bounds is not None:
        lo, hi = (exactly(np.broadcast_to(b, x.shape)) for b in case.bounds)
        x = np.array([min(max(v, a), b) for v, a, b in zip(x, lo, hi, strict=True)])
    for step in case.steps:
        x = mapped(step, x)
    return x
