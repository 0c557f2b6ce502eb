"""Gaps of a classifier whose certifiable view is known."""

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from sklearn_proto._inputs._containers import flat, like
from sklearn_proto._views import NearestPrototypeView, SimilarityView
from sklearn_proto.robustness._attack._gaps import Gaps
from sklearn_proto.robustness._attack._nearest_gaps import NearestGaps
from sklearn_proto.robustness._attack._preprocessed_view import PreprocessedView
from sklearn_proto.robustness._attack._similarity_gaps import SimilarityGaps
from sklearn_proto.robustness._threat_model._preprocessing import affine_preprocessing


def exact_gaps(estimator: Any, X: ArrayLike) -> Gaps | None:
    """Gaps of a model with a view behind affine steps; None for any other model."""
    try:
        preprocessing = affine_preprocessing(estimator)
    except (TypeError, ValueError):  # No view, or a step that is not affine.
        return None
    view, X = preprocessing.estimator.certifiable_view(), flat(X)
    gaps = _GAPS.get(type(view))
    preprocessed = PreprocessedView(
        view, lambda rows: preprocessing.transform(like(X, rows)), preprocessing.matrix
    )
    return None if gaps is None else gaps(view, preprocessed)


# A subclass may score rows otherwise; `predict` would deny what its gaps promise.
_GAPS: dict[type, Callable[[Any, PreprocessedView], Gaps]] = {
    SimilarityView: SimilarityGaps,
    NearestPrototypeView: NearestGaps,
}
