"""Decisions taken apart into what each prototype, or each feature, contributes."""

from sklearn_proto._renamed import old_names

# Each says how one kind of explanation is read, and registers it.
from sklearn_proto.explain import _by_feature, _by_part, _by_prototype, _by_whole  # noqa: F401
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
from sklearn_proto.explain._row_summary import Part, RowSummary, row_summary
from sklearn_proto.explain._sentence import name
from sklearn_proto.explain._uncertainty import Uncertainty, joined, uncertainty_of
from sklearn_proto.explain._whole import DecodedExplanation, SampledExplanation

__all__ = [
    "Contributions",
    "DecodedExplanation",
    "Explanation",
    "NearestPrototypeExplanation",
    "Part",
    "PartExplanation",
    "RowSummary",
    "SampledExplanation",
    "Uncertainty",
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
    "row_summary",
    "uncertainty_of",
    "upsampled",
]

__getattr__ = old_names(__name__, {"WholeExplanation": "DecodedExplanation"})
