"""Gaps of a classifier in which the nearest prototype wins."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._attack._preprocessed_view import PreprocessedView

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class NearestGaps:
    """How much closer a prototype of the own class is than one of a rival.

    Every prototype is a score: minus its squared distance, or its distance in
    "manhattan". The gap of two prototypes is relative to the sum of theirs, so that it
    is of no unit; where they bend alike it has the sign of a linear function.
    """

    view: NearestPrototypeView
    preprocessed: PreprocessedView

    @property
    def owner(self) -> Indices:
        return np.asarray(self.view.owners, dtype=np.intp)

    @property
    def needs_random_steps(self) -> bool:
        # Sums of absolute differences have a kink at every feature of a prototype.
        return self.view.metric == "manhattan"

    @property
    def own_scores(self) -> int:
        return int(self._counts.max())

    @cached_property
    def _owners(self) -> Tensor:
        return torch.as_tensor(self.owner.copy(), device=self.view.device)

    @cached_property
    def _counts(self) -> Tensor:
        """How many prototypes each class has, (C,)."""
        return torch.bincount(self._owners, minlength=self.view.n_classes)

    def targets(self, centre: Array) -> Array:
        return self.preprocessed.prototypes(centre)

    def scores(self, X: Array) -> Array:
        z = self.preprocessed.rows(X)
        out = np.empty((len(z), len(self.view.prototypes)))
        for some, x in self.view.batches(z):
            out[some] = -self.view.unrooted_lengths(x).cpu().numpy()
        return out

    def linearised(
        self, X: Array, own: Indices, rival: Indices, rank: int = 0
    ) -> tuple[Array, Array]:
        z = self.preprocessed.rows(X)
        gap, gradient = np.empty(len(z)), np.empty_like(z)
        for some, x in self.view.batches(z):
            c, j = (torch.as_tensor(i[some], device=x.device) for i in (own, rival))
            margin, slope = self._linearised(x, c, j, rank)
            gap[some], gradient[some] = margin.cpu().numpy(), slope.cpu().numpy()
        return gap, self.preprocessed.raw(gradient)

    def _linearised(
        self, x: Tensor, own: Tensor, rival: Tensor, rank: int
    ) -> tuple[Tensor, Tensor]:
        lengths = self.view.unrooted_lengths(x)
        i = self._closest(lengths, own, rank)
        near, far = (lengths.gather(1, k[:, None]).squeeze(1) for k in (i, rival))
        slope = self._slopes(x, rival) - self._slopes(x, i)
        unit = near + far
        unit = unit.masked_fill(unit == 0, 1.0)
        return (far - near) / unit, slope / unit[:, None]

    def _closest(self, lengths: Tensor, own: Tensor, rank: int) -> Tensor:
        """Prototype (m,) of the own class that is the closest but for `rank`."""
        others = self._owners != own[:, None]
        order = lengths.masked_fill(others, torch.inf).argsort(stable=True, dim=1)
        last = (self._counts[own] - 1).clamp_max(rank)
        return order.gather(1, last[:, None]).squeeze(1)

    def _slopes(self, x: Tensor, which: Tensor) -> Tensor:
        """Gradients (m, d) of the lengths of prototypes `which`."""
        if self.view.metric == "manhattan":
            return (x - self.view.tensor(self.view.prototypes)[which]).sign()
        return 2 * self.view.half_gradients(x, which)
