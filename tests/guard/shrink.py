"""Make a broken case small, and write it as a program."""

from dataclasses import fields, replace
from functools import singledispatch

import numpy as np

from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
)
from tests.guard.verdict import broken


def shrunk(found):
    """Drop rows, prototypes, classes and features while a break persists."""
    alone = _still_broken(found, found.case.take([found.row]))
    found = found if alone is None else alone
    smaller = True
    while smaller:
        smaller = False
        for case in _smaller(found.case):
            again = _still_broken(found, case)
            if again is not None:
                found, smaller = again, True
                break
    return found


def _still_broken(found, case):
    """Break of a smaller case in the same arithmetic and by the same method."""
    try:
        radii = case.radii(found.method)
        if radii is None:
            return None
        breaks = broken(case, {found.method: radii})
    except (ValueError, IndexError, ArithmeticError):
        # What was dropped was needed for there to be a model.
        return None
    kept = [b for b in breaks if b.arithmetic == found.arithmetic]
    # An excess that vanishes is another fault.
    enough = [b for b in kept if b.excess - 1 > (found.excess - 1) / 100]
    return max(enough, key=lambda b: b.excess, default=None)


def _smaller(case):
    if len(case.rows) > 26:
        yield case.take(slice(26))
    if case.bounds is not None:
        yield replace(case, bounds=None)
    if case.feature_scale is not None:
        yield replace(case, feature_scale=None)
    if case.steps:
        yield replace(case, rows=case.transformed(case.rows), steps=())
    for view in smaller_views(case.view):
        yield replace(case, view=view)
    d = case.rows.shape[1]
    if d > 1 and not case.steps and getattr(case.view, "tangents", 0) is None:
        for j in range(d):
            yield _without_feature(case, np.delete(np.arange(d), j))


def _without_feature(case, kept):
    changes = {"rows": case.rows[:, kept]}
    if case.bounds is not None:
        changes["bounds"] = tuple(side[kept] for side in case.bounds)
    if case.feature_scale is not None:
        changes["feature_scale"] = case.feature_scale[kept]
    view = {"prototypes": case.view.prototypes[:, kept]}
    if getattr(case.view, "omega", None) is not None:
        view["omega"] = case.view.omega[..., kept]
    return replace(case, view=replace(case.view, **view), **changes)


@singledispatch
def smaller_views(view):
    """Views with a prototype, a class or a concept less."""
    raise NotImplementedError(type(view))


@smaller_views.register
def _(view: SimilarityView):
    c, q, k = view.coefficients.shape
    for j in range(k if k > 1 else 0):
        kept = np.delete(np.arange(k), j)
        yield replace(
            view,
            prototypes=view.prototypes[kept],
            sigma=view.sigma[kept],
            coefficients=view.coefficients[..., kept],
            tangents=None if view.tangents is None else view.tangents[kept],
        )
    for axis, n in enumerate((c, q)):
        for j in range(n if n > 2 - axis else 0):
            yield replace(
                view,
                coefficients=np.delete(view.coefficients, j, axis),
                offsets=np.delete(view.offsets, j, axis),
            )


@smaller_views.register
def _(view: NearestPrototypeView):
    k = len(view.prototypes)
    for j in range(k if k > 2 else 0):
        kept = np.delete(np.arange(k), j)
        local = view.omega is not None and view.omega.ndim == 3
        yield replace(
            view,
            prototypes=view.prototypes[kept],
            owners=view.owners[kept],
            omega=view.omega[kept] if local else view.omega,
            tangents=None if view.tangents is None else view.tangents[kept],
        )


def program(found):
    """Python that shows the break: the radius, and a perturbation within it."""
    case = found.case
    view = ",\n    ".join(
        f"{f.name}={_literal(getattr(case.view, f.name))}"
        for f in fields(case.view)
        if f.name != "device" and getattr(case.view, f.name) is not None
    )
    steps = "".join(f"\n# behind {step!r}" for step in case.steps)
    ball = ", ".join(
        f"{k}={_literal(v)}" for k, v in case.ball.items() if v is not None
    )
    delta = ", ".join(str(v) for v in found.delta)
    return (
        f"view = {type(case.view).__name__}(\n    {view},\n){steps}\n"
        f"rows = {_literal(case.rows)}\n"
        f"certified_radius(ViewClassifier(view), rows, method={found.method!r}, "
        f"{ball})[{found.row}]  # {found.radius!r}\n"
        f"# A change of size {found.size} is of another class ({found.arithmetic}):\n"
        f"# [{delta}]"
    )


def _literal(value):
    if isinstance(value, tuple):
        return f"({', '.join(_literal(each) for each in value)})"
    if isinstance(value, np.ndarray):
        return f"array({value.tolist()!r})"
    return repr(value) if value != np.inf else "inf"


@smaller_views.register
def _(view: PartPrototypeView):
    return ()
