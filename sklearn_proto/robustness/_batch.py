"""Rows of one batch, and the classes they are predicted as."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
)
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

View = SimilarityView | NearestPrototypeView | PartPrototypeView


@dataclass(frozen=True)
class Batch(ABC):
    """What every family of models needs to know of the rows to certify.

    Parameters
    ----------
    perturbations : Perturbations
        What the rows must withstand.
    z : Tensor of shape (n, dz)
        Rows as the model sees them.
    predicted : Tensor of shape (n,)
        Index of the class of each.
    """

    perturbations: Perturbations
    z: Tensor
    predicted: Tensor

    @property
    @abstractmethod
    def view(self) -> View:
        """The model."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.z)

    def take(self, rows: Tensor) -> Self:
        """Select some of the rows: every tensor of a batch has one entry for each."""
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen = {k: v[rows] for k, v in every.items() if isinstance(v, Tensor)}
        return replace(self, perturbations=self.perturbations.take(rows), **chosen)

    def flips(self, row: Tensor, delta: Tensor) -> Tensor:
        """Whether perturbations (m, d) change the class of rows `row` (m,)."""
        moved = self.z[row] + self.perturbations.apply(delta)
        scores = self.view.class_scores(moved)
        return torch.ne(scores.argmax(1), self.predicted[row])
