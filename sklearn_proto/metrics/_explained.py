"""A classifier, rows, and why they are classified as they are."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._inputs._containers import like
from sklearn_proto._inputs._last_step import last_step
from sklearn_proto._inputs._plain_rows import plain_rows
from sklearn_proto.explain import Explanation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Explained:
    """What every score starts from.

    Parameters
    ----------
    model : classifier
        Fitted; it can explain.
    given : array-like
        The rows as it takes them.
    """

    model: Any
    given: Any

    @cached_property
    def rows(self) -> Array:
        """The rows (n, d)."""
        rows = plain_rows(self.given)
        flat = hasattr(self.model, "n_features_in_")
        flat = flat and not hasattr(self.model, "image_shape_")
        if flat and np.ndim(self.given) > 2:
            raise ValueError(
                f"X has shape {np.shape(self.given)}, but {type(self.model).__name__} "
                "takes rows of shape (n_samples, n_features)."
            )
        return rows

    @cached_property
    def explanation(self) -> Explanation:
        """Why they are classified as they are."""
        return self.of(self.rows)

    def of(self, rows: Array) -> Explanation:
        """Explain other rows (m, d)."""
        found: Explanation = self.model.explain(like(self.given, rows))
        return found

    def probabilities(self, rows: Array) -> Array:
        """Probabilities (m, C) of the classes of other rows."""
        return np.asarray(self.model.predict_proba(like(self.given, rows)))


def explained(estimator: Any, X: Any) -> Explained:
    """Find the classifier that explains, and what it is given.

    Raises
    ------
    TypeError
        If there is none.
    """
    return Explained(*last_step(estimator, X))
