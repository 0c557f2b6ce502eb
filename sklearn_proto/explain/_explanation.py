"""The result of ``explain``."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._surroundings import undisturbed
from sklearn_proto.explain import _html, _picture
from sklearn_proto.explain._ranking import best_two, largest
from sklearn_proto.explain._row_summary import RowSummary, row_summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Array = NDArray[np.float64]

# A text or a card of more rows than this says how many more there are.
_ROWS_SHOWN = 10
_PARTS_SHOWN = 5


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

    # Arrays that go with the rows; the terms of `evidence` do too.
    _per_row: ClassVar[tuple[str, ...]] = (
        "X",
        "scores",
        "contributions",
        "similarities",
        "row_indices",
    )

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.scores)

    def __getitem__(self, rows: int | slice | NDArray[Any] | list[int]) -> Self:
        """Explanation of some of the rows; one row stays two-dimensional.

        Raises
        ------
        IndexError
            If a row is out of range.
        """
        i = np.atleast_1d(np.arange(len(self))[rows])
        evidence = {name: term[i] for name, term in self.evidence.items()}
        arrays: dict[str, Any] = {a: getattr(self, a)[i] for a in self._per_row}
        return replace(self, evidence=evidence, **arrays)

    def __iter__(self) -> Iterator[Self]:
        """Explanations of the single rows."""
        return (self[i] for i in range(len(self)))

    @property
    def winners(self) -> NDArray[np.intp]:
        """Index of the predicted class of each row, shape (n,)."""
        return np.asarray(self.scores.argmax(axis=1))

    @property
    def runners_up(self) -> NDArray[np.intp]:
        """Index of the second best class of each row, shape (n,)."""
        return best_two(self.scores)[:, 1]

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

    @undisturbed
    def top(self, k: int = 3) -> NDArray[np.intp]:
        """Find the prototypes that matter most for the lead over the runner-up.

        Parameters
        ----------
        k : int
            How many, at most the number of prototypes.

        Returns
        -------
        ndarray of shape (n, k)
            Indices, by falling size of `decisive`.

        Raises
        ------
        ValueError
            If `k` is less than 1.
        """
        return largest(self.decisive, k)

    @undisturbed
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

    @undisturbed
    def plot(
        self, i: int = 0, *, k: int = 5, image_shape: tuple[int, ...] | None = None
    ) -> "Figure":
        """Draw one row beside the prototypes that decide it.

        Parameters
        ----------
        i : int
            Which row.
        k : int
            How many prototypes, or how many features where features decide.
        image_shape : tuple of int, optional
            Shape of a row as a picture, (height, width) or (height, width, channels).
            Without it a row is drawn as its features.

        Returns
        -------
        matplotlib.figure.Figure
            A figure of its own, not registered with pyplot.
        """
        return _picture.draw(row_summary(self[i], k), image_shape)

    def _summaries(self) -> list[RowSummary]:
        return [row_summary(row, _PARTS_SHOWN) for row in self[:_ROWS_SHOWN]]

    @undisturbed
    def __str__(self) -> str:
        """Sentences, one per row."""
        lines = [summary.sentence for summary in self._summaries()]
        if len(self) > len(lines):
            lines.append(f"... and {len(self) - len(lines)} more rows.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Summarise on one line."""
        n, c, k = self.contributions.shape
        return f"{type(self).__name__}({n} rows, {c} classes, {k} prototypes)"

    @undisturbed
    def _repr_html_(self) -> str:
        summaries = self._summaries()
        return _html.card(summaries, len(self) - len(summaries))
