"""torch modules: everything that owns a Parameter."""

from sklearn_proto._modules._cbc_heads import IndefiniteReasoning, SignedReasoning
from sklearn_proto._modules._head import Head
from sklearn_proto._modules._kernel import RadialKernel
from sklearn_proto._modules._network import Outputs, PrototypeNetwork
from sklearn_proto._modules._rbf_heads import FreeWeights, NormalizedWeights

__all__ = [
    "FreeWeights",
    "Head",
    "IndefiniteReasoning",
    "NormalizedWeights",
    "Outputs",
    "PrototypeNetwork",
    "RadialKernel",
    "SignedReasoning",
]
