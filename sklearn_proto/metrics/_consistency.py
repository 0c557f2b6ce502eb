"""Whether a prototype is always found at the same part."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklearn_proto._compat import Interval, StrOptions
from sklearn_proto._inputs._labels import checked_labels
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import validated
from sklearn_proto.metrics._average import averaged
from sklearn_proto.metrics._explained import explained
from sklearn_proto.metrics._purity import nearest_rows
from sklearn_proto.metrics._regions import Regions


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    parts="no_validation",
    box_size=[Interval(Real, 0, 1, closed="right")],
    threshold=[Interval(Real, 0, 1, closed="right")],
    average=[StrOptions({"mean"}), None],
)
def consistency_score(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    parts: ArrayLike,
    box_size: float = 72 / 224,
    threshold: float = 0.8,
    average: str | None = "mean",
) -> Any:
    """Share of the prototypes that stand for one part of the object [1]_.

    A prototype is consistent if some part lies in its region in at least `threshold`
    of the images of its class in which that part is visible. Its region is a box around
    the peak of its activation map.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        A fitted part-prototype network, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like of shape (n_samples,)
        True labels.
    parts : array-like of shape (n_samples, n_parts, 3)
        Column and row of each part, in pixels, and whether it is visible.
    box_size : float, default=72/224
        Height and width of the region, as shares of the image's.
    threshold : float, default=0.8
        Share of the images, above 0 and at most 1.
    average : {"mean", None}, default="mean"
        None returns 1 or 0 for every prototype, NaN without an image of its class.

    Returns
    -------
    float or ndarray of shape (n_prototypes,)
        Share in [0, 1].

    Raises
    ------
    ValueError
        If a parameter is not allowed.
    TypeError
        If the explanations have no activation maps.

    See Also
    --------
    stability_score : Whether the part stays the same under noise.
    make_part_scorer : Makes it a scorer that takes the parts of each fold.

    References
    ----------
    .. [1] Q. Huang, M. Xue, W. Huang, H. Zhang, J. Song, Y. Jing and M. Song.
       Evaluation and Improvement of Interpretability for Self-Explainable
       Part-Prototype Networks. ICCV 2023.

    Examples
    --------
    >>> from sklearn_proto import ProtoPNetClassifier
    >>> from sklearn_proto.metrics import consistency_score, make_drawn_parts
    >>> X, y, parts = make_drawn_parts(30, random_state=0)
    >>> model = ProtoPNetClassifier(1, max_epochs=1, random_state=0).fit(X, y)
    >>> 0 <= consistency_score(model, X, y, parts=parts) <= 1
    True
    """
    explanation = explained(estimator, X).explanation
    regions = Regions(explanation, parts, box_size)
    labels = checked_labels(y, len(explanation))
    found = []
    for j, label in enumerate(explanation.prototype_labels):
        rows = np.flatnonzero(labels == label)
        seen = regions.visible[rows].sum(axis=0)
        hits = regions.inside(explanation, rows, j).sum(axis=0) if len(rows) else 0
        consistent = ((seen > 0) & (hits >= threshold * seen)).any()
        found.append(float(consistent) if len(rows) else np.nan)
    return averaged(np.array(found), average)


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    y="no_validation",
    parts="no_validation",
    n_neighbors=[Interval(Integral, 1, None, closed="left")],
    box_size=[Interval(Real, 0, 1, closed="right")],
    average=[StrOptions({"mean"}), None],
)
def part_purity_score(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    parts: ArrayLike,
    n_neighbors: int = 10,
    box_size: float = 72 / 224,
    average: str | None = "mean",
) -> Any:
    """Share of the patches nearest to a prototype that are of one part.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        A fitted part-prototype network, or one at the end of a pipeline.
    X : array-like
        Rows or images, as the estimator takes them.
    y : array-like, optional
        Not used.
    parts : array-like of shape (n_samples, n_parts, 3)
        Column and row of each part, in pixels, and whether it is visible.
    n_neighbors : int, default=10
        How many images, those with the nearest patches, are looked at for each
        prototype.
    box_size : float, default=72/224
        Height and width of a patch, as shares of the image's.
    average : {"mean", None}, default="mean"
        None returns the purity of every prototype.

    Returns
    -------
    float or ndarray of shape (n_prototypes,)
        Shares in [0, 1], of the part that is most often within the patch.

    Raises
    ------
    ValueError
        If a parameter is not allowed.
    TypeError
        If the explanations have no activation maps.

    See Also
    --------
    purity_score : Of one class instead of one part.

    Examples
    --------
    >>> from sklearn_proto import ProtoPNetClassifier
    >>> from sklearn_proto.metrics import make_drawn_parts, part_purity_score
    >>> X, y, parts = make_drawn_parts(30, random_state=0)
    >>> model = ProtoPNetClassifier(1, max_epochs=1, random_state=0).fit(X, y)
    >>> part_purity_score(model, X, parts=parts, average=None).shape
    (3,)
    """
    del y
    explanation = explained(estimator, X).explanation
    regions = Regions(explanation, parts, box_size)
    near = nearest_rows(explanation.similarities, n_neighbors)
    shares = [
        regions.inside(explanation, rows, j).mean(axis=0).max()
        for j, rows in enumerate(near)
    ]
    return averaged(np.array(shares), average)
