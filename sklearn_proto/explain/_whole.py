"""The explanation of a network whose prototypes can be decoded."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sklearn_proto._inputs._image_rows import check_known_shape
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.explain import _part_picture
from sklearn_proto.explain._explanation import Array, Explanation
from sklearn_proto.explain._row_summary import row_summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


def _nothing() -> Array:
    return np.empty((0, 0))


@dataclass(frozen=True, repr=False, eq=False)
class DecodedExplanation(Explanation):
    """How far rows are from prototypes, what that adds, and what these look like.

    Parameters
    ----------
    X, classes, scores, contributions, baseline, similarities, prototypes, \
prototype_labels, feature_names, evidence, row_indices : as in `Explanation`
        Prototypes are codes (K, n_codes).
    distances : ndarray of shape (n, K)
        Squared distances of the codes of rows and prototypes.
    reconstructions : ndarray of shape (n, d)
        The rows after encoding and decoding.
    decoded_prototypes : ndarray of shape (K, d)
        The prototypes as rows.
    class_weights : ndarray of shape (C, K), optional
        What a unit of distance to each prototype adds to each score. The class with
        the most negative weight is the one that a prototype stands for: every other
        loses less by being far from it.
    image_shape : tuple of int, optional
        (height, width) or (height, width, channels) of an image; None for rows.
    channels_first : bool
        Whether a row of `X` holds channel after channel.

    See Also
    --------
    PrototypeAutoencoderClassifier : Its ``explain`` makes one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import PrototypeAutoencoderClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = PrototypeAutoencoderClassifier(3, max_epochs=20, random_state=0)
    >>> explanation = model.fit(X, y).explain(X[:2])
    >>> explanation.distances.shape, explanation.class_weights.shape
    ((2, 3), (3, 3))
    """

    distances: Array = field(default_factory=_nothing)
    reconstructions: Array = field(default_factory=_nothing)
    decoded_prototypes: Array = field(default_factory=_nothing)
    class_weights: Array | None = None
    image_shape: tuple[int, ...] | None = None
    channels_first: bool = False

    _per_row: ClassVar[tuple[str, ...]] = (
        *Explanation._per_row,
        "distances",
        "reconstructions",
    )

    @undisturbed
    def to_frame(self) -> "DataFrame":
        """Tidy table with one line per row, class and prototype.

        Returns
        -------
        pandas.DataFrame
            Columns of `Explanation.to_frame`, and distance and, where there are such,
            weight.
        """
        frame, shape = super().to_frame(), self.contributions.shape
        frame["distance"] = np.broadcast_to(self.distances[:, None], shape).ravel()
        if self.class_weights is not None:
            frame["weight"] = np.broadcast_to(self.class_weights, shape).ravel()
        return frame

    @undisturbed
    def plot(
        self, i: int = 0, *, k: int = 3, image_shape: tuple[int, ...] | None = None
    ) -> "Figure":
        """Draw one row beside the decoded prototypes that decide it.

        Parameters
        ----------
        i : int
            Which row.
        k : int
            How many prototypes.
        image_shape : tuple of int, optional
            Shape of a row as a picture, if the model was not fitted on images.

        Returns
        -------
        matplotlib.figure.Figure
            A figure of its own, not registered with pyplot.

        Raises
        ------
        ValueError
            If `image_shape` is not the one of the images, or `k` is less than 1.
        """
        if self.image_shape is None:
            return super().plot(i, k=k, image_shape=image_shape)
        check_known_shape(image_shape, self.image_shape)
        return _part_picture.draw(row_summary(self[i], k))


@dataclass(frozen=True, repr=False, eq=False)
class SampledExplanation(DecodedExplanation):
    """How often each uncertain prototype explains a row, and how sure that is.

    Contributions are shares of the prototypes in the softmax of minus the distances, on
    average over samples; those of a class add up to its probability.

    Parameters
    ----------
    X, classes, scores, contributions, baseline, similarities, prototypes, \
prototype_labels, feature_names, evidence, row_indices : as in `Explanation`
        Prototypes are means of codes (K, n_codes).
    distances, reconstructions, decoded_prototypes, class_weights, image_shape, \
channels_first : as in `WholeExplanation`
        What is decoded are the means; there are no class weights.
    nearest_frequencies : ndarray of shape (n, K)
        Share of the samples in which each prototype is the nearest.
    total, aleatoric, epistemic, explanation, distance : ndarray of shape (n,)
        As in `Uncertainty`.
    decoded_deviations : ndarray of shape (K, d)
        Standard deviation of every feature of the decoded samples of a prototype.

    See Also
    --------
    ProbPSENNClassifier : Its ``explain`` makes one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import ProbPSENNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ProbPSENNClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> explanation = model.explain(X[:2])
    >>> explanation.nearest_frequencies.shape
    (2, 3)
    """

    nearest_frequencies: Array = field(default_factory=_nothing)
    total: Array = field(default_factory=lambda: np.empty(0))
    aleatoric: Array = field(default_factory=lambda: np.empty(0))
    epistemic: Array = field(default_factory=lambda: np.empty(0))
    explanation: Array = field(default_factory=lambda: np.empty(0))
    distance: Array = field(default_factory=lambda: np.empty(0))
    decoded_deviations: Array = field(default_factory=_nothing)

    _per_row: ClassVar[tuple[str, ...]] = (
        *DecodedExplanation._per_row,
        "nearest_frequencies",
        "total",
        "aleatoric",
        "epistemic",
        "explanation",
        "distance",
    )

    @undisturbed
    def to_frame(self) -> "DataFrame":
        """Tidy table with one line per row, class and prototype.

        Returns
        -------
        pandas.DataFrame
            Columns of `DecodedExplanation.to_frame`, and nearest_frequency.
        """
        frame, shape = super().to_frame(), self.contributions.shape
        often = np.broadcast_to(self.nearest_frequencies[:, None], shape)
        frame["nearest_frequency"] = often.ravel()
        return frame
