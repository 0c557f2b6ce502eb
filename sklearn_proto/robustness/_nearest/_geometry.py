"""Prototypes as perturbations see them, for models in which the nearest wins."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from sklearn_proto._views import Curvature, NearestPrototypeView
from sklearn_proto.robustness._nearest._spectra import Spectra
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

# Relative error of a norm of a small matrix, generously.
_ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class NearestGeometry:
    """What the bounds share between rows.

    Parameters
    ----------
    view : NearestPrototypeView
        The model.
    perturbations : Perturbations
        Perturbations of any row, without the bounds of single rows.
    """

    view: NearestPrototypeView
    perturbations: Perturbations

    @property
    def kind(self) -> str:
        """How D bends: "flat" where boundaries between prototypes are hyperplanes."""
        if self.view.metric == "manhattan":
            return "manhattan"
        return "flat" if self.view.curvature is None else "curved"

    @cached_property
    def owners(self) -> Tensor:
        """Class (K,) of each prototype."""
        return torch.as_tensor(self.view.owners, device=self.view.device)

    @cached_property
    def _centred(self) -> Tensor:
        w = self.view.tensor(self.view.prototypes)
        return w - w.mean(0)

    @cached_property
    def points(self) -> Tensor:
        """``A^T L w_k`` (K, d), centred, of a flat metric.

        Half the difference of two squared distances falls by the product of the
        difference of their points and a perturbation.
        """
        return self.perturbations.adjoint(self._folded(self._centred, self._map))

    @cached_property
    def rounding_error(self) -> Tensor:
        """Bound (K,) on the rounding error of a point, in the dual norm."""
        perturbations = self.perturbations
        if perturbations.matrix is not None:
            perturbations = replace(perturbations, matrix=perturbations.matrix.abs())
        omega = None if self._map is None else self._map.abs()
        sizes = perturbations.adjoint(self._folded(self._centred.abs(), omega))
        terms = len(sizes) + 8 + 2 * self._centred.shape[1]
        terms += sizes.shape[1] + (0 if omega is None else len(omega))
        eps = torch.finfo(torch.float64).eps
        return terms * eps * perturbations.dual_norm(sizes)

    @cached_property
    def lipschitz(self) -> Tensor:
        """Lipschitz constants (K,) of the distances, as functions of delta."""
        if self.kind == "manhattan":
            found = self._seen_through(self._map).lipschitz_of_sum
            constants = [found] * len(self._centred)
        elif self._map is not None and self._map.ndim == 3:
            constants = [self._seen_through(omega).lipschitz for omega in self._map]
        else:
            found = self._seen_through(self._map).lipschitz
            constants = [found] * len(self._centred)
        return torch.tensor(constants, dtype=torch.float64, device=self.view.device)

    @cached_property
    def _curvature(self) -> Curvature:
        """What makes a curved metric bend, as perturbations see it."""
        curvature = self.view.curvature
        assert curvature is not None
        k, d, r = curvature.factors.shape
        rows = curvature.factors.mT.reshape(k * r, d)
        factors = self.perturbations.adjoint(rows).view(k, r, -1).mT
        return Curvature(factors, curvature.sign)

    @cached_property
    def spectra(self) -> Spectra:
        """Differences of curvature between prototypes of a curved metric."""
        return Spectra(*self._curvature)

    def curvature_bound(self, own: Tensor, rival: Tensor) -> Tensor:
        """Bounds (m,) on how far curvature lowers a gap at perturbations of size 1.

        The gap bends by ``sign (|G_j^T delta|^2 - |G_i^T delta|^2)``: at the least it
        loses the negative square, whose size in any norm is a Lipschitz constant.
        """
        return self._curvature_bounds[own if self._curvature.sign > 0 else rival]

    @cached_property
    def _curvature_bounds(self) -> Tensor:
        given, factors = self.perturbations, self._curvature.factors
        seen = (replace(given, matrix=factor.mT, box_slack=None) for factor in factors)
        found = [a.lipschitz**2 * (1 + _ROUNDING) for a in seen]
        return torch.tensor(found, dtype=torch.float64, device=self.view.device)

    @property
    def _map(self) -> Tensor | None:
        omega = self.view.omega
        return None if omega is None else self.view.tensor(omega)

    @staticmethod
    def _folded(w: Tensor, omega: Tensor | None) -> Tensor:
        return w if omega is None else w @ omega.T @ omega

    def _seen_through(self, omega: Tensor | None) -> Perturbations:
        """Perturbations as they are behind the map of the metric."""
        a = self.perturbations.matrix
        if omega is None:
            return self.perturbations
        if a is None:
            return replace(self.perturbations, matrix=omega)
        product = omega * a if a.ndim == 1 else omega @ a
        return replace(self.perturbations, matrix=product)
