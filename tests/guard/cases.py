"""A case: a model, rows, and the perturbations that its certificates must withstand."""

from dataclasses import dataclass, replace
from functools import cached_property, singledispatch
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
)
from sklearn_proto.robustness import CERTIFICATES, certified_radius
from sklearn_proto.robustness._nearest import NEAREST_CERTIFICATES
from sklearn_proto.robustness._parts._methods import PART_CERTIFICATES
from tests.views import ViewClassifier


@dataclass(frozen=True, eq=False)
class Case:
    """What `certified_radius` is asked.

    Parameters
    ----------
    view : SimilarityView, NearestPrototypeView or PartPrototypeView
        The model.
    rows : ndarray of shape (n, d)
        Raw rows.
    norm, bounds, feature_scale
        As in `certified_radius`.
    steps : tuple of transformers
        Fitted, affine, in front of the model.
    """

    view: Any
    rows: np.ndarray
    norm: float = 2
    bounds: tuple[np.ndarray, np.ndarray] | None = None
    feature_scale: np.ndarray | None = None
    steps: tuple[Any, ...] = ()

    @cached_property
    def model(self):
        """The classifier, behind its steps if there are any."""
        last = ViewClassifier(self.view)
        if not self.steps:
            return last
        named = [(f"step{i}", step) for i, step in enumerate(self.steps)]
        return Pipeline([*named, ("model", last)])

    @property
    def ball(self):
        """Keyword arguments of the certificates."""
        return {
            "norm": self.norm,
            "bounds": self.bounds,
            "feature_scale": self.feature_scale,
        }

    @property
    def budgets(self):
        """How much each raw feature may change at a radius of 1."""
        d = self.rows.shape[1]
        return np.ones(d) if self.feature_scale is None else self.feature_scale

    def predict(self, X):
        """Index of the class, as the float64 predictor has it."""
        return self.model.predict(X)

    def transformed(self, X):
        """Rows as the model sees them."""
        for step in self.steps:
            X = step.transform(X)
        return X

    @cached_property
    def matrix(self):
        """What a perturbation in units of the budgets becomes: (dz, d), by differences.

        A power of two beyond the rows keeps most digits of affine steps.
        """
        s, d = self.budgets, self.rows.shape[1]
        if not self.steps:
            return np.diag(s)
        h = 2.0 ** np.ceil(np.log2(np.abs(self.rows).max() + 1e-300) + 1)
        moved = self.transformed(np.vstack([np.zeros(d), h * np.eye(d)]))
        return ((moved[1:] - moved[0]) / h).T * s

    def radii(self, method, rows=None):
        """Certified radii, or None where the method says that it has no proof."""
        asked = self.rows if rows is None else self.rows[rows]
        try:
            return certified_radius(self.model, asked, method=method, **self.ball)
        except ValueError as error:
            if "has no proof" in str(error):
                return None
            raise

    def take(self, rows):
        """Keep some of the rows."""
        return replace(self, rows=self.rows[rows])


@singledispatch
def methods_of(view):
    """Names of the methods of a view's family."""
    raise NotImplementedError(type(view))


@methods_of.register
def _(view: SimilarityView):
    return ["auto", *CERTIFICATES]


@methods_of.register
def _(view: NearestPrototypeView):
    return list(NEAREST_CERTIFICATES)


@methods_of.register
def _(view: PartPrototypeView):
    return list(PART_CERTIFICATES)
