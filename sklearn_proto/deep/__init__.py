"""Deep prototype networks."""

from sklearn_proto.deep._protopnet import ProtoPNetClassifier
from sklearn_proto.deep._stprotopnet import STProtoPNetClassifier

__all__ = ["ProtoPNetClassifier", "STProtoPNetClassifier"]
