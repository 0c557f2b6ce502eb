"""What a prototype is about, found by taking one characteristic of the data away."""

from sklearn_proto.inspection._description._characteristics import (
    PrototypeCharacteristics,
)
from sklearn_proto.inspection._description._describe import describe_prototypes

__all__ = ["PrototypeCharacteristics", "describe_prototypes"]
