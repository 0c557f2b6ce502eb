"""Certified radii of rows, batch by batch."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_proto.robustness._arguments import Bounds, checked_labels
from sklearn_proto.robustness._auto import auto_radius
from sklearn_proto.robustness._certificate import Certificate
from sklearn_proto.robustness._exact import exact_radius
from sklearn_proto.robustness._methods import certificate
from sklearn_proto.robustness._pairs import Batch
from sklearn_proto.robustness._rows import rows_of


def certified_radius(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    norm: float = 2,
    method: str = "auto",
    bounds: Bounds | None = None,
    feature_scale: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Distance within which the prediction of each row provably does not change.

    Parameters
    ----------
    estimator : classifier or Pipeline
        A fitted classifier with a certifiable view, or a Pipeline that ends in one and
        whose other steps are affine (see `affine_front`); radii then are in the units
        of the raw features. A classifier with its own ``certified_radius``, such as
        `SmoothedClassifier`, is asked itself.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,), optional
        True labels; a row that is predicted wrongly then gets 0.
    norm : {1, 2, inf} or float >= 1
        The lp norm that measures a perturbation.
    method : {"auto", "closed_form", "interval", "tilted", "second_order", \
"trust_region", "exact"}
        Which bound. "auto" is at least 0.99 of the largest of all that apply; "exact"
        is the lower bound of `exact_radius`.
    bounds : tuple of two array-likes, optional
        Smallest and largest valid value, each a scalar or of shape (n_features,). Rows
        must lie inside, and perturbations that leave the box do not count.
    feature_scale : array-like of shape (n_features,), optional
        Budget of each feature at radius 1, at least 0: feature i may change by
        ``feature_scale[i]`` times the i-th entry of a vector within the radius. 0
        freezes a feature.

    Returns
    -------
    ndarray of shape (n_samples,)
        Radii in the units of `X`, float64; infinite where nothing can change the
        prediction.

    Raises
    ------
    TypeError
        If the estimator offers no certificate.
    ValueError
        If a parameter is out of its range, a row is outside `bounds`, a step of the
        pipeline is not affine, or the method has no proof for the model.

    See Also
    --------
    exact_radius : Lower and upper bounds by branch and bound.
    empirical_radius : What an attack finds.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.robustness import certified_radius
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), CBCClassifier(random_state=0))
    >>> in_centimetres = certified_radius(model.fit(X, y), X)
    >>> in_centimetres.shape
    (150,)
    """
    if _certifies_itself(estimator):
        options = {"feature_scale": feature_scale} if feature_scale is not None else {}
        found = estimator.certified_radius(
            X, y, norm=norm, method=method, bounds=bounds, **options
        )
        return np.asarray(found)
    if method == "exact":
        return exact_radius(
            estimator, X, y, norm=norm, bounds=bounds, feature_scale=feature_scale
        ).lower
    rows = rows_of(estimator, X, norm=norm, bounds=bounds, feature_scale=feature_scale)
    view = rows.geometry.view
    bound: Callable[[Batch], Tensor] = auto_radius
    if method != "auto":
        bound = partial(_radius, certificate=certificate(view, method))
    radius = np.zeros(len(rows.z))
    with torch.no_grad():
        for chosen, batch in rows.batches():
            found = bound(batch)
            for larger, size in batch.larger_sets():
                found = torch.maximum(found, bound(larger) / size)
            radius[chosen] = found.cpu().numpy()
    if y is None:
        return radius
    return np.where(rows.wrong(checked_labels(y, len(radius))), 0.0, radius)


def _certifies_itself(estimator: Any) -> bool:
    has_view = hasattr(estimator, "certifiable_view")
    return hasattr(estimator, "certified_radius") and not has_view


def _radius(batch: Batch, certificate: Certificate) -> Tensor:
    duels = batch.duels()
    return batch.worst_rival(certificate.radius(batch.pairs(duels)), duels)
