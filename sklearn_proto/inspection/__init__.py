"""Pictures and descriptions of fitted models and their decisions, and a report.

Drawing needs the ``plot`` extra; importing does not.
"""

from sklearn_proto.inspection._description import (
    PrototypeCharacteristics,
    describe_prototypes,
)
from sklearn_proto.inspection._explain import explain
from sklearn_proto.inspection._explanation import ExplanationDisplay
from sklearn_proto.inspection._prototype_path import PrototypePathDisplay
from sklearn_proto.inspection._prototypes import PrototypeDisplay
from sklearn_proto.inspection._reasoning import ReasoningDisplay
from sklearn_proto.inspection._regions import DecisionRegionDisplay
from sklearn_proto.inspection._relevance import RelevanceDisplay
from sklearn_proto.inspection._report import report

__all__ = [
    "DecisionRegionDisplay",
    "ExplanationDisplay",
    "PrototypeCharacteristics",
    "PrototypeDisplay",
    "PrototypePathDisplay",
    "ReasoningDisplay",
    "RelevanceDisplay",
    "describe_prototypes",
    "explain",
    "report",
]
