"""The certifiable view of a model whose scores are affine in its similarities."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._functional import (
    Affine,
    best_of_class,
    lp_distances,
    lp_norm,
    tangent_coordinates,
)
from sklearn_proto._views._points import Array, Points


@dataclass(frozen=True)
class SimilarityView(Points):
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
    omega : ndarray of shape (r, d), optional
        Linear map before the distance; not for "tangent".
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
    omega: Array | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @cached_property
    def behind_map(self) -> "SimilarityView":
        """The same model of rows that are mapped already (`coordinates`)."""
        if self.omega is None:
            return self
        return replace(self, prototypes=self._points.cpu().numpy(), omega=None)

    def coordinates(self, x: Tensor) -> Tensor:
        """Rows (n, r) as the model behind the map sees them: ``omega (x - centre)``."""
        return x if self.omega is None else self._centred(x)

    @cached_property
    def _centre(self) -> Tensor | None:
        # Rows are mapped in any case, and behind the map nothing is left to centre.
        return super()._centre if self.omega is None else self.origin

    @cached_property
    def origin(self) -> Tensor:
        """Mean (d,) of the prototypes."""
        return self.tensor(self.prototypes).mean(0)

    @cached_property
    def affine(self) -> Affine:
        """Map from similarities to concept scores."""
        return Affine(self.tensor(self.coefficients), self.tensor(self.offsets))

    @cached_property
    def widths(self) -> Tensor:
        """Kernel widths of shape (K,)."""
        return self.tensor(self.sigma)

    @cached_property
    def same_width(self) -> bool:
        """Whether all kernels have the same width."""
        return bool((self.widths == self.widths[0]).all())

    @cached_property
    def _units(self) -> Tensor:
        """What squared distances (K,) are counted in: the width that divides them."""
        squared = self.metric == "sqeuclidean"
        return self.widths if squared else torch.ones_like(self.widths)

    def squared_distances(self, x: Tensor) -> Tensor:
        """Squared distances (n, K) of rows to prototypes or their subspaces."""
        return self._negated_squares(x).mul_(-self._units)

    def distances(self, x: Tensor) -> Tensor:
        """Distances (n, K) from differences: exact to a few units of ``|x| + |w|``.

        The root of an expansion of the square is off by up to the root of its error,
        1e-8 of that, where a row is nearly on a prototype.
        """
        x = self._centred(x)
        if self.tangents is None:
            return lp_distances(x, self._points, 2.0)
        apart = (x - point for point in self._points)
        bases = self.tensor(self.tangents)
        both = zip(apart, bases, strict=True)
        return torch.stack([lp_norm(a - a @ t @ t.T, 2.0) for a, t in both], 1)

    def distance_rounding(self, x: Tensor) -> Tensor:
        """Bound (n, 1) on the error of `distances`."""
        eps, d = torch.finfo(torch.float64).eps, x.shape[1]
        return (4 * (d + 8) * eps * self.scale(x))[:, None]

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

    @property
    def _elements_per_row(self) -> int:
        c, q, k = self.coefficients.shape
        m = 0 if self.tangents is None else self.tangents.shape[2]
        r = 0 if self.omega is None else self.omega.shape[0]
        return int(k * (1 + m) + c * q + r)

    def towards(self, x: Tensor, mass: Tensor) -> Tensor:
        """``sum_k mass_k L_k (w_k - x)`` (n, d), L_k the matrix of the square.

        It is the identity, less what is along the tangents, or ``omega^T omega``.
        """
        total = mass.sum(1, keepdim=True)
        direct = mass @ self._points - total * self._centred(x)
        if self._map is not None:
            return direct @ self._map
        if self.tangents is None:
            return direct
        along = mass[:, :, None] * self._along_tangents(x)
        return direct + torch.einsum("nkm,kdm->nd", along, self.tensor(self.tangents))

    def offsets_along(self, x: Tensor, u: Tensor) -> Tensor:
        """``(w_k - x) . L_k u`` (n, K), with L_k as in `towards`."""
        shifted = self._centred(x)
        u = u if self._map is None else u @ self._map.T
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

    def scale(self, x: Tensor) -> Tensor:
        """``|x| + max |w|`` (n,) about the centre."""
        here = lp_norm(self._centred(x), 2.0)
        return here + lp_norm(self._points, 2.0).max()

    def relative_rounding(
        self,
        x: Tensor,
        reach: Tensor | float = 0.0,
        rounding_error: Tensor | float = 0.0,
    ) -> Tensor:
        """Bound (n,) on the relative rounding error of the similarities of a row.

        The expansion of the squared distance is off by at most a few units in the
        last place of ``(|x| + |w|)^2`` per feature, and each of its squares by what
        underflows. A factor of 4 lets a perturbed row be farther out by ``scale(x)``,
        or by `reach` (n,) if that is more. The exponential turns absolute into relative
        errors. The square root of an error is the most that a distance can be off: so
        much where the row, or a perturbed one, is on a prototype.

        `rounding_error` (n,) is how far the row itself may be from where exact
        arithmetic in front of the model has it, as it is behind any map.
        """
        dtype, d = torch.finfo(torch.float64), x.shape[1]
        scale = self.scale(x)
        scale = torch.maximum(scale, (scale + reach) / 2)
        error = 4 * (d + 8) * (dtype.eps * scale.square() + dtype.tiny)
        if self.metric == "sqeuclidean":
            error = error + rounding_error * (4 * scale + rounding_error)
        else:
            error = error.sqrt() + rounding_error
        k = self.coefficients.shape[-1]
        return torch.add(error / self.widths.min(), 4 * (k + 8) * dtype.eps)
