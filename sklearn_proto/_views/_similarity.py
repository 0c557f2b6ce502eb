"""The certifiable view of a model whose scores are affine in its similarities."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto._devices import default_rows_per_batch
from sklearn_proto._functional import (
    Affine,
    best_of_class,
    squared_projections,
    tangent_coordinates,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SimilarityView:
    """All that prediction and certification need of a similarity-based model.

    The scores of the ``q`` concepts of class c are
    ``coefficients[c] @ phi(x) + offsets[c]``, and the class takes the best of them.
    RBF networks, both CBC reasonings and every deep head with a linear last layer
    have this form, so a head that provides this view is predicted, explained and
    certified by the code that serves all others, *from the same arrays*.

    Parameters
    ----------
    prototypes : ndarray of shape (K, d)
        Prototypes.
    sigma : ndarray of shape (K,)
        Kernel widths.
    coefficients : ndarray of shape (C, q, K)
        Weight of each similarity.
    offsets : ndarray of shape (C, q)
        Constant part.
    metric : {"euclidean", "sqeuclidean", "tangent"}
        Dissimilarity.
    tangents : ndarray of shape (K, d, m), optional
        Orthonormal bases, for "tangent".
    normalized : bool
        Whether similarities are divided by their sum.
    device : torch.device
        Where to compute; all arithmetic is float64.
    """

    prototypes: Array
    sigma: Array
    coefficients: Array
    offsets: Array
    metric: str
    tangents: Array | None = None
    normalized: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def tensor(self, array: NDArray[np.generic]) -> Tensor:
        """Float64 tensor of `array` on the view's device."""
        if not array.flags.writeable:  # pandas and memory maps; torch would warn.
            array = array.copy()
        return torch.as_tensor(array, dtype=torch.float64, device=self.device)

    @cached_property
    def affine(self) -> Affine:
        """Map from similarities to concept scores."""
        return Affine(self.tensor(self.coefficients), self.tensor(self.offsets))

    @cached_property
    def widths(self) -> Tensor:
        """Kernel widths of shape (K,)."""
        return self.tensor(self.sigma)

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

    def _centred(self, points: Tensor) -> Tensor:
        return points if self._centre is None else points - self._centre

    @cached_property
    def _points(self) -> Tensor:
        return self._centred(self.tensor(self.prototypes))

    @cached_property
    def _units(self) -> Tensor:
        """What squared distances (K,) are counted in: the width that divides them."""
        squared = self.metric == "sqeuclidean"
        return self.widths if squared else torch.ones_like(self.widths)

    @cached_property
    def _expansion(self) -> tuple[Tensor, Tensor, Tensor]:
        """``-|w|^2``, ``2 w`` and 1, over the units: (K,), (d, K) and (K,).

        Dividing the prototypes once saves a pass over the similarities of every batch.
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

    def squared_distances(self, x: Tensor) -> Tensor:
        """Squared distances (n, K) of rows to prototypes or their subspaces."""
        return self._negated_squares(x).mul_(-self._units)

    def exponents(self, x: Tensor) -> Tensor:
        """Exponents (n, K) of the similarities before any normalisation."""
        e = self._negated_squares(x)
        if self.metric == "sqeuclidean":
            return e
        return e.neg_().sqrt_().mul_(-1.0 / self.widths)

    def similarities(self, x: Tensor) -> Tensor:
        """Similarities (n, K)."""
        e = self.exponents(x)
        return torch.softmax(e, 1) if self.normalized else e.exp_()

    def concept_scores(self, x: Tensor) -> Tensor:
        """Scores (n, C, q) of every concept."""
        return self.affine.scores(self.similarities(x))

    def class_scores(self, x: Tensor) -> Tensor:
        """Scores (n, C) of every class."""
        return best_of_class(self.concept_scores(x))

    def batches(self, X: NDArray[np.generic]) -> Iterator[tuple[slice, Tensor]]:
        """Slices of the rows and their tensors, a cache's worth at a time."""
        c, q, k = self.coefficients.shape
        m = 0 if self.tangents is None else self.tangents.shape[2]
        rows = default_rows_per_batch(X.shape[1] + k * (1 + m) + c * q)
        for start in range(0, X.shape[0], rows):
            chosen = slice(start, start + rows)
            yield chosen, self.tensor(X[chosen])

    def towards(self, x: Tensor, mass: Tensor) -> Tensor:
        """``sum_k mass_k (w_k - x)`` (n, d), without the part along the tangents."""
        total = mass.sum(1, keepdim=True)
        direct = mass @ self._points - total * self._centred(x)
        if self.tangents is None:
            return direct
        along = mass[:, :, None] * self._along_tangents(x)
        return direct + torch.einsum("nkm,kdm->nd", along, self.tensor(self.tangents))

    def offsets_along(self, x: Tensor, u: Tensor) -> Tensor:
        """``(w_k - x) . u`` (n, K), without the part along the tangents."""
        shifted = self._centred(x)
        direct = u @ self._points.T - (shifted * u).sum(1, keepdim=True)
        if self.tangents is None:
            return direct
        basis = self.tensor(self.tangents)
        turned = torch.einsum("nd,kdm->nkm", u, basis)
        return direct + (self._along_tangents(x) * turned).sum(-1)

    def _along_tangents(self, x: Tensor) -> Tensor:
        """``T_k^T (x - w_k)`` of shape (n, K, m)."""
        assert self.tangents is not None
        return tangent_coordinates(
            self._centred(x), self._points, self.tensor(self.tangents)
        )

    def relative_rounding(self, x: Tensor) -> Tensor:
        """Bound (n,) on the relative rounding error of the similarities of a row.

        The expansion of the squared distance is off by at most a few units in the
        last place of ``(|x| + |w|)^2`` per feature (factor 4: the perturbed row may
        be farther out), and the exponential turns absolute into relative errors. The
        square root of an error is the most that a distance can be off: so much where
        the row, or a perturbed one, is on a prototype.
        """
        scale = self._centred(x).norm(dim=1) + self._points.norm(dim=1).max()
        eps = torch.finfo(torch.float64).eps
        error: Tensor = 4 * (x.shape[1] + 8) * eps * scale.square()
        if self.metric != "sqeuclidean":
            error = error.sqrt()
        k = self.coefficients.shape[-1]
        return torch.add(error / self.widths.min(), 4 * (k + 8) * eps)
