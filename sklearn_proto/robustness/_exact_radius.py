"""Lower and upper bounds on the true radius, as close as a budget allows."""

from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._compat import Interval
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.robustness._attack import empirical_radius
from sklearn_proto.robustness._enclosure import Effort
from sklearn_proto.robustness._problem import certification_problem
from sklearn_proto.robustness._threat_model._arguments import Bounds


@dataclass(frozen=True)
class ExactRadius:
    """Bounds on the true radius of each row.

    Parameters
    ----------
    lower : ndarray of shape (n_samples,)
        Proven: no perturbation below this size changes the prediction.
    upper : ndarray of shape (n_samples,)
        Attained: a perturbation of this size does, as verified with the scores;
        infinite where none was found.
    status : ndarray of shape (n_samples,) of str
        "exact" where `lower` is at least ``(1 - rtol) upper``, or both are infinite or
        0; "budget" where the node budget ran out; "bounded" where the model or the norm
        has no exact method, so that `lower` is the "auto" bound, or the row is on a tie
        up to rounding.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    status: NDArray[np.str_]


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    norm="no_validation",
    rtol=[Interval(Real, 0, 1, closed="neither")],
    max_nodes=[Interval(Integral, 1, None, closed="left")],
    bounds="no_validation",
    feature_scale="no_validation",
)
def exact_radius(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    norm: float = 2,
    rtol: float = 1e-2,
    max_nodes: int = 4000,
    bounds: Bounds | None = None,
    feature_scale: ArrayLike | None = None,
) -> ExactRadius:
    """Enclose the distance to the nearest change of each prediction.

    Parameters
    ----------
    estimator : classifier or Pipeline
        As in `certified_radius`.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,), optional
        True labels; a row that is predicted wrongly then gets 0.
    norm : {1, 2, inf} or float >= 1
        The lp norm. Similarity-based models have branch and bound for 2 and the
        Gaussian kernel. Nearest-prototype models without tangents or local matrices
        have programs that are solved for 1, 2 and infinity. Elsewhere the result
        encloses the radius between the "auto" bound and the perturbation found.
    rtol : float
        Relative width at which a row is finished, in (0, 1).
    max_nodes : int
        Pieces of the ball examined for each row, at least 1; branch and bound only.
    bounds : tuple of two array-likes, optional
        As in `certified_radius`.
    feature_scale : array-like of shape (n_features,), optional
        As in `certified_radius`.

    Returns
    -------
    ExactRadius
        Lower and upper bounds and the status of every row.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    See Also
    --------
    certified_radius : The lower bound alone, without branching.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> from sklearn_proto.robustness import exact_radius
    >>> X, y = load_iris(return_X_y=True)
    >>> found = exact_radius(CBCClassifier(random_state=0).fit(X, y), X[:5])
    >>> bool((found.lower >= 0.99 * found.upper).all())
    True
    """
    effort = Effort(float(rtol), int(max_nodes))
    ball: dict[str, Any] = {
        "norm": norm,
        "bounds": bounds,
        "feature_scale": feature_scale,
    }
    problem = certification_problem(estimator, X, **ball)
    attack = empirical_radius(estimator, X, random_state=0, **ball)
    n = len(problem.z)
    lower, upper = np.zeros(n), np.zeros(n)
    status = np.full(n, "bounded")
    with torch.no_grad():
        effort = replace(effort, rtol=problem.tolerance(effort.rtol))
        for chosen, batch in problem.batches():
            attacked = batch.view.tensor(problem.counted(attack.radius[chosen]))
            found = problem.family.enclose(batch, attacked, effort)
            lower[chosen] = found.lower.cpu().numpy()
            upper[chosen] = found.upper.cpu().numpy()
            status[chosen] = found.status
    lower, upper = problem.proven(lower), problem.attained(upper)
    if y is not None:
        wrong = problem.wrong(y)
        lower[wrong] = upper[wrong] = 0.0
        status[wrong] = "exact"
    return ExactRadius(lower=lower, upper=upper, status=status)
