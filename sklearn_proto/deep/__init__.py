"""Deep prototype networks."""

from sklearn_proto.deep._cbcnet import CBCNetClassifier
from sklearn_proto.deep._prob_psenn import ProbPSENNClassifier
from sklearn_proto.deep._protopnet import ProtoPNetClassifier
from sklearn_proto.deep._prototype_autoencoder import PrototypeAutoencoderClassifier
from sklearn_proto.deep._stprotopnet import STProtoPNetClassifier

__all__ = [
    "CBCNetClassifier",
    "ProbPSENNClassifier",
    "ProtoPNetClassifier",
    "PrototypeAutoencoderClassifier",
    "STProtoPNetClassifier",
]
