"""Nearest-prototype models as `certified_radius` and `exact_radius` see them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sklearn_proto._views import NearestPrototypeView
from sklearn_proto.robustness._enclosure import (
    Effort,
    Enclosure,
    attained,
    finished,
    not_beyond,
)
from sklearn_proto.robustness._lookup import added, look_up, require
from sklearn_proto.robustness._nearest._batch import NearestBatch
from sklearn_proto.robustness._nearest._exact import Exact
from sklearn_proto.robustness._nearest._geometry import NearestGeometry
from sklearn_proto.robustness._nearest._methods import NEAREST_CERTIFICATES
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

# "auto" knows these.
_BUILT_IN = tuple(NEAREST_CERTIFICATES.values())


@dataclass(frozen=True)
class NearestFamily:
    """Bounds for every `NearestPrototypeView`; see `Family`."""

    view: NearestPrototypeView
    perturbations: Perturbations
    enclosed: ClassVar[frozenset[str]] = frozenset()
    rows_at_once: ClassVar[int | None] = None

    @cached_property
    def _geometry(self) -> NearestGeometry:
        return NearestGeometry(self.view, self.perturbations)

    def batch(
        self, perturbations: Perturbations, z: Tensor, predicted: Tensor
    ) -> NearestBatch:
        """Rows with their distances to all prototypes, and how exact these are."""
        distances = self.view.unrooted_lengths(z)
        rounding = self.view.rounding(z, rounding_error=perturbations.rounding_error)
        return NearestBatch(
            perturbations=perturbations,
            z=z,
            predicted=predicted,
            geometry=self._geometry,
            distances=distances,
            rounding=rounding,
        )

    def bound(self, method: str) -> Callable[[NearestBatch], Tensor]:
        """Look up a bound (n,) on the radii of a batch; a ValueError says why not."""
        certificate = look_up(NEAREST_CERTIFICATES, method, NEAREST_CERTIFICATES)
        others = added(NEAREST_CERTIFICATES, _BUILT_IN) if method == "auto" else []

        def radii(batch: NearestBatch) -> Tensor:
            # Only a batch knows of its bounds.
            given = self.view, batch.perturbations
            require(method, certificate.why_not_applicable(*given))
            found = batch.smallest(certificate.radius)
            for other in others:
                if other.why_not_applicable(*given) is None:
                    found = torch.maximum(found, batch.smallest(other.radius))
            return found

        return radii

    def enclose(
        self, batch: NearestBatch, attacked: Tensor, effort: Effort
    ) -> Enclosure:
        """Bounds from both sides, which meet where there is a convex program."""
        exact, upper = Exact(), attacked
        refused = exact.why_not_applicable(self.view, batch.perturbations) is not None
        if not refused:
            upper = torch.minimum(upper, self._attained(exact, batch))
        proven = self.bound("auto" if refused else "exact")(batch)
        lower = not_beyond(upper, proven)
        done = finished(lower, upper, effort.rtol).cpu().numpy()
        status = np.where(done, "exact", "bounded")
        return Enclosure(lower=lower, upper=upper, status=status)

    def _attained(self, exact: Exact, batch: NearestBatch) -> Tensor:
        """Sizes (n,) at which solutions of the exact problem flip the prediction."""
        delta = batch.z.new_zeros((len(batch), batch.perturbations.n_features))
        for rows, rivals in batch.rival_batches():
            delta[rows] = exact.minimiser(rivals)
        return attained(batch, torch.arange(len(batch), device=delta.device), delta)
