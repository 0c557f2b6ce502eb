"""Classifiers with a certificate of their own, alone or behind affine steps."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sklearn_proto._inputs._containers import flat, in_order_of_fit
from sklearn_proto._inputs._norm import checked_norm
from sklearn_proto._inputs._pipelines import Steps, unwrap_pipeline
from sklearn_proto.robustness._threat_model._arguments import (
    Bounds,
    checked_bounds,
    checked_scale,
)
from sklearn_proto.robustness._threat_model._perturbations import Perturbations
from sklearn_proto.robustness._threat_model._preprocessing import (
    AffinePreprocessing,
    preprocessing_of,
)

Array = NDArray[np.float64]

# Relative error of a largest singular value, generously.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class SelfCertified:
    """A classifier with its own ``certified_radius``, and what stands before it.

    Parameters
    ----------
    estimator : Any
        What was to be certified.
    final : Any
        The classifier in it.
    steps : list of tuple
        Names and fitted transformers in front.
    """

    estimator: Any
    final: Any
    steps: Steps

    def certified_radius(
        self,
        X: ArrayLike,
        y: ArrayLike | None,
        *,
        norm: float,
        method: str,
        bounds: Bounds | None,
        feature_scale: ArrayLike | None,
    ) -> Array:
        """Radii (n,) of raw rows, from those that the classifier has for its own."""
        if not self.steps:
            options = {"norm": norm, "method": method, "bounds": bounds}
            if feature_scale is not None:
                options["feature_scale"] = feature_scale
            return np.asarray(self.final.certified_radius(X, y, **options))
        p = checked_norm(norm)
        preprocessing = preprocessing_of(self.steps, self.final)
        X = flat(in_order_of_fit(self.estimator, X))
        z = preprocessing.transform(X)
        if bounds is not None:
            # The l2 ball is safe, so the part of it inside the box is.
            checked_bounds(np.asarray(X, dtype=np.float64), bounds)
        length = _longest(preprocessing, p, z.shape[1], feature_scale)
        radius = np.asarray(self.final.certified_radius(z, y, norm=2, method=method))
        with np.errstate(divide="ignore", over="ignore"):
            found = radius / (length * (1 + _ROUNDING))
        return np.where(radius > 0, found, 0.0)


def certifies_itself(estimator: Any) -> SelfCertified | None:
    """Take apart what ends in a classifier with its own certificate, if it does."""
    steps, final = unwrap_pipeline(estimator)
    own = hasattr(final, "certified_radius") and not hasattr(final, "certifiable_view")
    return SelfCertified(estimator, final, steps) if own else None


def _longest(
    preprocessing: AffinePreprocessing, p: float, width: int, scale: ArrayLike | None
) -> float:
    """Euclidean length that perturbations of size 1 have at most behind the steps."""
    matrix: Any = preprocessing.matrix
    if matrix is None:
        dense = np.ones(width)
    else:
        dense = matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)
    n_features = dense.shape[-1]
    if scale is not None:
        dense = dense * checked_scale(scale, n_features)
    return Perturbations(p, n_features, torch.as_tensor(dense)).lipschitz
