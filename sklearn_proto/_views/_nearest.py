"""The certifiable view of a model in which the nearest prototype wins."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto._devices import float32_is_kept
from sklearn_proto._functional import LocalMaps
from sklearn_proto._memory import default_rows_per_batch
from sklearn_proto._views._local_search import LocalSearch
from sklearn_proto._views._points import Array, Points


class Curvature(NamedTuple):
    """Matrices ``L_k = common + sign F_k F_k^T`` of the squared distances."""

    factors: Tensor  # (K, d, r)
    sign: float


@dataclass(frozen=True)
class NearestPrototypeView(Points):
    """All that prediction and certification need of a nearest-prototype model.

    The score of class c is minus the dissimilarity ``D`` of its closest prototype.
    Every metric but "manhattan" has squared distances ``(x - w_k)^T L_k (x - w_k)``:
    with ``L_k`` the identity, ``omega^T omega``, ``omega[k]^T omega[k]`` or
    ``I - T_k T_k^T``.

    Parameters
    ----------
    prototypes : ndarray of shape (K, d)
        Prototypes.
    owners : ndarray of shape (K,)
        Index of the class of each, not decreasing.
    n_classes : int
        Number of classes; one without a prototype never wins.
    metric : {"euclidean", "sqeuclidean", "manhattan"}
        Dissimilarity: a distance or its square, or the sum of absolute differences.
    width : float
        Unit of similarities: a prototype at D = width has similarity 1/e.
    omega : ndarray of shape (r, d) or (K, r, d), optional
        Linear map before the distance, of all prototypes or of each.
    tangents : ndarray of shape (K, d, m), optional
        Orthonormal bases of directions that cost nothing.
    device : torch.device
        Where to compute; all arithmetic is float64, and whatever `LocalSearch` does in
        float32 leaves the winners of float64.
    """

    prototypes: Array
    owners: NDArray[np.intp]
    n_classes: int
    metric: str = "sqeuclidean"
    width: float = 1.0
    omega: Array | None = None
    tangents: Array | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def _elements_per_row(self) -> int:
        k = len(self.prototypes)
        local = 0 if self.omega is None else self.omega.shape[-2]
        tangent = 0 if self.tangents is None else self.tangents.shape[2]
        return k * (1 + tangent) + (k * local if self._local else local)

    @cached_property
    def _units(self) -> Tensor:
        return torch.ones_like(self.tensor(self.prototypes)[:, 0])

    @cached_property
    def segments(self) -> list[slice]:
        """Where the prototypes of each class are."""
        ends = np.searchsorted(self.owners, np.arange(self.n_classes + 1))
        return [slice(a, b) for a, b in pairwise(ends)]

    def squared_distances(self, x: Tensor) -> Tensor:
        """Squared distances (n, K), for every metric but "manhattan"."""
        if self._local:
            return self._maps.lengths(self._centred(x)).square_()
        return self._negated_squares(x).neg_()

    def lengths(self, x: Tensor) -> Tensor:
        """Distances (n, K) that obey the triangle inequality in x."""
        if self.metric == "manhattan":
            return torch.cdist(self._centred(x), self._points, p=1)
        return self.squared_distances(x).sqrt_()

    def unrooted_lengths(self, x: Tensor) -> Tensor:
        """Squares (n, K) of the lengths, or lengths in "manhattan", which has none."""
        manhattan = self.metric == "manhattan"
        return self.lengths(x) if manhattan else self.squared_distances(x)

    def dissimilarities(self, x: Tensor) -> Tensor:
        """D (n, K)."""
        if self.metric == "sqeuclidean":
            return self.squared_distances(x)
        return self.lengths(x)

    def similarities(self, x: Tensor) -> Tensor:
        """``exp(-D / width)`` of shape (n, K)."""
        return self.dissimilarities(x).mul_(-1.0 / self.width).exp_()

    def nearest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """D of, and index of, the closest prototype of every class, each (n, C)."""
        d = self.dissimilarities(x)
        values = torch.full_like(d[:, :1], torch.inf).repeat(1, self.n_classes)
        indices = torch.zeros_like(values, dtype=torch.int64)
        for c, own in enumerate(self.segments):
            if own.start < own.stop:
                found = d[:, own].min(1)
                values[:, c], indices[:, c] = found.values, found.indices + own.start
        return values, indices

    def class_scores(self, x: Tensor) -> Tensor:
        """Scores (n, C) of every class, minus infinity without a prototype."""
        return self.nearest(x)[0].neg_()

    def winners_at_once(self, n_features: int) -> int:
        """Rows of a batch: no search makes an array of shape (n, K, r)."""
        if self._local:
            return default_rows_per_batch(n_features + len(self.prototypes))
        return self._rows_at_once(n_features)

    def winners(self, x: Tensor) -> Tensor:
        """Index (n,) of the class of the closest prototype; no other is asked for.

        Prototypes are in the order of the classes, so the first of equals is of the
        first class here too.
        """
        if self._local and float32_is_kept():
            return self._owners[self._search.closest(self._from_centre(x))]
        if self.metric == "manhattan" or self._local or self.tangents is not None:
            return self._closest_owners(self.unrooted_lengths(x).cpu().numpy())
        offsets = self._offsets_of_squares(x).cpu().numpy()
        if self._map is not None and self._undecided(offsets, x):
            offsets = self.squared_distances(x).cpu().numpy()
        return self._closest_owners(offsets)

    def _closest_owners(self, ordered: Array) -> Tensor:
        """Class (n,) of the prototype of the least value of a row."""
        # numpy finds it up to twice as fast as torch.
        return torch.from_numpy(self.owners[ordered.argmin(1)])

    def _undecided(self, offsets: Array, x: Tensor) -> bool:
        """Whether the squared distances, rounded otherwise, may have another order.

        Without a map they are the offsets plus a number for each row, so no two
        methods of a model disagree about the closest prototype.
        """
        farthest = torch.linalg.vector_norm(self._from_centre(x), dim=1).argmax()
        error = 2.0 * float(self.rounding(x[farthest, None]))
        near = offsets <= offsets.min(axis=1, keepdims=True) + error
        return bool(np.count_nonzero(near) > len(offsets))

    def _offsets_of_squares(self, x: Tensor) -> Tensor:
        """Squared distances (n, K) but for ``|omega x|^2``, equal for all prototypes.

        A map of all prototypes goes into the slope: no row is mapped.
        """
        constant, slope = self._slope
        return torch.addmm(constant, self._from_centre(x), slope)

    @cached_property
    def _slope(self) -> tuple[Tensor, Tensor]:
        """``|omega w|^2`` (K,) and ``-2 omega^T omega w`` (d, K)."""
        w = self._points
        slope = w if self._map is None else w @ self._map
        return w.square().sum(1), -2.0 * slope.T

    @cached_property
    def _maps(self) -> LocalMaps:
        assert self._map is not None
        return LocalMaps.of(self._points, self._map)

    @cached_property
    def _search(self) -> LocalSearch:
        assert self._map is not None
        return LocalSearch(self._points, self._map)

    @cached_property
    def _owners(self) -> Tensor:
        return torch.as_tensor(self.owners, device=self.device)

    @property
    def curvature(self) -> Curvature | None:
        """What makes the squared distances bend differently; None if nothing does."""
        if self.tangents is not None:
            return Curvature(self.tensor(self.tangents), -1.0)
        if self._local:
            assert self._map is not None
            return Curvature(self._map.transpose(1, 2), 1.0)
        return None

    def half_gradients(self, x: Tensor, which: Tensor) -> Tensor:
        """``L_k (x - w_k)`` (m, d) of the squared distance to prototype ``which``."""
        step = x - self.tensor(self.prototypes)[which]
        if self.tangents is not None:
            basis = self.tensor(self.tangents)[which]
            along = torch.einsum("nd,ndm->nm", step, basis)
            return step - torch.einsum("nm,ndm->nd", along, basis)
        if self._map is None:
            return step
        if not self._local:
            return step @ self._map.T @ self._map
        omega = self._map[which]
        mapped = torch.einsum("nd,nrd->nr", step, omega)
        return torch.einsum("nr,nrd->nd", mapped, omega)

    def feature_terms(self, x: Tensor, which: Tensor) -> Tensor:
        """Parts (m, d) of D to prototype ``which``, which add up to it over features.

        Of a squared distance ``(x - w) * L (x - w)``; with a matrix a part can be
        negative, where features that correlate make up for each other.
        """
        step = x - self.tensor(self.prototypes)[which]
        if self.metric == "manhattan":
            return step.abs()
        parts = step * self.half_gradients(x, which)
        if self.metric == "sqeuclidean":
            return parts
        length = parts.sum(1, keepdim=True).sqrt()
        return parts / length.masked_fill(length == 0, 1.0)

    @cached_property
    def _map_norm(self) -> float:
        """Bound on how much the map before the distance lengthens a vector."""
        if self._map is None:
            return 1.0
        return float(torch.linalg.matrix_norm(self._map).max())

    def scale(self, x: Tensor) -> Tensor:
        """``|x| + max |w|`` (n,) about the centre and before any map."""
        p = 1 if self.metric == "manhattan" else 2
        here = torch.linalg.vector_norm(self._from_centre(x), p, dim=1)
        w = self._from_centre(self.tensor(self.prototypes))
        found: Tensor = here + torch.linalg.vector_norm(w, p, dim=1).max()
        return found

    def rounding(
        self,
        x: Tensor,
        reach: Tensor | float = 0.0,
        rounding_error: Tensor | None = None,
    ) -> Tensor:
        """Bound (n,) on the error of a squared distance, or of one in "manhattan".

        The expansion is off by at most a few units in the last place of
        ``(|x| + |w|)^2`` per feature, and the map before it by as many of its own. A
        factor of 4 lets a perturbed row be farther out by ``scale(x)``, or by `reach`
        (n,) if that is more, and squares may lose what underflows.

        `rounding_error` (n,) is how far the row itself may be, in length, from where
        exact arithmetic in front of the model has it.
        """
        dtype, d = torch.finfo(torch.float64), x.shape[1]
        rounding_error = (
            torch.zeros_like(x[:, 0]) if rounding_error is None else rounding_error
        )
        scale = self.scale(x)
        scale = torch.maximum(scale, (scale + reach) / 2)
        if self.metric == "manhattan":
            own: Tensor = 4 * (d + 8) * dtype.eps * scale + d**0.5 * rounding_error
            return own
        error = (
            8 * (d + 8) * (dtype.eps * (self._map_norm * scale).square() + dtype.tiny)
        )
        found: Tensor = error + self._map_norm**2 * rounding_error * (
            4 * scale + rounding_error
        )
        return found
