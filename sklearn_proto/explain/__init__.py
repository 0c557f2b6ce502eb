"""Decisions taken apart into what each prototype, or each feature, contributes."""

from sklearn_proto.explain._account import AGAINST, FOR, Account, Part
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
from sklearn_proto.explain._pixels import image_of_row
from sklearn_proto.explain._png import png_uri
from sklearn_proto.explain._sentence import name
from sklearn_proto.explain._uncertainty import Uncertainty, joined, uncertainty_of
from sklearn_proto.explain._whole import SampledExplanation, WholeExplanation

__all__ = [
    "AGAINST",
    "FOR",
    "Account",
    "Contributions",
    "Explanation",
    "NearestPrototypeExplanation",
    "Part",
    "PartExplanation",
    "SampledExplanation",
    "Uncertainty",
    "WholeExplanation",
    "agreement_contributions",
    "deciding_prototypes",
    "image_of_row",
    "joined",
    "linear_contributions",
    "name",
    "nearest_contributions",
    "part_boxes",
    "percentile_boxes",
    "png_uri",
    "uncertainty_of",
    "upsampled",
]
