"""Lower and upper bounds on the true radius, as close as a budget allows."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sklearn_proto.robustness._arguments import Bounds, checked_labels
from sklearn_proto.robustness._attack import empirical_radius
from sklearn_proto.robustness._auto import auto_radius
from sklearn_proto.robustness._branch import prove_ball
from sklearn_proto.robustness._pairs import Batch, Duels, Pairs
from sklearn_proto.robustness._rows import rows_of
from sklearn_proto.robustness._trust_region import nearest_boundary

# How far beyond a boundary a perturbation may reach to be on the other side.
_BEYOND = (1e-6, 1e-5, 1e-4, 1e-3)
# How often a counterexample may start the proof of a smaller radius.
_ROUNDS = 5


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
        has no branch and bound, so that `lower` is the "auto" bound, or the row is on a
        tie up to rounding.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    status: NDArray[np.str_]


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
        The lp norm. Branch and bound needs 2 and the Gaussian kernel; elsewhere the
        result encloses the radius between the "auto" bound and the perturbation found.
    rtol : float
        Relative width at which a row is finished, in (0, 1).
    max_nodes : int
        Pieces of the ball examined for each row, at least 1.
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
    _check(rtol, max_nodes)
    ball: dict[str, Any] = {
        "norm": norm,
        "bounds": bounds,
        "feature_scale": feature_scale,
    }
    rows = rows_of(estimator, X, **ball)
    attack = empirical_radius(estimator, X, random_state=0, **ball)
    n = len(rows.z)
    lower, upper = np.zeros(n), np.zeros(n)
    status = np.full(n, "bounded")
    with torch.no_grad():
        for chosen, batch in rows.batches():
            attained = batch.geometry.view.tensor(attack.radius[chosen])
            found = _enclose(batch, attained, rtol, max_nodes)
            lower[chosen] = found.lower.cpu().numpy()
            upper[chosen] = found.upper.cpu().numpy()
            status[chosen] = found.status
    if y is not None:
        wrong = rows.wrong(checked_labels(y, n))
        lower[wrong] = upper[wrong] = 0.0
        status[wrong] = "exact"
    return ExactRadius(lower, upper, status)


@dataclass(frozen=True)
class _Enclosure:
    lower: Tensor
    upper: Tensor
    status: NDArray[np.str_]


def _enclose(
    batch: Batch,
    attained: Tensor,
    rtol: float,
    max_nodes: int,
) -> _Enclosure:
    duels = batch.duels()
    pairs = batch.pairs(duels)
    found = nearest_boundary(pairs)
    upper = _attained(batch, duels, found.size, found.delta)
    upper = torch.minimum(upper, attained)
    lower = torch.minimum(auto_radius(batch), upper)
    done = (lower >= (1 - rtol) * upper) | (lower == upper)
    status = np.where(done.cpu().numpy(), "exact", "bounded")
    view, perturbations = batch.geometry.view, batch.perturbations
    plain = view.metric == "sqeuclidean" and perturbations.norm == 2
    if not plain or perturbations.room is not None:
        return _Enclosure(lower, upper, status)
    # At a tie there is nothing to prove.
    open_ = batch.worst_rival(found.size, duels) > 0
    for i in (~done & upper.isfinite() & open_).nonzero().squeeze(1).tolist():
        of_row = (duels.row == i).nonzero().squeeze(1)
        some, worst = pairs.take(of_row), found.delta[of_row]
        holds, upper[i] = _close(batch, i, some, worst, upper[i], rtol, max_nodes)
        target = (1 - rtol) * upper[i]
        if holds:
            lower[i] = torch.maximum(lower[i], target)
        status[i] = "exact" if lower[i] >= target else "budget"
    return _Enclosure(torch.minimum(lower, upper), upper, status)


def _close(
    batch: Batch,
    i: int,
    pairs: Pairs,
    worst: Tensor,
    upper: Tensor,
    rtol: float,
    max_nodes: int,
) -> tuple[bool, Tensor]:
    """Prove row `i` up to its attained radius, which counterexamples may lower."""
    view, perturbations = batch.geometry.view, batch.perturbations
    for _ in range(_ROUNDS):
        target = float((1 - rtol) * upper)
        holds, closed = prove_ball(pairs, worst, target, max_nodes, batch.n_own)
        if closed is None:
            return holds, upper
        moved = batch.z[i : i + 1] + perturbations.push(closed[None])
        if view.class_scores(moved).argmax(1) == batch.predicted[i]:
            return False, upper
        upper = closed.norm()
    return False, upper


def _attained(batch: Batch, duels: Duels, size: Tensor, delta: Tensor) -> Tensor:
    """Smallest size (n,) of a perturbation that does change the prediction."""
    view, perturbations = batch.geometry.view, batch.perturbations
    attained = torch.full_like(size, torch.inf)
    for beyond in _BEYOND:
        moved = batch.z[duels.row] + perturbations.push(delta * (1 + beyond))
        flips = view.class_scores(moved).argmax(1) != batch.predicted[duels.row]
        reached = torch.where(flips, size * (1 + beyond), torch.inf)
        attained = torch.minimum(attained, reached)
    start = torch.full_like(batch.z[:, 0], torch.inf)
    return start.scatter_reduce(0, duels.row, attained, "amin")


def _check(rtol: Any, max_nodes: Any) -> None:
    if not isinstance(rtol, Real) or not 0 < float(rtol) < 1:
        raise ValueError(f"rtol={rtol!r} is not allowed; use a number in (0, 1).")
    whole = isinstance(max_nodes, Integral) and not isinstance(max_nodes, bool)
    if not whole or max_nodes < 1:
        raise ValueError(
            f"max_nodes={max_nodes!r} is not allowed; use an integer of at least 1."
        )
