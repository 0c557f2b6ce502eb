"""Inner products of prototypes as perturbations see them."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._threat_model._perturbations import Perturbations


@dataclass(frozen=True)
class Geometry:
    """Prototypes mapped by ``A^T`` to the space of the perturbations.

    A slope ``b`` of the model acts on a perturbation as ``(A^T b) . delta``, so angles
    and lengths that bound it are those of ``A^T w``. Everything is centred on the mean
    prototype, before it is mapped: differences are all that matters, and far from the
    origin their digits would be lost.

    Parameters
    ----------
    view : SimilarityView
        The model.
    centre : Tensor of shape (dz,)
        Mean of the prototypes.
    points : Tensor of shape (K, d)
        Prototypes, mapped and centred.
    widths : Tensor of shape (K,)
        Widths of their kernels.
    """

    view: SimilarityView
    centre: Tensor
    points: Tensor
    widths: Tensor

    @classmethod
    def of(cls, view: SimilarityView, perturbations: Perturbations) -> "Geometry":
        """Map the prototypes to the space of the perturbations."""
        w = view.tensor(view.prototypes)
        centre = w.mean(0)
        return cls(view, centre, perturbations.adjoint(w - centre), view.widths)

    def anchor(self, perturbations: Perturbations, z: Tensor) -> Tensor:
        """Rows `z` (n, dz), centred and mapped as the prototypes are."""
        return perturbations.adjoint(z - self.centre)

    def in_float32(self, unit: float) -> "Geometry":
        """Round everything, in another unit of length, for Gaussian kernels."""
        points, widths = self.points / unit, self.widths / unit**2
        return replace(self, points=points.float(), widths=widths.float())

    @cached_property
    def concepts(self) -> tuple[Tensor, Tensor]:
        """Weights (C q, K) and offsets (C q,) of all concepts, at most 1 in size.

        Gaps keep their signs when all scores are divided by a number.
        """
        a, b = self.view.affine
        largest = torch.maximum(a.abs().max(), b.abs().max())
        scale = 1.0 / largest.clamp_min(torch.finfo(a.dtype).tiny)
        return a.flatten(0, 1) * scale, b.flatten() * scale

    @cached_property
    def gram(self) -> Tensor:
        """Inner products (K, K) of the points."""
        return self.points @ self.points.T

    @property
    def squares(self) -> Tensor:
        """Their squared lengths (K,)."""
        return self.gram.diagonal()

    @cached_property
    def squared_gram(self) -> Tensor:
        """Squares of the inner products (K, K)."""
        return self.gram.square()

    @cached_property
    def rates(self) -> Tensor:
        """Factors (K,) of the slopes of Gaussian terms."""
        return 2.0 / self.widths

    @property
    def rate(self) -> Tensor:
        """The same, or (1,) if all of them are."""
        return self.rates[:1] if self.view.same_width else self.rates

    @cached_property
    def reference(self) -> Tensor:
        """1 / s, for the least width s: the rate of the factor that gaps leave out."""
        return (1.0 / self.widths).max()

    @cached_property
    def leftover(self) -> Tensor:
        """What each prototype keeps of that factor: ``1 / s - 1 / sigma_k``, (K,)."""
        return self.reference - 1.0 / self.widths

    @property
    def rounding(self) -> float:
        """What an inner product of two slopes may be off by, for lengths of 1."""
        points = self.points
        return 8 * (points.shape[1] + 8) * torch.finfo(points.dtype).eps

    @cached_property
    def lengths(self) -> Tensor:
        """Lengths (K,) of the points times these factors."""
        found: Tensor = self.rates * self.points.norm(dim=1)
        return found
