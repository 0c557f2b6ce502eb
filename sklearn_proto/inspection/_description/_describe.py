"""Change the input in one respect at a time, and see which prototypes mind."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklearn_proto._compat import Interval
from sklearn_proto._inputs._containers import like
from sklearn_proto._inputs._image_rows import checked_image_shape
from sklearn_proto._inputs._last_step import last_step
from sklearn_proto._inputs._plain_rows import plain_rows
from sklearn_proto._inputs._wrappers import unwrapped
from sklearn_proto._surroundings import undisturbed
from sklearn_proto._validation import shown, validated
from sklearn_proto.inspection._description._characteristics import (
    PrototypeCharacteristics,
)
from sklearn_proto.inspection._description._modified import (
    Change,
    Changes,
    Pictures,
    Strengths,
    group_changes,
    image_changes,
)
from sklearn_proto.inspection._description._presence import found_in, similarities_at
from sklearn_proto.inspection._feature_names import names_by_level
from sklearn_proto.inspection._way_back import transformed

Array = NDArray[np.float64]

# Whose maps are in memory at the same time.
_ROWS_AT_ONCE = 128
# Of pixels, whose differences are taken, and of changes, which are squared.
_LARGEST, _STRONGEST = 1e300, 1e6
_STRENGTH = Interval(Real, 0, _STRONGEST, closed="both")


@undisturbed
@validated(
    estimator="no_validation",
    X="no_validation",
    characteristics="no_validation",
    groups="no_validation",
    image_shape="no_validation",
    channels_first=["boolean"],
    limits="no_validation",
    hue=[_STRENGTH],
    saturation=[_STRENGTH],
    contrast=[_STRENGTH],
    warp=[_STRENGTH],
    smoothing=[Interval(Real, 1 / _STRONGEST, _STRONGEST, closed="both")],
    n_repeats=[Interval(Integral, 1, None, closed="left")],
    random_state=["random_state"],
)
def describe_prototypes(
    estimator: Any,
    X: Any,
    *,
    characteristics: Sequence[str] | None = None,
    groups: Mapping[str, ArrayLike] | None = None,
    image_shape: tuple[int, ...] | None = None,
    channels_first: bool = False,
    limits: tuple[float, float] | None = None,
    hue: float = 1 / 3,
    saturation: float = 0.5,
    contrast: float = 0.5,
    warp: float = 0.06,
    smoothing: float = 0.15,
    n_repeats: int = 3,
    random_state: int | np.random.RandomState | None = None,
) -> PrototypeCharacteristics:
    """Say what each prototype is about: colour, shape, texture, or which features.

    Every row is changed in one respect at a time. How much less alike it and a
    prototype then are is the importance of that characteristic [1]_. Of a
    part-prototype network, a changed image is compared where the original is most like
    the prototype.

    Images have "hue", "saturation", "contrast", "shape" and "texture", grey ones, and
    those of channels that are not three colours, only the last three. Rows of features
    have groups of features, which take their values from another row.

    Parameters
    ----------
    estimator : classifier, Pipeline or search
        Fitted classifier of this package, or one at the end of a pipeline, which is
        then given what it sees.
    X : array-like
        Rows or images, as the estimator takes them: those of training, for example.
    characteristics : sequence of str, optional
        Which to look at; by default all that there are.
    groups : mapping of str to array-like, optional
        Features of each group, by name or index. By default every feature is a group
        of its own; images have groups only if given any.
    image_shape : tuple of int, optional
        Shape of the image in a row, (height, width) or (height, width, channels), for
        an estimator that does not know it.
    channels_first : bool, default=False
        Whether `image_shape` is (channels, height, width), and rows hold channel after
        channel.
    limits : tuple of float, optional
        Values that are black and white; by default the smallest and largest of `X`.
    hue : float, default=1/3
        By how much of a turn the hue is shifted.
    saturation : float, default=0.5
        Factor of the distance to grey.
    contrast : float, default=0.5
        Factor of the distance to the mean brightness.
    warp : float, default=0.06
        Root mean square displacement in a smooth warp, which changes shape, as a share
        of the longer side.
    smoothing : float, default=0.15
        Difference of grey, as a share of that between black and white, up to which
        non-local means smooth texture away.
    n_repeats : int, default=3
        How often random changes, those of shape and of groups, are drawn. Importances
        are their means.
    random_state : int, RandomState instance or None, default=None
        Seeds them.

    Returns
    -------
    PrototypeCharacteristics
        Importances, over all rows and for each; ``str`` says them in words.

    Raises
    ------
    ValueError
        If a parameter is not allowed, or a characteristic is not one of such rows.
    TypeError
        If the estimator cannot explain.

    Notes
    -----
    How large an importance is depends on how much is changed. The defaults change
    each characteristic clearly; compare prototypes with each other, and mind that a
    prototype that is alike to everything is about nothing.

    References
    ----------
    .. [1] M. Nauta, A. Jutte, J. Provoost and C. Seifert. This Looks Like That,
       Because ... Explaining Prototypes for Interpretable Image Recognition. ECML PKDD
       Workshops, 2021. arXiv:2011.02863.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_proto import RBFClassifier
    >>> from sklearn_proto.inspection import describe_prototypes
    >>> iris = load_iris()
    >>> model = RBFClassifier(random_state=0).fit(iris.data, iris.target)
    >>> groups = {"sepals": [0, 1], "petals": [2, 3]}
    >>> found = describe_prototypes(model, iris.data, groups=groups, random_state=0)
    >>> found.mostly_about.tolist()
    ['petals', 'petals', 'petals']
    """
    strengths = Strengths(hue, saturation, contrast, warp, smoothing)
    strengths = Strengths(*map(float, strengths))
    steps, final, _ = unwrapped(estimator)
    transformers = tuple(step for _, step in steps)
    model, seen = last_step(final, transformed(transformers, X))
    rows = plain_rows(seen)
    first = model.explain(like(seen, rows[:1]))
    seed = check_random_state(random_state).randint(2**31 - 1)
    generator = np.random.default_rng(seed)
    shape, channels_first = _image_shape(
        model, rows, image_shape, channels_first=channels_first
    )
    if groups is not None or shape is None:
        names = names_by_level(transformers, model, None)[-1]
        names = names if len(names) == rows.shape[1] else first.feature_names
        changes = group_changes(groups, names, rows, generator)
    else:
        pictures = Pictures(shape, channels_first, _limits(limits, rows))
        changes = image_changes(pictures, strengths, generator)
    chosen = _chosen(changes, characteristics)
    pieces = [
        _similarities(model, seen, rows[i : i + _ROWS_AT_ONCE], chosen, n_repeats)
        for i in range(0, len(rows), _ROWS_AT_ONCE)
    ]
    before, after = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return _summary(list(chosen), first.prototype_labels, before, after)


def _similarities(
    model: Any, seen: Any, rows: Array, changes: Changes, n_repeats: int
) -> tuple[Array, Array]:
    """Similarities (n, K) of rows, and (n, K, n_changes) of their changed copies."""
    before, places = found_in(model.explain(like(seen, rows)))

    def once(change: Change) -> Array:
        changed = model.explain(like(seen, change.apply(rows)))
        return similarities_at(changed, places)

    after = [
        np.mean([once(c) for _ in range(n_repeats if c.random else 1)], axis=0)
        for c in changes.values()
    ]
    return before, np.stack(after, axis=2)


def _summary(
    names: list[str], labels: NDArray[Any], before: Array, after: Array
) -> PrototypeCharacteristics:
    local = before[:, :, None] - after
    total = before.sum(axis=0)
    # A prototype that is nowhere has no importance.
    weights = before / np.where(total > 0, total, 1.0)
    return PrototypeCharacteristics(
        characteristics=np.array(names),
        prototype_labels=labels,
        global_importance=np.einsum("nk,nkm->km", weights, local),
        local_importance=local,
        similarities=before,
        mean_similarities=(weights * before).sum(axis=0),
    )


def _image_shape(
    model: Any, rows: Array, given: tuple[int, ...] | None, *, channels_first: bool
) -> tuple[tuple[int, ...] | None, bool]:
    """Shape of the images with channels last, if rows are images."""
    if given is None:
        known = getattr(model, "image_shape_", None)
        return known, bool(getattr(model, "channels_first", False))
    shape = checked_image_shape(given, rows.shape[1])
    if channels_first and len(shape) > 2:
        shape = (*shape[1:], shape[0])
    return shape, channels_first


def _limits(given: tuple[float, float] | None, rows: Array) -> tuple[float, float]:
    if given is None:
        low, high = float(rows.min()), float(rows.max())
        # Blank images have no contrast to measure by.
        return low, high if high > low else low + 1.0
    try:
        low, high = (float(value) for value in given)
    except (TypeError, ValueError):
        low = high = np.nan
    if not -_LARGEST <= low < high <= _LARGEST:
        raise ValueError(
            f"limits={shown(given)} must be two numbers, the smaller first."
        )
    return low, high


def _chosen(changes: Changes, names: Sequence[str] | None) -> Changes:
    if names is None:
        return changes
    several = isinstance(names, Iterable) and np.ndim(np.asarray(names, object)) == 1
    if not several or not all(isinstance(n, str) for n in names):
        raise ValueError(
            f"characteristics={shown(names)} must be a list of some of {list(changes)}."
        )
    names = list(names)
    lacking = [name for name in names if name not in changes]
    if lacking or not len(names):
        colours = {"hue", "saturation"} & set(lacking)
        grey = " The images are grey, or not of three colours." if colours else ""
        raise ValueError(
            f"characteristics={shown(list(names))} must name some of "
            f"{list(changes)}.{grey}"
        )
    return {name: changes[name] for name in names}
