"""Certified radii of rows, batch by batch."""

from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._certificate import Certificate
from sklearn_proto.robustness._closed_form import ClosedForm
from sklearn_proto.robustness._interval import Interval

CERTIFICATES: dict[str, Certificate] = {
    certificate.name: certificate for certificate in (ClosedForm(), Interval())
}


def certify(
    view: SimilarityView,
    X: NDArray[np.floating],
    *,
    norm: float = 2,
    method: str = "auto",
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
) -> NDArray[np.float64]:
    """Radius (n,) around each row within which the view predicts the same class.

    See `certified_radius` for the parameters.
    """
    norm = _checked_norm(norm)
    if bounds is not None:
        _check_inside(X, bounds)
    certificates = _applicable(view, method)
    radius = np.zeros(X.shape[0])
    for rows, x in view.batches(X):
        with torch.no_grad():
            predicted = view.class_scores(x).argmax(1)
            best = torch.zeros_like(x[:, 0])
            for c in torch.unique(predicted).tolist():
                own = predicted == c
                found = [f.radius(view, x[own], c, norm) for f in certificates]
                # Each is a lower bound on the true radius, so the largest is too.
                best[own] = torch.stack(found).amax(0)
        radius[rows] = best.cpu().numpy()
    return radius


def certified_radius(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    norm: float = 2,
    method: str = "auto",
    bounds: tuple[ArrayLike, ArrayLike] | None = None,
) -> NDArray[np.float64]:
    """Distance within which the prediction of each row provably does not change.

    Parameters
    ----------
    estimator : estimator with a ``certified_radius`` method
        A fitted classifier of this package.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,), optional
        True labels; a row that is predicted wrongly then gets 0.
    norm : {1, 2, inf} or float >= 1
        The lp norm that measures a perturbation.
    method : {"auto", "closed_form", "interval"}
        Which bound; "auto" takes the largest of all that apply.
    bounds : tuple of two array-likes, optional
        Smallest and largest valid value, each a scalar or of shape (n_features,).

    Returns
    -------
    ndarray of shape (n_samples,)
        Radii in the units of `X`; infinite where nothing can change the prediction.

    Raises
    ------
    TypeError
        If the estimator offers no certificate.
    ValueError
        If a parameter is out of its range or a row is outside `bounds`.
    """
    if not hasattr(estimator, "certified_radius"):
        raise TypeError(
            f"{type(estimator).__name__} has no certified_radius; fit a classifier of "
            "sklearn_proto and pass that."
        )
    radius = estimator.certified_radius(X, y, norm=norm, method=method, bounds=bounds)
    return np.asarray(radius)


def certified_accuracy_score(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    eps: float | ArrayLike,
    *,
    norm: float = 2,
    method: str = "auto",
) -> Any:
    """Share of rows predicted rightly whatever a perturbation of size `eps` does.

    Parameters
    ----------
    estimator : estimator with a ``certified_radius`` method
        A fitted classifier of this package.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,)
        True labels.
    eps : float or array-like of shape (n_radii,)
        Size of the perturbation, at least 0, in the units of `X`. At 0 the score is
        the accuracy of the rows whose prediction is not a tie.
    norm : {1, 2, inf} or float >= 1
        The lp norm that measures it.
    method : str
        As in `certified_radius`.

    Returns
    -------
    float or ndarray of shape (n_radii,)
        Shares in [0, 1].
    """
    sizes = np.atleast_1d(np.asarray(eps, dtype=float))
    if not (sizes >= 0).all():
        raise ValueError(f"eps={eps!r} must be at least 0.")
    radius = certified_radius(estimator, X, y, norm=norm, method=method)
    score = ((radius > 0) & (radius >= sizes[:, None])).mean(axis=1)
    return score if np.ndim(eps) else float(score[0])


def _checked_norm(norm: Any) -> float:
    if isinstance(norm, bool) or not isinstance(norm, Real) or not float(norm) >= 1:
        raise ValueError(
            f"norm={norm!r} is not allowed; use 1, 2, numpy.inf or p >= 1."
        )
    return float(norm)


def _check_inside(X: NDArray[np.floating], bounds: tuple[ArrayLike, ArrayLike]) -> None:
    try:
        lo, hi = (np.broadcast_to(np.asarray(b, float), X.shape[1:]) for b in bounds)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"bounds={bounds!r} must be (lower, upper), each a scalar or of shape "
            f"({X.shape[1]},)."
        ) from error
    if not (lo <= hi).all():
        raise ValueError(f"bounds={bounds!r} must have lower <= upper, without NaN.")
    outside = np.flatnonzero(((lo > X) | (hi < X)).any(axis=1))
    if len(outside):
        raise ValueError(
            f"{len(outside)} rows of X are outside bounds, the first is row "
            f"{outside[0]}."
        )


def _applicable(view: SimilarityView, method: str) -> list[Certificate]:
    if method == "auto":
        return [f for f in CERTIFICATES.values() if f.refusal(view) is None]
    if method not in CERTIFICATES:
        raise ValueError(
            f"method={method!r} is not a certificate; use one of "
            f"{['auto', *CERTIFICATES]}."
        )
    reason = CERTIFICATES[method].refusal(view)
    if reason is not None:
        raise ValueError(f"method={method!r} has no proof for this model: {reason}.")
    return [CERTIFICATES[method]]
