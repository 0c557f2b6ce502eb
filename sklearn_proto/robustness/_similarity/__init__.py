"""Certificates of similarity-based models: RBF networks and CBC."""

from sklearn_proto.robustness._similarity._certificate import Certificate
from sklearn_proto.robustness._similarity._certificates import CERTIFICATES
from sklearn_proto.robustness._similarity._family import SimilarityFamily

__all__ = ["CERTIFICATES", "Certificate", "SimilarityFamily"]
