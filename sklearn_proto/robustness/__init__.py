"""How far a row may move before the prediction can change."""

from sklearn_proto.robustness._affine_steps import register_affine
from sklearn_proto.robustness._attack import EmpiricalRadius, empirical_radius
from sklearn_proto.robustness._certificate import Certificate
from sklearn_proto.robustness._certify import certified_radius
from sklearn_proto.robustness._display import CertifiedAccuracyDisplay
from sklearn_proto.robustness._exact import ExactRadius, exact_radius
from sklearn_proto.robustness._front import AffineFront, affine_front
from sklearn_proto.robustness._methods import CERTIFICATES
from sklearn_proto.robustness._nearest import NEAREST_CERTIFICATES
from sklearn_proto.robustness._scores import (
    certified_accuracy_curve,
    certified_accuracy_score,
    make_certified_scorer,
)
from sklearn_proto.robustness._smoothed import SmoothedClassifier
from sklearn_proto.robustness._votes import SmoothedCertificate

__all__ = [
    "CERTIFICATES",
    "NEAREST_CERTIFICATES",
    "AffineFront",
    "Certificate",
    "CertifiedAccuracyDisplay",
    "EmpiricalRadius",
    "ExactRadius",
    "SmoothedCertificate",
    "SmoothedClassifier",
    "affine_front",
    "certified_accuracy_curve",
    "certified_accuracy_score",
    "certified_radius",
    "empirical_radius",
    "exact_radius",
    "make_certified_scorer",
    "register_affine",
]
