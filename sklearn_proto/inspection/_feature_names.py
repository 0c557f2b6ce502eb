"""Names of features, on their way through the steps of a pipeline."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_proto._validation import shown

Names = NDArray[Any]


def given_names(feature_names: ArrayLike, *widths: int) -> Names:
    """Check names that a reader gives for rows of some width.

    Raises
    ------
    ValueError
        If there are not as many.
    """
    try:
        names = np.asarray(feature_names, dtype=object)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"feature_names={shown(feature_names)} must be a list of names."
        ) from error
    if names.shape not in [(width,) for width in widths]:
        count = " or ".join(map(str, sorted(widths)))
        raise ValueError(
            f"feature_names has shape {names.shape}, but a row is shown as {count} "
            "numbers."
        )
    return names


def names_by_level(
    transformers: tuple[Any, ...], final: Any, raw: Names | None
) -> list[Names]:
    """Names in front of each step, and those of what the classifier sees."""
    stages = (*transformers, final)
    names = _at_fit(stages[0]) if raw is None else raw
    found = [names]
    for step, following in zip(transformers, stages[1:], strict=False):
        names = _behind(step, names, getattr(following, "n_features_in_", 0))
        found.append(names)
    return found


def _at_fit(step: Any) -> Names:
    """Names that scikit-learn keeps, or else the positions; none of texts."""
    default = [f"x{i}" for i in range(getattr(step, "n_features_in_", 0))]
    return np.asarray(getattr(step, "feature_names_in_", default), dtype=object)


def _behind(step: Any, names: Names, width: int) -> Names:
    """Names of what a step makes of features, where it says."""
    for arguments in ((names,), ()):
        try:
            found = np.asarray(step.get_feature_names_out(*arguments), dtype=object)
        except (AttributeError, TypeError, ValueError):
            continue
        if found.shape == (width,):
            return found
    made = type(step).__name__.lower()
    return np.array([f"{made}{i}" for i in range(width)], dtype=object)
