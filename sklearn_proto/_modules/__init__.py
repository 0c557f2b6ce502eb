"""torch modules: everything that owns a Parameter."""

from sklearn_proto._modules._cbc_heads import IndefiniteReasoning, SignedReasoning
from sklearn_proto._modules._head import Head, to_numpy
from sklearn_proto._modules._kernel import RadialKernel
from sklearn_proto._modules._metrics import (
    Euclidean,
    LocalMatrices,
    Manhattan,
    Metric,
    Relevances,
    SharedMatrix,
    SquaredEuclidean,
    TangentSpaces,
)
from sklearn_proto._modules._mixture_head import ClassPosterior
from sklearn_proto._modules._nearest import Distances, NearestPrototypes
from sklearn_proto._modules._network import Outputs, PrototypeNetwork
from sklearn_proto._modules._rbf_heads import FreeWeights, NormalizedWeights

__all__ = [
    "ClassPosterior",
    "Distances",
    "Euclidean",
    "FreeWeights",
    "Head",
    "IndefiniteReasoning",
    "LocalMatrices",
    "Manhattan",
    "Metric",
    "NearestPrototypes",
    "NormalizedWeights",
    "Outputs",
    "PrototypeNetwork",
    "RadialKernel",
    "Relevances",
    "SharedMatrix",
    "SignedReasoning",
    "SquaredEuclidean",
    "TangentSpaces",
    "to_numpy",
]
