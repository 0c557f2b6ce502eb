"""The result of ``explain``."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_proto.explain import _html, _picture, _sentence

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Explanation:
    """Why rows were classified as they were.

    The parts add up: ``contributions.sum(-1) + baseline`` equals ``scores``.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        The rows.
    classes : ndarray of shape (C,)
        Class labels.
    scores : ndarray of shape (n, C)
        Score of every class; the largest wins.
    contributions : ndarray of shape (n, C, K)
        What each prototype adds to each score.
    baseline : ndarray of shape (C,)
        Scores without any prototype.
    similarities : ndarray of shape (n, K)
        Similarity of each row to each prototype, in [0, 1].
    prototypes : ndarray of shape (K, d)
        The prototypes.
    prototype_labels : ndarray of shape (K,)
        Class each prototype was placed in.
    feature_names : ndarray of shape (d,) of str
        Names of the features.
    evidence : dict of str to ndarray of shape (n, C, K)
        Finer terms. For CBC: "positive_agreement" (present and required),
        "negative_agreement" (absent and required absent), "positive_disagreement"
        (absent but required) and "negative_disagreement" (present but required
        absent); the first two add up to `contributions`.
    row_indices : ndarray of shape (n,)
        Position of each row in what was passed to ``explain``.

    See Also
    --------
    RBFClassifier.explain : Makes one.
    CBCClassifier.explain : Makes one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import CBCClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> explanation = CBCClassifier(random_state=0).fit(X, y).explain(X[:2])
    >>> len(explanation)
    2
    >>> explanation.top(1).shape
    (2, 1)
    """

    X: Array
    classes: NDArray[Any]
    scores: Array
    contributions: Array
    baseline: Array
    similarities: Array
    prototypes: Array
    prototype_labels: NDArray[Any]
    feature_names: NDArray[Any]
    evidence: dict[str, Array] = field(default_factory=dict)
    row_indices: NDArray[np.intp] = field(default_factory=lambda: np.arange(0))

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.scores)

    def __getitem__(
        self, rows: int | slice | NDArray[Any] | list[int]
    ) -> "Explanation":
        """Explanation of some of the rows; one row stays two-dimensional.

        Raises
        ------
        IndexError
            If a row is out of range.
        """
        chosen = np.arange(len(self))[rows]
        i = np.atleast_1d(chosen)
        return replace(
            self,
            X=self.X[i],
            scores=self.scores[i],
            contributions=self.contributions[i],
            similarities=self.similarities[i],
            evidence={name: term[i] for name, term in self.evidence.items()},
            row_indices=self.row_indices[i],
        )

    def __iter__(self) -> Iterator["Explanation"]:
        """Explanations of the single rows."""
        return (self[i] for i in range(len(self)))

    @property
    def winners(self) -> NDArray[np.intp]:
        """Index of the predicted class of each row, shape (n,)."""
        return np.asarray(self.scores.argmax(axis=1))

    @property
    def runners_up(self) -> NDArray[np.intp]:
        """Index of the second best class of each row, shape (n,)."""
        without = self.scores.copy()
        without[np.arange(len(self)), self.winners] = -np.inf
        return np.asarray(without.argmax(axis=1))

    @property
    def predictions(self) -> NDArray[Any]:
        """Predicted labels, shape (n,)."""
        return np.asarray(self.classes[self.winners])

    @property
    def decisive(self) -> Array:
        """What each prototype adds to the lead over the runner-up, shape (n, K)."""
        rows = np.arange(len(self))
        lead = (
            self.contributions[rows, self.winners]
            - self.contributions[rows, self.runners_up]
        )
        return np.asarray(lead)

    def top(self, k: int = 3) -> NDArray[np.intp]:
        """Prototypes that matter most for the lead over the runner-up.

        Parameters
        ----------
        k : int
            How many, at most the number of prototypes.

        Returns
        -------
        ndarray of shape (n, k)
            Indices, by falling size of `decisive`.
        """
        if k < 1:
            raise ValueError(f"k={k!r} must be at least 1.")
        return np.argsort(-np.abs(self.decisive), axis=1, kind="stable")[:, :k]

    def to_frame(self) -> "DataFrame":
        """Tidy table with one line per row, class and prototype.

        Returns
        -------
        pandas.DataFrame
            Columns row, prediction, class, score, baseline, prototype,
            prototype_label, similarity, contribution and the evidence terms.
        """
        import pandas as pd

        n, c, k = self.contributions.shape
        shape = (n, c, k)

        def column(values: NDArray[Any], axes: tuple[int, ...]) -> NDArray[Any]:
            view = values.reshape([shape[a] if a in axes else 1 for a in range(3)])
            return np.broadcast_to(view, shape).ravel()

        columns = {
            "row": column(self.row_indices, (0,)),
            "prediction": column(self.predictions, (0,)),
            "class": column(self.classes, (1,)),
            "score": column(self.scores, (0, 1)),
            "baseline": column(self.baseline, (1,)),
            "prototype": column(np.arange(k), (2,)),
            "prototype_label": column(self.prototype_labels, (2,)),
            "similarity": column(self.similarities, (0, 2)),
            "contribution": self.contributions.ravel(),
        }
        return pd.DataFrame(columns | {n: t.ravel() for n, t in self.evidence.items()})

    def plot(
        self, i: int = 0, *, k: int = 5, image_shape: tuple[int, ...] | None = None
    ) -> "Figure":
        """Draw one row beside the prototypes that decide it.

        Parameters
        ----------
        i : int
            Which row.
        k : int
            How many prototypes.
        image_shape : tuple of int, optional
            Shape of a row as a picture, (height, width) or (height, width, channels).
            Without it a row is drawn as its features.

        Returns
        -------
        matplotlib.figure.Figure
            A figure of its own, not registered with pyplot.
        """
        return _picture.draw(self[i], k=k, image_shape=image_shape)

    def __str__(self) -> str:
        """Sentences, one per row."""
        shown = [_sentence.describe(row) for row in self[:10]]
        if len(self) > len(shown):
            shown.append(f"... and {len(self) - len(shown)} more rows.")
        return "\n".join(shown)

    def __repr__(self) -> str:
        """Summarise on one line."""
        n, c, k = self.contributions.shape
        return f"Explanation({n} rows, {c} classes, {k} prototypes)"

    def _repr_html_(self) -> str:
        return _html.card(self)
