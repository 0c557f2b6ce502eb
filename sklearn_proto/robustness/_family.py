"""Families of models: who certifies which view.

A family is all that `certified_radius` and `exact_radius` know of a model. A new kind
of view gets a family by a line in the table of `family_of`.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

from torch import Tensor

from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
)
from sklearn_proto.robustness._batch import Batch, View
from sklearn_proto.robustness._enclosure import Effort, Enclosure
from sklearn_proto.robustness._nearest import NearestFamily
from sklearn_proto.robustness._parts import PartFamily
from sklearn_proto.robustness._similarity import SimilarityFamily
from sklearn_proto.robustness._threat_model._perturbations import Perturbations
from sklearn_proto.robustness._view_contract import (
    require_own_methods,
    require_sound_arrays,
)

B = TypeVar("B", bound=Batch)


class Family(Protocol[B]):
    """Bounds for one kind of view; made once a call, so it may keep what rows share."""

    # Methods whose radii are the lower bounds of `exact_radius`.
    enclosed: ClassVar[frozenset[str]]

    @property
    def view(self) -> View:
        """The model."""

    @property
    def rows_at_once(self) -> int | None:
        """Rows of a batch, or None for as many as the view predicts at once."""

    @property
    def perturbations(self) -> Perturbations:
        """Perturbations of any row, without the bounds of single rows."""

    def batch(self, perturbations: Perturbations, z: Tensor, predicted: Tensor) -> B:
        """Rows with what the bounds ask about them."""

    def bound(self, method: str) -> Callable[[B], Tensor]:
        """Look up a bound (n,) on the radii of a batch; a ValueError says why not."""

    def enclose(self, batch: B, attacked: Tensor, effort: Effort) -> Enclosure:
        """Bounds from both sides, given the sizes (n,) at which an attack succeeded."""


def family_of(view: Any, perturbations: Perturbations) -> Family[Any]:
    """Family of a certifiable view, for perturbations of its rows.

    Raises
    ------
    TypeError
        If there is no certificate for this very class.
    ValueError
        If the arrays of the view do not keep what it promises.
    """
    require_family(view)
    return _FAMILIES[type(view)](view, perturbations)


def require_family(view: Any) -> None:
    """Refuse a view that is of no class with a certificate, or was changed.

    Raises
    ------
    TypeError
        If there is no certificate for this very class.
    ValueError
        If the arrays of the view do not keep what it promises.
    """
    if type(view) not in _FAMILIES:
        raise TypeError(_refusal(type(view)))
    require_own_methods(view)
    require_sound_arrays(view)


# A subclass could override what the scores are made of, and no bound would see it.
_FAMILIES: dict[type, Callable[[Any, Perturbations], Family[Any]]] = {
    SimilarityView: SimilarityFamily,
    NearestPrototypeView: NearestFamily,
    PartPrototypeView: PartFamily,
}


def _refusal(cls: type) -> str:
    known = [base.__name__ for base in cls.__mro__ if base in _FAMILIES]
    if not known:
        return (
            f"there is no certificate for a {cls.__name__}; wrap the classifier in "
            "sklearn_proto.robustness.SmoothedClassifier."
        )
    return (
        f"there is no certificate for a {cls.__name__}: the bounds read the arrays of "
        f"a {known[0]}, and a subclass may score rows otherwise. Return a {known[0]} "
        "itself, with arrays that make the same scores, or wrap the classifier in "
        "sklearn_proto.robustness.SmoothedClassifier."
    )
