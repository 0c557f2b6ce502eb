"""Pipelines, searches and frozen models taken apart: the steps and the classifier."""

from functools import singledispatch
from typing import Any, TypeAlias

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

Steps: TypeAlias = list[tuple[str, Any]]


def passes(step: Any) -> bool:
    """Whether a Pipeline leaves this step out."""
    return step is None or (isinstance(step, str) and step == "passthrough")


def unwrap_pipeline(estimator: Any) -> tuple[Steps, Any]:
    """Split off the steps of pipelines in front of a classifier, in their order.

    Searches count as their ``best_estimator_``.
    """
    steps: Steps = []
    final = estimator
    while (opened := _opened(final)) is not None:
        front, final = opened
        steps += [(name, step) for name, step in front if not passes(step)]
    return steps, final


@singledispatch
def _opened(estimator: Any) -> tuple[Steps, Any] | None:
    """Split off what wraps a classifier, step by step; None if nothing does."""
    best = getattr(estimator, "best_estimator_", None)
    return None if best is None else ([], best)


@_opened.register(Pipeline)
def _(pipeline: Any) -> tuple[Steps, Any]:
    return pipeline.steps[:-1], pipeline.steps[-1][1]


@_opened.register(FrozenEstimator)
def _(frozen: Any) -> tuple[Steps, Any]:
    return [], frozen.estimator
