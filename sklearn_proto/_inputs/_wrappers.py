"""The one model inside of what only changes what a model says."""

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._inputs._pipelines import Steps, unwrap_pipeline


def unwrapped(estimator: Any) -> tuple[Steps, Any, Any]:
    """Find the steps in front of a classifier, it, and what wraps it, if anything.

    Raises
    ------
    TypeError
        If a wrapper holds several models.
    """
    steps, final = unwrap_pipeline(estimator)
    inside = _inside(final)
    if inside is None:
        return steps, final, None
    more, last, _ = unwrapped(inside)
    return steps + more, last, final


def _inside(wrapper: Any) -> Any:
    if isinstance(wrapper, FixedThresholdClassifier | TunedThresholdClassifierCV):
        check_is_fitted(wrapper)
        return wrapper.estimator_
    if isinstance(wrapper, CalibratedClassifierCV):
        check_is_fitted(wrapper)
        return _only_one(wrapper.calibrated_classifiers_)
    return None


def _only_one(calibrated: list[Any]) -> Any:
    models = {id(found): found for found in map(_calibrated, calibrated)}
    if len(models) > 1:
        raise TypeError(
            f"CalibratedClassifierCV holds {len(models)} models, fitted on different "
            "rows, so there is no one model to show; calibrate a fitted model as "
            "CalibratedClassifierCV(FrozenEstimator(model)), or set ensemble=False."
        )
    return next(iter(models.values()))


def _calibrated(classifier: Any) -> Any:
    found = classifier.estimator
    while isinstance(found, FrozenEstimator):
        found = found.estimator
    return found
