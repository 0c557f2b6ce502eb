"""Whether nearly equal rows have nearly equal explanations."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.utils import check_random_state

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.metrics._arguments import finite_rows
from sklearn_proto.metrics._average import averaged
from sklearn_proto.metrics._explained import explained

Array = NDArray[np.float64]


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    noise=[Interval(Real, 0, None, closed="left")],
    n_repeats=[Interval(Integral, 1, None, closed="left")],
    random_state=["random_state"],
    average=[StrOptions({"mean"}), None],
)
def agreement_score(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    noise: float = 0.1,
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
    average: str | None = "mean",
) -> Any:
    """Rank correlation of contributions between rows and noisy copies of them.

    What is compared are the contributions of the prototypes to the class that is
    predicted for the row without noise.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted; of this package, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like, optional
        Not used: what is explained are the predictions.
    noise : float, default=0.1
        Standard deviation of the Gaussian noise, as a multiple of the one of each
        feature over `X`.
    n_repeats : int, default=5
        Noisy copies of each row.
    random_state : int, RandomState instance or None, default=None
        Seeds the noise.
    average : {"mean", None}, default="mean"
        None returns the mean correlation for every row.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        Spearman's coefficients, in [-1, 1]; 1 if the order of the prototypes never
        changes. Where all contributions of a row are equal it is 1 if those of the
        copy are as well, and else 0.

    Raises
    ------
    ValueError
        If a parameter is not allowed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import RBFClassifier
    >>> from sklearn_proto.metrics import agreement_score
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RBFClassifier(2, random_state=0).fit(X, y)
    >>> agreement_score(model, X, random_state=0) > 0.9
    True
    """
    del y
    start = explained(estimator, X)
    random = check_random_state(random_state)
    with np.errstate(over="ignore"):
        scale = noise * start.rows.std(axis=0)
    winners = start.explanation.winners
    own = np.arange(len(winners))
    ranks = _ranks(start.explanation.contributions[own, winners])
    total = np.zeros(len(winners))
    for _ in range(n_repeats):
        draws = random.standard_normal(start.rows.shape)
        noisy = finite_rows("noise", noise, start.rows, scale, draws)
        total += _correlation(
            ranks, _ranks(start.of(noisy).contributions[own, winners])
        )
    return averaged(total / n_repeats, average)


def _ranks(values: Array) -> Array:
    """Ranks (n, K) less their mean; equal values share theirs."""
    ranks = rankdata(values, axis=1)
    return np.asarray(ranks - ranks.mean(axis=1, keepdims=True))


def _correlation(a: Array, b: Array) -> Array:
    """Pearson's coefficient of centred rows (n, K)."""
    squares = (a**2).sum(axis=1), (b**2).sum(axis=1)
    norm = np.sqrt(squares[0] * squares[1])
    both_flat = (squares[0] == 0) & (squares[1] == 0)
    found = np.divide((a * b).sum(axis=1), norm, out=np.zeros(len(a)), where=norm > 0)
    return np.where(both_flat, 1.0, found)
