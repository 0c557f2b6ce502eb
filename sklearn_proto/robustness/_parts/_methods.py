"""The table of certificates of part-prototype networks, and the larger of the two.

Proof in the guide: `parts-interval`, `parts-patchwise`.
"""

from typing import Protocol

import torch
from torch import Tensor

from sklearn_proto.robustness._parts._batch import PartBatch
from sklearn_proto.robustness._parts._interval import PartInterval
from sklearn_proto.robustness._parts._patchwise import Patchwise


class PartCertificate(Protocol):
    """A lower bound on how far the maps may move before a rival takes a row."""

    name: str

    def moves(self, batch: PartBatch) -> Tensor:
        """Lengths (n, S) by which the maps may move before each score catches up."""


class PartAuto:
    """Largest of all bounds, rival by rival."""

    name = "auto"

    def moves(self, batch: PartBatch) -> Tensor:
        """Lengths (n, S) by which the maps may move before each score catches up."""
        return torch.maximum(PartInterval().moves(batch), Patchwise().moves(batch))


PART_CERTIFICATES: dict[str, PartCertificate] = {
    certificate.name: certificate
    for certificate in (PartAuto(), PartInterval(), Patchwise())
}
