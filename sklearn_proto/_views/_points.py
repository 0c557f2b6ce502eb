"""Prototypes as points of a space, and the rows of a batch among them."""

from abc import abstractmethod
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto._functional import squared_projections
from sklearn_proto._memory import default_rows_per_batch
from sklearn_proto._views._reader import RowReader

Array = NDArray[np.float64]


class Points(RowReader):
    """What a view does with prototypes that are points, maps and tangent spaces."""

    prototypes: Array
    omega: Array | None
    tangents: Array | None

    @property
    @abstractmethod
    def _elements_per_row(self) -> int:
        """Size of the temporaries of one row."""

    @property
    @abstractmethod
    def _units(self) -> Tensor:
        """What squared distances (K,) are counted in."""

    def _rows_at_once(self, n_features: int) -> int:
        """Rows of a batch: a cache's worth."""
        return default_rows_per_batch(n_features + self._elements_per_row)

    @cached_property
    def _centre(self) -> Tensor | None:
        """Point to subtract from rows and prototypes before anything else.

        Centring keeps the expansion of the distance from cancelling. Where the
        prototypes already surround the origin it would gain no digit and cost a pass
        over the rows.
        """
        w = self.tensor(self.prototypes)
        centre = w.mean(0)
        spread = (w - centre).norm(dim=1).max()
        return centre if bool(centre.norm() > spread) else None

    @cached_property
    def _map(self) -> Tensor | None:
        return None if self.omega is None else self.tensor(self.omega)

    @property
    def _local(self) -> bool:
        """Whether every prototype has a map of its own."""
        return self.omega is not None and self.omega.ndim == 3

    def _from_centre(self, points: Tensor) -> Tensor:
        """Rows or prototypes, centred."""
        return points if self._centre is None else points - self._centre

    def _centred(self, points: Tensor) -> Tensor:
        """Rows or prototypes, centred, in the space where the distance is Euclidean."""
        centred = self._from_centre(points)
        if self._map is None or self._local:
            return centred
        return centred @ self._map.T

    @cached_property
    def _points(self) -> Tensor:
        return self._centred(self.tensor(self.prototypes))

    @cached_property
    def _expansion(self) -> tuple[Tensor, Tensor, Tensor]:
        """``-|w|^2``, ``2 w`` and 1, over the units: (K,), (d, K) and (K,).

        Dividing the prototypes once saves a pass over the distances of every batch.
        """
        w, inverse = self._points, 1.0 / self._units
        return -w.square().sum(1) * inverse, (2.0 * w * inverse[:, None]).T, inverse

    def _negated_squares(self, x: Tensor) -> Tensor:
        """Minus the squared distances (n, K), in their units."""
        x = self._centred(x)
        constant, slope, inverse = self._expansion
        sq = torch.addmm(constant, x, slope)
        sq.addr_(torch.linalg.vector_norm(x, dim=1).square_(), inverse, alpha=-1.0)
        if self.tangents is not None:
            basis = self.tensor(self.tangents)
            sq += squared_projections(x, self._points, basis) * inverse
        return sq.clamp_max_(0.0)
