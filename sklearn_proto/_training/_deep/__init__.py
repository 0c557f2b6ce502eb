"""Deep fits: stages as data, skorch's loop, projection, pruning, the last layer.

Apart from the other solvers, since only deep estimators need skorch.
"""

from sklearn_proto._training._deep._augmentation import AUGMENTATIONS, augmentation_of
from sklearn_proto._training._deep._callbacks import checked_callbacks
from sklearn_proto._training._deep._checkpoints import Checkpoints
from sklearn_proto._training._deep._fingerprint import fingerprint
from sklearn_proto._training._deep._part_fit import PartFit
from sklearn_proto._training._deep._projection import Sources, closest_patches
from sklearn_proto._training._deep._pruning import kept_prototypes, own_class_counts
from sklearn_proto._training._deep._stage_net import DivergenceError
from sklearn_proto._training._deep._staged_fit import DeepOptions, StagedFit
from sklearn_proto._training._deep._stages import PartLoss, Stage

__all__ = [
    "AUGMENTATIONS",
    "Checkpoints",
    "DeepOptions",
    "DivergenceError",
    "PartFit",
    "PartLoss",
    "Sources",
    "Stage",
    "StagedFit",
    "augmentation_of",
    "checked_callbacks",
    "closest_patches",
    "fingerprint",
    "kept_prototypes",
    "own_class_counts",
]
