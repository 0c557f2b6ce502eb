"""The explanation of a part-prototype network: this looks like that."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from sklearn_proto._inputs._image_rows import check_known_shape
from sklearn_proto._modules import ReceptiveField
from sklearn_proto._surroundings import undisturbed
from sklearn_proto.explain import _part_picture
from sklearn_proto.explain._activation import upsampled
from sklearn_proto.explain._explanation import Array, Explanation
from sklearn_proto.explain._row_summary import row_summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, repr=False, eq=False)
class PartExplanation(Explanation):
    """Which parts of images decided, and which parts of training images they are like.

    Parameters
    ----------
    X, classes, scores, contributions, baseline, similarities, prototypes, \
prototype_labels, feature_names, evidence, row_indices : as in `Explanation`
        Prototypes are latent patches (K, n_channels, patch_size, patch_size).
    similarity_maps : ndarray of shape (n, K, H', W')
        Similarity of every latent patch to each prototype.
    bounding_boxes : ndarray of shape (n, K, 4)
        Top, left, bottom and right of the part of the image that is like each
        prototype, the last two one beyond it.
    image_shape : tuple of int
        (height, width) or (height, width, channels) of an image.
    channels_first : bool
        Whether a row of `X` holds channel after channel.
    prototype_images, prototype_boxes, prototype_indices : ndarray, optional
        The training image (K, height, width[, channels]) that holds each prototype,
        where in it (K, 4), and its row in what ``fit`` was given (K,). None where
        prototypes were never projected.
    receptive_field : tuple of three pairs of int, optional
        Size, stride and offset, along height and width, of the pixels that a latent
        position can depend on. None where the arithmetic of the backbone is not known.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_proto import ProtoPNetClassifier
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> model = ProtoPNetClassifier(1, image_shape=(8, 8), max_epochs=1, random_state=0)
    >>> explanation = model.fit(X, y).explain(X[:3])
    >>> explanation.bounding_boxes.shape, explanation.activation_maps.shape
    ((3, 2, 4), (3, 2, 8, 8))
    """

    similarity_maps: Array = field(default_factory=lambda: np.empty((0, 0, 0, 0)))
    bounding_boxes: NDArray[np.intp] = field(
        default_factory=lambda: np.empty((0, 0, 4), dtype=np.intp)
    )
    image_shape: tuple[int, ...] = ()
    channels_first: bool = False
    prototype_images: Array | None = None
    prototype_boxes: NDArray[np.intp] | None = None
    prototype_indices: NDArray[np.intp] | None = None
    receptive_field: tuple[tuple[int, int], ...] | None = None

    _per_row: ClassVar[tuple[str, ...]] = (
        *Explanation._per_row,
        "similarity_maps",
        "bounding_boxes",
    )

    @property
    def activation_maps(self) -> Array:
        """Similarities at image resolution, of shape (n, K, height, width)."""
        height, width = self.image_shape[:2]
        return upsampled(self.similarity_maps, (height, width))

    @property
    def receptive_boxes(self) -> NDArray[np.intp] | None:
        """Boxes (n, K, 4) of all that the best patches can depend on.

        `bounding_boxes` say where the similarity is highest, these from where in the
        image it can come at most. None where the field is not known.
        """
        if self.receptive_field is None:
            return None
        height, width = self.similarity_maps.shape[2:]
        best = self.similarity_maps.reshape(*self.similarities.shape, -1).argmax(-1)
        patch_size, image_size = self.prototypes.shape[2:], self.image_shape[:2]
        field = ReceptiveField(*self.receptive_field)
        return field.box(best, (height, width), patch_size, image_size)

    def activation_of(self, j: int) -> Array:
        """Upsample the similarity to a prototype to the resolution of the images.

        Parameters
        ----------
        j : int
            Which prototype.

        Returns
        -------
        ndarray of shape (n, height, width)
            Its similarity to every place of every row.
        """
        height, width = self.image_shape[:2]
        return upsampled(self.similarity_maps[:, j], (height, width))

    @undisturbed
    def to_frame(self) -> "DataFrame":
        """Tidy table with one line per row, class and prototype.

        Returns
        -------
        pandas.DataFrame
            The columns of `Explanation.to_frame`, then top, left, bottom and right of
            the part that is like the prototype, and prototype_index, the training row
            that holds it, where prototypes were projected.
        """
        frame = super().to_frame()
        n, c, k = self.contributions.shape
        boxes = np.broadcast_to(self.bounding_boxes[:, None], (n, c, k, 4))
        for i, side in enumerate(("top", "left", "bottom", "right")):
            frame[side] = boxes[..., i].ravel()
        if self.prototype_indices is not None:
            frame["prototype_index"] = np.tile(self.prototype_indices, n * c)
        return frame

    @undisturbed
    def plot(
        self, i: int = 0, *, k: int = 3, image_shape: tuple[int, ...] | None = None
    ) -> "Figure":
        """Draw what parts of an image are like, and in which training images.

        A line for each prototype: the image with the part that is most like it, the
        similarities laid over the image, in the frame of all that the best patch can
        depend on, the training image that holds the prototype, and what that adds to
        the lead over the runner-up. An image one pixel high is drawn as a profile.

        Parameters
        ----------
        i : int
            Which row.
        k : int
            How many prototypes.
        image_shape : None
            Not needed, since the explanation knows it.

        Returns
        -------
        matplotlib.figure.Figure
            A figure of its own, not registered with pyplot.

        Raises
        ------
        ValueError
            If `image_shape` is given and is not the one of the images, or `k` is less
            than 1.
        """
        check_known_shape(image_shape, self.image_shape)
        return _part_picture.draw(row_summary(self[i], k))
