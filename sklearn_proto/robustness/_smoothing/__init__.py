"""Randomized smoothing: a certificate for any classifier, by voting under noise."""

from sklearn_proto.robustness._smoothing._classifier import SmoothedClassifier
from sklearn_proto.robustness._smoothing._votes import SmoothedCertificate

__all__ = ["SmoothedCertificate", "SmoothedClassifier"]
