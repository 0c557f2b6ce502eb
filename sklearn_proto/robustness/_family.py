"""Families of models: who certifies which view.

A family is all that `certified_radius` and `exact_radius` know of a model. A new kind
of view gets every certificate of this package by a line in `family_of`.
"""

from collections.abc import Callable
from functools import singledispatch
from typing import Any, ClassVar, Protocol, TypeVar

from torch import Tensor

from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
)
from sklearn_proto.robustness._batch import Batch, View
from sklearn_proto.robustness._enclosure import Effort, Enclosure
from sklearn_proto.robustness._methods import SimilarityFamily
from sklearn_proto.robustness._nearest import NearestFamily
from sklearn_proto.robustness._parts import PartFamily
from sklearn_proto.robustness._perturbations import Perturbations

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

    def radius(self, method: str) -> Callable[[B], Tensor]:
        """Look up a bound (n,) on the radii of a batch; a ValueError says why not."""

    def enclose(self, batch: B, attacked: Tensor, effort: Effort) -> Enclosure:
        """Bounds from both sides, given the sizes (n,) at which an attack succeeded."""


@singledispatch
def family_of(view: Any, perturbations: Perturbations) -> Family[Any]:
    """Family of a certifiable view, for perturbations of its rows."""
    del perturbations
    raise TypeError(
        f"there is no certificate for a {type(view).__name__}; wrap the classifier in "
        "sklearn_proto.robustness.SmoothedClassifier."
    )


@family_of.register
def _(view: SimilarityView, perturbations: Perturbations) -> Family[Any]:
    return SimilarityFamily(view, perturbations)


@family_of.register
def _(view: NearestPrototypeView, perturbations: Perturbations) -> Family[Any]:
    return NearestFamily(view, perturbations)


@family_of.register
def _(view: PartPrototypeView, perturbations: Perturbations) -> Family[Any]:
    return PartFamily(view, perturbations)
