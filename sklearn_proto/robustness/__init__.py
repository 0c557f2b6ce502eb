"""How far a row may move before the prediction can change."""

from sklearn_proto.robustness._certificate import Certificate
from sklearn_proto.robustness._certify import (
    CERTIFICATES,
    certified_accuracy_score,
    certified_radius,
)

__all__ = [
    "CERTIFICATES",
    "Certificate",
    "certified_accuracy_score",
    "certified_radius",
]
