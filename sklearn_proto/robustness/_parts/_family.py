"""Part-prototype networks as `certified_radius` and `exact_radius` see them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from sklearn_proto._views import PartPrototypeView
from sklearn_proto.robustness._enclosure import (
    Effort,
    Enclosure,
    finished,
    not_beyond,
)
from sklearn_proto.robustness._lookup import current_name, look_up, require
from sklearn_proto.robustness._parts._batch import PartBatch
from sklearn_proto.robustness._parts._geometry import PartGeometry
from sklearn_proto.robustness._parts._methods import PART_CERTIFICATES
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

_NO_EXACT = "there is none for part-prototype networks; use 'auto'"


@dataclass(frozen=True)
class PartFamily:
    """Bounds for every `PartPrototypeView` of known Lipschitz constant; see `Family`.

    Raises
    ------
    TypeError
        If nothing is known of the constant.
    """

    view: PartPrototypeView
    perturbations: Perturbations
    enclosed: ClassVar[frozenset[str]] = frozenset()
    rows_at_once: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        if self.view.lipschitz is None:
            raise TypeError(
                "there is no certificate for a network of unknown Lipschitz constant; "
                "fit with lipschitz=True, if the classifier has it, or wrap the "
                "classifier in sklearn_proto.robustness.SmoothedClassifier."
            )

    @cached_property
    def _geometry(self) -> PartGeometry:
        assert self.view.lipschitz is not None
        return PartGeometry(self.view, self.perturbations, self.view.lipschitz)

    def batch(
        self, perturbations: Perturbations, z: Tensor, predicted: Tensor
    ) -> PartBatch:
        """Rows with the distances of all their patches to all prototypes."""
        geometry, branches = self._geometry, self.view.outputs(z).branches
        maps = [own.dissimilarity_map.flatten(2) for own in branches]
        lengths = torch.stack([own.patches.flatten(1).norm(dim=1) for own in branches])
        scale = geometry.lipschitz * z.norm(dim=1) + lengths.amax(0)
        scale = scale + geometry.lengths.max()
        return PartBatch(
            perturbations=perturbations,
            z=z,
            predicted=predicted,
            geometry=geometry,
            squared=torch.cat(maps, 1),
            scale=scale,
        )

    def bound(self, method: str) -> Callable[[PartBatch], Tensor]:
        """Look up a bound (n,) on the radii of a batch; a ValueError says why not."""
        require(method, _NO_EXACT if method == "exact" else None)
        method = current_name(method)
        certificate = look_up(PART_CERTIFICATES, method, PART_CERTIFICATES)

        def radii(batch: PartBatch) -> Tensor:
            return batch.radius_of(certificate.moves(batch))

        return radii

    def enclose(self, batch: PartBatch, attacked: Tensor, effort: Effort) -> Enclosure:
        """Bounds from proof and attack, which nothing brings closer together."""
        lower = not_beyond(attacked, self.bound("auto")(batch))
        met = finished(lower, attacked, effort.rtol).cpu().numpy()
        status = np.where(met, "exact", "bounded")
        return Enclosure(lower=lower, upper=attacked, status=status)
