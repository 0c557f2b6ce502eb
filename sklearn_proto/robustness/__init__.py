"""How far a row may move before the prediction can change."""

from sklearn_proto._renamed import old_names
from sklearn_proto.robustness._attack import EmpiricalRadius, empirical_radius
from sklearn_proto.robustness._certified_accuracy import (
    certified_accuracy_curve,
    certified_accuracy_score,
    make_certified_scorer,
)
from sklearn_proto.robustness._certified_radius import certified_radius
from sklearn_proto.robustness._display import CertifiedAccuracyDisplay
from sklearn_proto.robustness._exact_radius import ExactRadius, exact_radius
from sklearn_proto.robustness._nearest import NEAREST_CERTIFICATES
from sklearn_proto.robustness._similarity import CERTIFICATES, Certificate
from sklearn_proto.robustness._smoothing import SmoothedCertificate, SmoothedClassifier
from sklearn_proto.robustness._threat_model._affine_steps import register_affine
from sklearn_proto.robustness._threat_model._preprocessing import (
    AffinePreprocessing,
    affine_preprocessing,
)

__all__ = [
    "CERTIFICATES",
    "NEAREST_CERTIFICATES",
    "AffinePreprocessing",
    "Certificate",
    "CertifiedAccuracyDisplay",
    "EmpiricalRadius",
    "ExactRadius",
    "SmoothedCertificate",
    "SmoothedClassifier",
    "affine_preprocessing",
    "certified_accuracy_curve",
    "certified_accuracy_score",
    "certified_radius",
    "empirical_radius",
    "exact_radius",
    "make_certified_scorer",
    "register_affine",
]

# The old name of a function that many scripts call: quiet for this release, and then
# with a warning for one.
affine_front = affine_preprocessing

_old_name = old_names(__name__, {"AffineFront": "AffinePreprocessing"})


def __getattr__(name: str) -> object:
    return _old_name(name)
