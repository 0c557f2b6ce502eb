"""Certificates of nearest-prototype models."""

from sklearn_proto.robustness._nearest._family import NearestFamily
from sklearn_proto.robustness._nearest._methods import NEAREST_CERTIFICATES

__all__ = ["NEAREST_CERTIFICATES", "NearestFamily"]
