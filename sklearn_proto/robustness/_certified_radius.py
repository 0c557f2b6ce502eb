"""Certified radii of rows, batch by batch."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.robustness._exact_radius import exact_radius
from sklearn_proto.robustness._problem import certification_problem
from sklearn_proto.robustness._self_certified import certifies_itself
from sklearn_proto.robustness._threat_model._arguments import Bounds


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    norm="no_validation",
    method=[str],
    bounds="no_validation",
    feature_scale="no_validation",
)
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
        whose other steps are affine (see `affine_preprocessing`); radii then are in the
        units of the raw features. A classifier with its own ``certified_radius``, such
        as `SmoothedClassifier`, is asked itself.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,), optional
        True labels; a row that is predicted wrongly then gets 0.
    norm : {1, 2, inf} or float >= 1
        The lp norm that measures a perturbation.
    method : str
        Which bound. "auto", the default, is 0.99 of the largest of all that apply and
        are cheap, or more (0.98 at the least in our tests).

        - Similarity-based models also have "closed_form", "interval", "tilted",
          "second_order" and "trust_region", for norms beyond 2 "weighted", and for
          norm 1 and Gaussian kernels "vertices"; "exact" is the lower bound of
          `exact_radius`.
        - Nearest-prototype models have "margin" [1]_ and "interval" for any metric;
          "hyperplane" and "exact" [2]_ (norm 1, 2 or inf) where one matrix serves all
          prototypes, if any; "quadric" for tangents and for local matrices, where
          "exact" is the same bound if it is the radius: one prototype a class, norm 2,
          no bounds.
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
    exact_radius : Lower and upper bounds that meet where the model has an exact method.
    empirical_radius : What an attack finds.

    References
    ----------
    .. [1] Saralajew, Holdijk & Villmann, "Fast adversarial robustness certification of
       nearest prototype classifiers for arbitrary seminorms", NeurIPS 2020.
    .. [2] Voracek & Hein, "Provably adversarially robust nearest prototype
       classifiers", ICML 2022.

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
    own = certifies_itself(estimator)
    if own is not None:
        return own.certified_radius(
            X,
            y,
            norm=norm,
            method=method,
            bounds=bounds,
            feature_scale=feature_scale,
        )
    ball: dict[str, Any] = {
        "norm": norm,
        "bounds": bounds,
        "feature_scale": feature_scale,
    }
    problem = certification_problem(estimator, X, **ball)
    if method in problem.family.enclosed:
        return exact_radius(estimator, X, y, **ball).lower
    radius = np.zeros(len(problem.z))
    with torch.no_grad():
        bound = problem.family.bound(method)
        for chosen, batch in problem.batches():
            radius[chosen] = bound(batch).cpu().numpy()
    radius = problem.proven(radius)
    if y is None:
        return radius
    return np.where(problem.wrong(y), 0.0, radius)
