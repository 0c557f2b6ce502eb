"""Prototype classifiers that explain themselves and prove how robust they are.

Public names load on first use: importing the package costs next to nothing, and torch
is read when the first estimator is.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sklearn_proto._renamed import old_names

if TYPE_CHECKING:
    from sklearn_proto import deep, explain, extension, inspection, metrics, robustness
    from sklearn_proto.deep import (
        CBCNetClassifier,
        ProbPSENNClassifier,
        ProtoPNetClassifier,
        PrototypeAutoencoderClassifier,
        STProtoPNetClassifier,
    )
    from sklearn_proto.explain import (
        DecodedExplanation,
        Explanation,
        NearestPrototypeExplanation,
        PartExplanation,
        SampledExplanation,
        Uncertainty,
    )
    from sklearn_proto.shallow import (
        CBCClassifier,
        GLVQClassifier,
        GMLVQClassifier,
        GTLVQClassifier,
        LGMLVQClassifier,
        PrototypePath,
        RBFClassifier,
        RSLVQClassifier,
        prototype_path,
    )

__version__ = "0.1.0.dev0"

_HOMES = {
    "CBCClassifier": "sklearn_proto.shallow",
    "CBCNetClassifier": "sklearn_proto.deep",
    "DecodedExplanation": "sklearn_proto.explain",
    "Explanation": "sklearn_proto.explain",
    "GLVQClassifier": "sklearn_proto.shallow",
    "GMLVQClassifier": "sklearn_proto.shallow",
    "GTLVQClassifier": "sklearn_proto.shallow",
    "LGMLVQClassifier": "sklearn_proto.shallow",
    "NearestPrototypeExplanation": "sklearn_proto.explain",
    "PartExplanation": "sklearn_proto.explain",
    "ProbPSENNClassifier": "sklearn_proto.deep",
    "ProtoPNetClassifier": "sklearn_proto.deep",
    "PrototypeAutoencoderClassifier": "sklearn_proto.deep",
    "PrototypePath": "sklearn_proto.shallow",
    "RBFClassifier": "sklearn_proto.shallow",
    "RSLVQClassifier": "sklearn_proto.shallow",
    "STProtoPNetClassifier": "sklearn_proto.deep",
    "SampledExplanation": "sklearn_proto.explain",
    "Uncertainty": "sklearn_proto.explain",
    "prototype_path": "sklearn_proto.shallow",
}
_old_name = old_names(__name__, {"WholeExplanation": "DecodedExplanation"})
_SUBPACKAGES = (
    "deep",
    "explain",
    "extension",
    "inspection",
    "metrics",
    "robustness",
    "shallow",
)

__all__ = [
    "CBCClassifier",
    "CBCNetClassifier",
    "DecodedExplanation",
    "Explanation",
    "GLVQClassifier",
    "GMLVQClassifier",
    "GTLVQClassifier",
    "LGMLVQClassifier",
    "NearestPrototypeExplanation",
    "PartExplanation",
    "ProbPSENNClassifier",
    "ProtoPNetClassifier",
    "PrototypeAutoencoderClassifier",
    "PrototypePath",
    "RBFClassifier",
    "RSLVQClassifier",
    "STProtoPNetClassifier",
    "SampledExplanation",
    "Uncertainty",
    "deep",
    "explain",
    "extension",
    "inspection",
    "metrics",
    "prototype_path",
    "robustness",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _SUBPACKAGES:
        return import_module(f"sklearn_proto.{name}")
    return _old_name(name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
