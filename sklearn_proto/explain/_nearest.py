"""The result of ``explain`` of models in which the nearest prototype decides."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._surroundings import undisturbed
from sklearn_proto.explain._explanation import Explanation
from sklearn_proto.explain._ranking import best_two, largest

if TYPE_CHECKING:
    from pandas import DataFrame

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class NearestPrototypeExplanation(Explanation):
    """Which two prototypes decided on each row, and by which features.

    Two sums hold: ``contributions.sum(-1) + baseline`` equals ``scores``, and
    ``feature_terms.sum(1)`` is the quantity that `decision` names.

    Parameters
    ----------
    X, classes, scores, contributions, baseline, similarities, prototypes, \
prototype_labels, feature_names, evidence, row_indices : as in `Explanation`
        Where a score is minus the dissimilarity D of the closest
        prototype of a class, that prototype contributes ``-D`` and the others 0; the
        baseline of a class without prototypes is minus infinity.
    winning_prototypes : ndarray of shape (n, C)
        Index of the closest prototype of each class, -1 for a class without any.
    winning_distances : ndarray of shape (n, C)
        Dissimilarity of that prototype as the model measures it, infinite without any.
    feature_terms : ndarray of shape (n, d)
        What each feature adds to the decision between the two prototypes that decide:
        its part of D to the rival less its part of D to the winner, in units of the
        decision.
    decision : str
        What the terms of a row add up to. Of a model whose scores are minus
        dissimilarities: "difference of the distances" (or of the squared distances),
        which is the lead of the winner's score over the runner-up's. Of a mixture of
        Gaussians: "log-ratio of the densities" of the two deciding prototypes; its
        scores are posteriors of whole classes, and their lead is another number.

    See Also
    --------
    Explanation : What each prototype contributes.
    deciding_prototypes : Finds the two, before there are terms to explain.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_proto.explain import (
    ...     NearestPrototypeExplanation,
    ...     nearest_contributions,
    ... )
    >>> prototypes = np.array([[0.0, 0.0], [3.0, 1.0]])
    >>> x = np.array([[1.0, 1.0]])
    >>> squares = (x - prototypes) ** 2
    >>> D = squares.sum(1)[None]  # one prototype a class
    >>> parts = nearest_contributions(D, np.array([[0, 1]]), n_prototypes=2)
    >>> explanation = NearestPrototypeExplanation(
    ...     X=x,
    ...     classes=np.array(["a", "b"]),
    ...     scores=-D,
    ...     contributions=parts.values,
    ...     baseline=parts.baseline,
    ...     similarities=np.exp(-D),
    ...     prototypes=prototypes,
    ...     prototype_labels=np.array(["a", "b"]),
    ...     feature_names=np.array(["width", "height"]),
    ...     row_indices=np.arange(1),
    ...     winning_prototypes=np.array([[0, 1]]),
    ...     winning_distances=D,
    ...     feature_terms=squares[[1]] - squares[[0]],
    ...     decision="difference of the squared distances",
    ... )
    >>> explanation.feature_terms
    array([[ 3., -1.]])
    >>> explanation.decision_values
    array([2.])
    >>> explanation.deciding
    array([[0, 1]])
    """

    winning_prototypes: Indices
    winning_distances: Array
    feature_terms: Array
    decision: str

    _per_row: ClassVar[tuple[str, ...]] = (
        *Explanation._per_row,
        "winning_prototypes",
        "winning_distances",
        "feature_terms",
    )

    @property
    def deciding(self) -> Indices:
        """Closest prototypes of the predicted class and the runner-up, shape (n, 2)."""
        return deciding_prototypes(self.scores, self.winning_prototypes)

    @property
    def deciding_distances(self) -> Array:
        """Dissimilarities of these two, shape (n, 2)."""
        found = np.take_along_axis(self.winning_distances, best_two(self.scores), 1)
        return np.asarray(found)

    @property
    def decision_values(self) -> Array:
        """Quantity that `decision` names, shape (n,): the sum of the feature terms."""
        return np.asarray(self.feature_terms.sum(axis=1))

    @undisturbed
    def top_features(self, k: int = 3) -> Indices:
        """Find the features that matter most for the decision.

        Parameters
        ----------
        k : int
            How many, at most the number of features.

        Returns
        -------
        ndarray of shape (n, k)
            Indices, by falling size of `feature_terms`.

        Raises
        ------
        ValueError
            If `k` is less than 1.
        """
        return largest(self.feature_terms, k)

    @undisturbed
    def features_to_frame(self) -> "DataFrame":
        """Tidy table with one line per row and feature.

        Returns
        -------
        pandas.DataFrame
            Columns row, prediction, rival (the runner-up's label), feature, value,
            winner_prototype_value, rival_prototype_value (of the two prototypes that
            decide) and term.
        """
        import pandas as pd

        n, d = self.feature_terms.shape
        winner, rival = self.deciding.T

        def by_row(values: NDArray[Any]) -> NDArray[Any]:
            return np.repeat(values, d)

        return pd.DataFrame(
            {
                "row": by_row(self.row_indices),
                "prediction": by_row(self.predictions),
                "rival": by_row(self.classes[self.runners_up]),
                "feature": np.tile(self.feature_names, n),
                "value": self.X.ravel(),
                "winner_prototype_value": self.prototypes[winner].ravel(),
                "rival_prototype_value": self.prototypes[rival].ravel(),
                "term": self.feature_terms.ravel(),
            }
        )


def deciding_prototypes(scores: Array, winning_prototypes: Indices) -> Indices:
    """Two prototypes that decide on each row.

    Parameters
    ----------
    scores : ndarray of shape (n, C)
        Score of every class.
    winning_prototypes : ndarray of shape (n, C)
        Index of the closest prototype of each class, -1 for a class without any.

    Returns
    -------
    ndarray of shape (n, 2)
        Closest prototypes of the class that wins and of the runner-up.

    Raises
    ------
    ValueError
        If fewer than two classes of a row have a prototype.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_proto.explain import deciding_prototypes
    >>> scores = np.array([[-3.0, -1.0, -2.0]])
    >>> deciding_prototypes(scores, np.array([[0, 4, 5]]))
    array([[4, 5]])
    """
    found = np.take_along_axis(winning_prototypes, best_two(scores), axis=1)
    lacking = np.flatnonzero((found < 0).any(axis=1))
    if len(lacking):
        i = lacking[0]
        raise ValueError(
            f"winning_prototypes[{i}]={winning_prototypes[i].tolist()} is not allowed; "
            "the two classes with the best scores need a prototype each."
        )
    return np.asarray(found)
