"""Shallow prototype classifiers: one family a file."""

from sklearn_proto.shallow._cbc import CBCClassifier
from sklearn_proto.shallow._rbf import RBFClassifier

__all__ = ["CBCClassifier", "RBFClassifier"]
