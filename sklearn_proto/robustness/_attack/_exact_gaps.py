"""Gaps of a classifier whose certifiable view is known."""

from functools import singledispatch
from typing import Any

from numpy.typing import ArrayLike

from sklearn_proto._views import NearestPrototypeView, SimilarityView
from sklearn_proto.robustness._attack._gaps import Gaps
from sklearn_proto.robustness._attack._nearest_gaps import NearestGaps
from sklearn_proto.robustness._attack._seen import Seen
from sklearn_proto.robustness._attack._similarity_gaps import SimilarityGaps
from sklearn_proto.robustness._containers import like
from sklearn_proto.robustness._front import affine_front


def exact_gaps(estimator: Any, X: ArrayLike) -> Gaps | None:
    """Those of a model with a view behind affine steps; None for anything else."""
    try:
        front = affine_front(estimator)
    except (TypeError, ValueError):  # No view, or a step that is not affine.
        return None
    view = front.estimator.certifiable_view()
    seen = Seen(view, lambda rows: front.transform(like(X, rows)), front.matrix)
    return _gaps(view, seen)


@singledispatch
def _gaps(view: Any, seen: Seen) -> Gaps | None:
    """Gaps of the view; None for a kind of view that is not known."""
    del view, seen
    return None


@_gaps.register
def _(view: SimilarityView, seen: Seen) -> Gaps:
    return SimilarityGaps(view, seen)


@_gaps.register
def _(view: NearestPrototypeView, seen: Seen) -> Gaps:
    return NearestGaps(view, seen)
