"""What a report is about: a fitted model and rows whose labels are known."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.inspection._unwrapped_model import UnwrappedModel

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subject:
    """A fitted model, rows, their labels, and how the reader wants to see them."""

    estimator: Any
    unwrapped: UnwrappedModel
    X: Any
    y: NDArray[Any]
    image_shape: tuple[int, ...] | None
    norm: float

    @property
    def model(self) -> Any:
        """The classifier without its pipeline."""
        return self.unwrapped.estimator

    @property
    def steps(self) -> tuple[Any, ...]:
        """All that has parameters, from the first step to what wraps the classifier."""
        unwrapped = self.unwrapped
        wrappers = () if unwrapped.wrapped is None else (unwrapped.wrapped,)
        return (*unwrapped.transformers, self.model, *wrappers)

    @cached_property
    def predictions(self) -> NDArray[Any]:
        """Predicted labels, shape (n,)."""
        return np.asarray(self.estimator.predict(self.X))

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each prediction is right."""
        return np.asarray(self.predictions == self.y)

    @cached_property
    def leads(self) -> Array:
        """How far each winner is ahead of the runner-up."""
        seen = self.unwrapped.seen(self.X)
        scores = np.asarray(self.model.decision_function(seen), dtype=np.float64)
        if scores.ndim == 1:
            return np.abs(scores)
        first, second = np.sort(scores, axis=1)[:, :-3:-1].T
        return np.asarray(first - second)
