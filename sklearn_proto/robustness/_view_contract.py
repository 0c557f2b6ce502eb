"""What certificates take for granted of a model: its predictions are its view's.

A bound reads the arrays of a view, not its methods. It holds for a model only if the
scores that `predict` compares are those that the arrays make.
"""

from functools import singledispatch
from inspect import isfunction
from typing import Any

import torch
from torch import Tensor

from sklearn_proto._modules import Branch, PartNetwork
from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
)

# How far the products of columns of a tangent basis may be from 0 and 1.
_ORTHONORMAL = 1e-10
_METHODS = ("predict", "decision_function")


def require_own_predict(estimator: Any) -> None:
    """Refuse an estimator whose view was written before its way to predict.

    Raises
    ------
    TypeError
        If a subclass or the object itself overrides ``predict`` or
        ``decision_function`` and inherits ``certifiable_view``.
    """
    view = _place(estimator, "certifiable_view")
    for name in _METHODS:
        place = _place(estimator, name)
        if view is not None and place is not None and place < view:
            cls = type(estimator).__name__
            raise TypeError(
                f"{cls} overrides {name} but inherits certifiable_view, a view of the "
                f"inherited {name}, so a certificate could be false. Override "
                "certifiable_view in the same class, to return a view of what it "
                "predicts, or wrap the classifier in "
                "sklearn_proto.robustness.SmoothedClassifier."
            )


def _place(estimator: Any, name: str) -> int | None:
    """How far up the inheritance an attribute is found, -1 on the object itself."""
    if name in getattr(estimator, "__dict__", {}):
        return -1
    bases = enumerate(type(estimator).__mro__)
    return next((i for i, base in bases if name in vars(base)), None)


def require_own_methods(view: Any) -> None:
    """Refuse a view on which methods of its class were replaced.

    Raises
    ------
    TypeError
        If an attribute of the object hides a method.
    """
    cls = type(view)
    replaced = [name for name in vars(view) if isfunction(getattr(cls, name, None))]
    if replaced:
        raise TypeError(
            f"{replaced} of this {cls.__name__} were replaced, so its scores may not "
            "be those that the bounds read; change its arrays instead."
        )


@singledispatch
def require_sound_arrays(view: Any) -> None:
    """Refuse a view whose arrays do not make the scores that it returns.

    Raises
    ------
    ValueError
        If an array is not what the documentation of the view says.
    """
    del view


@require_sound_arrays.register
def _(view: NearestPrototypeView) -> None:
    owners, w = view.tensor(view.owners), view.tensor(view.prototypes)
    _require_points(view, w)
    _require(
        owners.shape == w.shape[:1]
        and bool((owners.diff() >= 0).all())
        and bool(((owners >= 0) & (owners < view.n_classes)).all()),
        f"owners of shape {tuple(owners.shape)} must be one class index in "
        f"[0, {view.n_classes}) for each of {len(w)} prototypes, not decreasing",
    )
    _require(
        view.metric in ("euclidean", "sqeuclidean", "manhattan"),
        f"metric={view.metric!r} must be 'euclidean', 'sqeuclidean' or 'manhattan'",
    )
    given = view.omega is not None, view.tangents is not None
    _require(
        not all(given) and not (view.metric == "manhattan" and any(given)),
        "omega and tangents exclude each other and metric='manhattan'",
    )
    _require_map(view, [(w.shape[1],), (len(w), w.shape[1])])


@require_sound_arrays.register
def _(view: SimilarityView) -> None:
    w, sigma = view.tensor(view.prototypes), view.tensor(view.sigma)
    _require_points(view, w)
    _require(
        view.metric in ("euclidean", "sqeuclidean", "tangent"),
        f"metric={view.metric!r} must be 'euclidean', 'sqeuclidean' or 'tangent'",
    )
    _require(
        sigma.shape == w.shape[:1] and bool(((sigma > 0) & sigma.isfinite()).all()),
        f"sigma must hold one positive finite width for each of {len(w)} prototypes",
    )
    _require(
        view.omega is None or view.metric != "tangent",
        "omega and metric='tangent' exclude each other",
    )
    _require_map(view, [(w.shape[1],)])
    _require_finite("coefficients", view.tensor(view.coefficients))
    _require_finite("offsets", view.tensor(view.offsets))


@require_sound_arrays.register
def _(view: PartPrototypeView) -> None:
    network = view.network
    parts = [(network, PartNetwork), *((b, Branch) for b in network.branches)]
    for module, known in parts:
        _require(
            type(module) is known,
            f"{type(module).__name__} must be a {known.__name__} itself, whose forward "
            "is the one that the bounds know",
        )


def _require_points(view: NearestPrototypeView | SimilarityView, w: Tensor) -> None:
    _require_finite("prototypes", w)
    if view.tangents is None:
        return
    basis = view.tensor(view.tangents)
    one = torch.eye(basis.shape[2], dtype=basis.dtype, device=basis.device)
    off = (basis.mT @ basis - one).abs()
    _require(
        basis.shape[:2] == w.shape and bool((off <= _ORTHONORMAL).all()),
        f"tangents of shape {tuple(basis.shape)} must be one basis with orthonormal "
        f"columns for each prototype, of shape ({len(w)}, {w.shape[1]}, m)",
    )


def _require_map(
    view: NearestPrototypeView | SimilarityView, shapes: list[tuple[int, ...]]
) -> None:
    """Refuse a map that is of none of the shapes but for its rows, r of them."""
    if view.omega is None:
        return
    omega = view.tensor(view.omega)
    r = omega.shape[-2] if omega.ndim > 1 else 0
    allowed = [(*shape[:-1], r, shape[-1]) for shape in shapes]
    wanted = " or ".join(
        f"({', '.join([*map(str, s[:-1]), 'r', str(s[-1])])})" for s in shapes
    )
    _require(
        r > 0 and tuple(omega.shape) in allowed,
        f"omega of shape {tuple(omega.shape)} must be of shape {wanted}",
    )
    _require_finite("omega", omega)


def _require_finite(name: str, values: Tensor) -> None:
    _require(bool(values.isfinite().all()), f"{name} must be finite")


def _require(holds: bool, what: str) -> None:  # noqa: FBT001
    if not holds:
        raise ValueError(f"the certifiable view cannot be certified: {what}.")
