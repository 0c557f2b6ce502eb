"""Shallow prototype classifiers: one family a file."""

from sklearn_proto._growth import PrototypePath
from sklearn_proto.shallow._cbc import CBCClassifier
from sklearn_proto.shallow._glvq import GLVQClassifier
from sklearn_proto.shallow._gmlvq import GMLVQClassifier
from sklearn_proto.shallow._gtlvq import GTLVQClassifier
from sklearn_proto.shallow._lgmlvq import LGMLVQClassifier
from sklearn_proto.shallow._prototype_path import prototype_path
from sklearn_proto.shallow._rbf import RBFClassifier
from sklearn_proto.shallow._rslvq import RSLVQClassifier

__all__ = [
    "CBCClassifier",
    "GLVQClassifier",
    "GMLVQClassifier",
    "GTLVQClassifier",
    "LGMLVQClassifier",
    "PrototypePath",
    "RBFClassifier",
    "RSLVQClassifier",
    "prototype_path",
]
