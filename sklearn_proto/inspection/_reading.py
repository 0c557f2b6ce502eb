"""A fitted classifier, and the way from what it sees back to what a reader knows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sklearn_proto.explain import Explanation, image_of_row
from sklearn_proto.robustness._containers import without_names
from sklearn_proto.robustness._front import taken_apart

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reading:
    """The classifier at the end of a pipeline, shown in the units of the data.

    Where a step cannot be undone, rows and prototypes are shown as the classifier sees
    them.

    Parameters
    ----------
    estimator : classifier
        The fitted classifier.
    transformers : tuple
        The steps in front of it.
    restores : bool
        Whether all of them can be undone.
    feature_names : ndarray of str
        Names of what is shown.
    """

    estimator: Any
    transformers: tuple[Any, ...]
    restores: bool
    feature_names: NDArray[Any]

    def seen(self, X: ArrayLike) -> Any:
        """Rows as the classifier sees them."""
        return _forward(self.transformers, X)

    def shown(self, X: ArrayLike) -> Array:
        """Rows (n, d) as a reader sees them."""
        rows = _dense(X if self.restores else self.seen(X))
        return np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)

    def names_seen(self, feature_names: ArrayLike | None = None) -> NDArray[Any]:
        """Names of the features that the classifier sees."""
        if feature_names is not None:
            return _names_given(feature_names, self.estimator.n_features_in_)
        return _names_behind(self.transformers, self.estimator)

    def points(self) -> Array | None:
        """Prototypes (K, d) as a reader sees them; None where they are latent."""
        points = _points(self.estimator)
        if points is None or not self.restores:
            return points
        return _backward(self.transformers, points)

    def pictures(self, image_shape: tuple[int, ...] | None) -> Array | None:
        """Prototypes (K, height, width[, channels]) as images; None if they are rows.

        Raises
        ------
        ValueError
            If `image_shape` is not the shape of a prototype.
        """
        images = getattr(self.estimator, "prototype_images_", None)
        if images is not None:
            if image_shape not in (None, images.shape[1:]):
                raise ValueError(
                    f"image_shape={image_shape!r} is not {images.shape[1:]}, the shape "
                    "of the images that the model was fitted on."
                )
            return np.asarray(images, dtype=np.float64)
        points = self.points()
        if image_shape is None or points is None:
            return None
        return as_images(points, image_shape)

    def explain(self, X: Any, rows: NDArray[np.intp]) -> Explanation:
        """Explanation of some rows, with prototypes as a reader sees them."""
        few = taken(X, rows)
        found: Explanation = self.estimator.explain(self.seen(few))
        explanation = replace(found, row_indices=rows)
        points = self.points()
        if points is None:
            return explanation
        fields: dict[str, Any] = {"X": self.shown(few), "prototypes": points}
        if hasattr(explanation, "decoded_prototypes"):  # The others are codes.
            fields["decoded_prototypes"] = fields.pop("prototypes")
        return replace(explanation, feature_names=self.feature_names, **fields)


def read(estimator: Any, feature_names: ArrayLike | None = None) -> Reading:
    """Take a fitted classifier, a pipeline or a search apart for a reader.

    Raises
    ------
    TypeError
        If the last step has no prototypes.
    ValueError
        If there are not as many names as features.
    """
    steps, final = taken_apart(estimator)
    needed(final, "prototypes_", "inspection")
    transformers = tuple(step for _, step in steps)
    points = _points(final)
    restores = _restores(transformers, points)
    reading = Reading(final, transformers, restores, np.empty(0))
    if feature_names is not None:
        names = _names_given(feature_names, _width(reading))
    elif restores:
        names = _names_at_fit((*transformers, final)[0])
    else:
        names = reading.names_seen()
    return replace(reading, feature_names=names)


def needed(estimator: Any, attribute: str, display: str) -> Any:
    """Fitted attribute that a display draws.

    Raises
    ------
    TypeError
        If the estimator is of a kind that has no such attribute.
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, attribute):
        raise TypeError(
            f"{display} needs a model with {attribute}, but "
            f"{type(estimator).__name__} has none."
        )
    return getattr(estimator, attribute)


def as_images(
    rows: Array, image_shape: tuple[int, ...], *, channels_first: bool = False
) -> Array:
    """Rows (n, d) as images of a shape (height, width) or (height, width, channels).

    Raises
    ------
    ValueError
        If that is not the shape of a row.
    """
    if len(image_shape) not in (2, 3) or np.prod(image_shape) != rows.shape[1]:
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) or (height, width, "
            f"channels) of {rows.shape[1]} numbers, which is what a row has."
        )
    return np.stack(
        [image_of_row(row, image_shape, channels_first=channels_first) for row in rows]
    )


def taken(X: Any, rows: NDArray[np.intp]) -> Any:
    """Take some rows, in the container that all of them are in."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return X[rows] if hasattr(X, "shape") else np.asarray(X)[rows]


def _points(estimator: Any) -> Array | None:
    """Prototypes that live where the rows do."""
    if hasattr(estimator, "prototype_images_"):
        return None
    # Codes may happen to have as many numbers as a row.
    points = getattr(estimator, "decoded_prototypes_", estimator.prototypes_)
    here = points.ndim == 2 and points.shape[1] == estimator.n_features_in_
    return np.asarray(points, dtype=np.float64) if here else None


def _restores(transformers: tuple[Any, ...], points: Array | None) -> bool:
    """Whether the steps can be undone: back and forth must lead home.

    A selection of features could only be undone by inventing those that it dropped.
    """
    if not transformers:
        return True
    undone = all(
        hasattr(step, "inverse_transform") and not hasattr(step, "get_support")
        for step in transformers
    )
    if points is None or not undone:
        return False
    try:
        again = _dense(_forward(transformers, _backward(transformers, points)))
    except ValueError:  # Of an encoder, for example: no category is in between.
        return False
    return again.shape == points.shape and np.allclose(again, points, rtol=1e-6)


def _forward(transformers: tuple[Any, ...], X: Any) -> Any:
    # Restored prototypes are arrays, even where a frame was fitted.
    with without_names():
        for step in transformers:
            X = step.transform(X)
    return X


def _backward(transformers: tuple[Any, ...], rows: Array) -> Array:
    for step in reversed(transformers):
        rows = step.inverse_transform(rows)
    return np.asarray(_dense(rows), dtype=np.float64)


def _dense(X: Any) -> NDArray[Any]:
    return np.asarray(X.toarray() if sparse.issparse(X) else X)


def _width(reading: Reading) -> int:
    first = (*reading.transformers, reading.estimator)[0]
    return int((first if reading.restores else reading.estimator).n_features_in_)


def _names_given(feature_names: ArrayLike, width: int) -> NDArray[Any]:
    names = np.asarray(feature_names, dtype=object)
    if names.shape != (width,):
        raise ValueError(
            f"feature_names has shape {names.shape}, but a row is shown as {width} "
            "numbers."
        )
    return names


def _names_at_fit(step: Any) -> NDArray[Any]:
    """Names that scikit-learn keeps, or else the positions."""
    default = [f"x{i}" for i in range(step.n_features_in_)]
    return np.asarray(getattr(step, "feature_names_in_", default), dtype=object)


def _names_behind(transformers: tuple[Any, ...], final: Any) -> NDArray[Any]:
    """Names of what the steps make of the features, where they say."""
    names = _names_at_fit((*transformers, final)[0])
    try:
        for step in transformers:
            names = step.get_feature_names_out(names)
    except (AttributeError, ValueError):
        return _names_at_fit(final)
    return np.asarray(names, dtype=object)
