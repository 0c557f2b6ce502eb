"""torch modules: everything that owns a Parameter."""

from sklearn_proto._modules._autoencoders import (
    Autoencoder,
    convolutional_autoencoder,
    dense_autoencoder,
    start_at_means,
)
from sklearn_proto._modules._backbones import small_backbone
from sklearn_proto._modules._cbc_heads import IndefiniteReasoning, SignedReasoning
from sklearn_proto._modules._channel_prototypes import ChannelPrototypes
from sklearn_proto._modules._class_heads import ClassConnections, ScoreAggregation
from sklearn_proto._modules._draws import may_draw
from sklearn_proto._modules._head import Head, to_numpy
from sklearn_proto._modules._image_layout import ImageLayout
from sklearn_proto._modules._kernel import RadialKernel
from sklearn_proto._modules._lipschitz import OrthogonalConv, lipschitz_backbone
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
from sklearn_proto._modules._part_network import (
    Branch,
    NetworkOutputs,
    PartNetwork,
    PartOutputs,
    Standardise,
    feature_maps,
)
from sklearn_proto._modules._patch_prototypes import (
    SIMILARITIES,
    ExpDistance,
    LogDistance,
    PatchPrototypes,
    falls_with_distance,
)
from sklearn_proto._modules._plain_branch import without_prototypes
from sklearn_proto._modules._rbf_heads import FreeWeights, NormalizedWeights
from sklearn_proto._modules._receptive_field import (
    ReceptiveField,
    Window,
    receptive_field,
)
from sklearn_proto._modules._rectified_head import RectifiedWeights
from sklearn_proto._modules._whole_network import WholeNetwork, WholeOutputs
from sklearn_proto._modules._whole_prototypes import (
    GaussianPrototypes,
    PointPrototypes,
    WholePrototypes,
    sampled_distances,
)

__all__ = [
    "SIMILARITIES",
    "Autoencoder",
    "Branch",
    "ChannelPrototypes",
    "ClassConnections",
    "ClassPosterior",
    "Distances",
    "Euclidean",
    "ExpDistance",
    "FreeWeights",
    "GaussianPrototypes",
    "Head",
    "ImageLayout",
    "IndefiniteReasoning",
    "LocalMatrices",
    "LogDistance",
    "Manhattan",
    "Metric",
    "NearestPrototypes",
    "NetworkOutputs",
    "NormalizedWeights",
    "OrthogonalConv",
    "Outputs",
    "PartNetwork",
    "PartOutputs",
    "PatchPrototypes",
    "PointPrototypes",
    "PrototypeNetwork",
    "RadialKernel",
    "ReceptiveField",
    "RectifiedWeights",
    "Relevances",
    "ScoreAggregation",
    "SharedMatrix",
    "SignedReasoning",
    "SquaredEuclidean",
    "Standardise",
    "TangentSpaces",
    "WholeNetwork",
    "WholeOutputs",
    "WholePrototypes",
    "Window",
    "convolutional_autoencoder",
    "dense_autoencoder",
    "falls_with_distance",
    "feature_maps",
    "lipschitz_backbone",
    "may_draw",
    "receptive_field",
    "sampled_distances",
    "small_backbone",
    "start_at_means",
    "to_numpy",
    "without_prototypes",
]
