"""Certificates of similarity-based models: RBF networks and CBC."""

from sklearn_proto.robustness._similarity._certificate import (
    Certificate,
    RootFindingCertificate,
)
from sklearn_proto.robustness._similarity._certificates import CERTIFICATES
from sklearn_proto.robustness._similarity._family import SimilarityFamily
from sklearn_proto.robustness._similarity._gaps import GapBatch

__all__ = [
    "CERTIFICATES",
    "Certificate",
    "GapBatch",
    "RootFindingCertificate",
    "SimilarityFamily",
]
