"""A fitted classifier, and the way from what it sees back to what a reader knows."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_proto._inputs._image_rows import check_known_shape, checked_image_shape
from sklearn_proto._inputs._wrappers import unwrapped
from sklearn_proto.explain import Explanation, image_of_row, name
from sklearn_proto.inspection._feature_names import given_names, names_by_level
from sklearn_proto.inspection._way_back import WayBack, transformed, way_back

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UnwrappedModel:
    """The classifier at the end of a pipeline, shown in the units of the data.

    Columns that cannot be undone are shown as the first step that can be reached from
    the classifier makes them.

    Parameters
    ----------
    estimator : classifier
        The fitted classifier.
    transformers : tuple
        The steps in front of it.
    way : WayBack
        What is shown, and how it follows from what the classifier sees.
    feature_names : ndarray of str
        Names of what is shown.
    level_names : list of ndarray of str
        Names of the features in front of each step, and those that the classifier sees.
    wrapped : bool
        Whether something changes what the classifier says, such as a threshold.
    outer : classifier
        All of it, as it was given.
    """

    estimator: Any
    transformers: tuple[Any, ...]
    way: WayBack
    feature_names: NDArray[Any]
    level_names: list[NDArray[Any]]
    wrapped: Any
    outer: Any

    @property
    def restores(self) -> bool:
        """Whether rows are shown as they are given, with all their features."""
        return self.way.whole

    @property
    def units(self) -> str:
        """Whose output the features that are shown are; empty for raw ones."""
        if not self.way.where:
            return ""
        raw = any(stop.level == 0 for stop in self.way.stops)
        made = " and ".join(self.way.where)
        return f"{'partly ' if raw else ''}in the output of {made}"

    def seen(self, X: ArrayLike) -> Any:
        """Rows as the classifier sees them."""
        return transformed(self.transformers, X)

    def shown(self, X: ArrayLike) -> Array:
        """Rows (n, d) as a reader sees them.

        Raises
        ------
        ValueError
            If `X` is not what ``predict`` takes.
        """
        # Rows that are not those of the model would be drawn as if they were.
        self.outer.predict(X)
        return self.way.forward(X)

    def names_seen(self, feature_names: ArrayLike | None = None) -> NDArray[Any]:
        """Names of the features that the classifier sees."""
        if feature_names is not None:
            return given_names(feature_names, self.estimator.n_features_in_)
        return self.level_names[-1]

    def points(self) -> Array | None:
        """Prototypes (K, d) as a reader sees them; None where they are latent."""
        points = _points(self.estimator)
        return None if points is None else self.way.back(points)

    def pictures(self, image_shape: tuple[int, ...] | None) -> Array | None:
        """Prototypes (K, height, width[, channels]) as images; None if they are rows.

        Raises
        ------
        ValueError
            If `image_shape` is not the shape of a prototype.
        """
        images = getattr(self.estimator, "prototype_images_", None)
        if images is not None:
            check_known_shape(image_shape, images.shape[1:])
            return np.asarray(images, dtype=np.float64)
        points = self.points()
        if image_shape is None or points is None:
            return None
        return as_images(points, image_shape)

    def explain(self, X: Any, rows: NDArray[np.intp]) -> Explanation:
        """Explanation of some rows, with prototypes as a reader sees them."""
        # Some steps do not make of one row what they make of many.
        few = taken(self.seen(X), rows)
        found: Explanation = self.estimator.explain(few)
        explanation = replace(found, row_indices=rows)
        points = _points(self.estimator)
        if points is None:
            return explanation
        fields: dict[str, Any] = {"X": self.way.forward(X)[rows]}
        fields["prototypes"] = self.way.back(points)
        if hasattr(explanation, "decoded_prototypes"):  # The others are codes.
            fields["decoded_prototypes"] = fields.pop("prototypes")
        if hasattr(explanation, "feature_terms"):
            sources = self.way.sources(points)
            # What a component adds cannot be told of the features it is made of.
            if not np.array_equal(np.sort(sources), np.arange(found.X.shape[1])):
                return replace(explanation, feature_names=self.names_seen())
            fields["feature_terms"] = explanation.feature_terms[:, sources]
        return replace(explanation, feature_names=self.feature_names, **fields)

    def verdict(self, X: Any, i: int) -> str:
        """Say what a wrapper makes of a row; empty without one."""
        if self.wrapped is None:
            return ""
        few = taken(X, np.array([i]))
        label = self.outer.predict(few)[0]
        said = f"{type(self.wrapped).__name__} predicts {name(label)}"
        if hasattr(self.outer, "predict_proba"):
            classes = np.asarray(self.outer.classes_)
            (p,) = self.outer.predict_proba(few)[0][classes == label]
            said += f", probability {p:.2f}"
        return said


def unwrap_model(
    estimator: Any, feature_names: ArrayLike | None = None
) -> UnwrappedModel:
    """Take a fitted classifier, a pipeline or a search apart for a reader.

    Raises
    ------
    TypeError
        If the last step has no prototypes.
    ValueError
        If there are not as many names as features.
    """
    steps, final, wrapped = unwrapped(estimator)
    needed(final, "prototypes_", "inspection")
    transformers = tuple(step for _, step in steps)
    way = way_back(transformers, _points(final), final.n_features_in_)
    count = sum(len(stop.columns) for stop in way.stops)
    raw = None
    if feature_names is not None:
        told = given_names(feature_names, *{count, way.width or count})
        raw = told if len(told) == way.width else None
    names = names_by_level(transformers, final, raw)
    shown = np.concatenate([names[stop.level][stop.columns] for stop in way.stops])
    if feature_names is not None and raw is None:
        shown = told
    return UnwrappedModel(final, transformers, way, shown, names, wrapped, estimator)


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
    shape = checked_image_shape(image_shape, rows.shape[1])
    return np.stack(
        [image_of_row(row, shape, channels_first=channels_first) for row in rows]
    )


def taken(X: Any, rows: NDArray[np.intp]) -> Any:
    """Take some rows, in the container that all of them are in."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    # Rows in a list may be texts, dicts, or tokens of any number.
    return X[rows] if hasattr(X, "shape") else [X[i] for i in rows]


def _points(estimator: Any) -> Array | None:
    """Prototypes that live where the rows do."""
    if hasattr(estimator, "prototype_images_"):
        return None
    # Codes may happen to have as many numbers as a row.
    points = getattr(estimator, "decoded_prototypes_", estimator.prototypes_)
    here = points.ndim == 2 and points.shape[1] == estimator.n_features_in_
    return np.asarray(points, dtype=np.float64) if here else None
