"""Decisions taken apart into what each prototype, or each feature, contributes."""

from sklearn_proto.explain._activation import part_boxes, percentile_boxes, upsampled
from sklearn_proto.explain._contributions import (
    Contributions,
    agreement_contributions,
    linear_contributions,
    nearest_contributions,
)
from sklearn_proto.explain._explanation import Explanation
from sklearn_proto.explain._nearest import (
    NearestPrototypeExplanation,
    deciding_prototypes,
)
from sklearn_proto.explain._parts import PartExplanation

__all__ = [
    "Contributions",
    "Explanation",
    "NearestPrototypeExplanation",
    "PartExplanation",
    "agreement_contributions",
    "deciding_prototypes",
    "linear_contributions",
    "nearest_contributions",
    "part_boxes",
    "percentile_boxes",
    "upsampled",
]
