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
from sklearn_proto.explain._risk_coverage import risk_coverage_curve
from sklearn_proto.explain._uncertainty import Uncertainty, joined, uncertainty_of
from sklearn_proto.explain._whole import SampledExplanation, WholeExplanation

__all__ = [
    "Contributions",
    "Explanation",
    "NearestPrototypeExplanation",
    "PartExplanation",
    "SampledExplanation",
    "Uncertainty",
    "WholeExplanation",
    "agreement_contributions",
    "deciding_prototypes",
    "joined",
    "linear_contributions",
    "nearest_contributions",
    "part_boxes",
    "percentile_boxes",
    "risk_coverage_curve",
    "uncertainty_of",
    "upsampled",
]
