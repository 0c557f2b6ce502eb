"""Looks into fitted estimators."""

from sklearn_proto.inspection._characteristics import PrototypeCharacteristics
from sklearn_proto.inspection._describe import describe_prototypes

__all__ = ["PrototypeCharacteristics", "describe_prototypes"]
