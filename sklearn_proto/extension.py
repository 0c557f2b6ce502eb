"""Names that extensions of the package are made of.

Tables take new names: a loss that is put into `LOSSES` is accepted by ``loss=`` and
listed in error messages. The guide says what each asks for, in "Extending".
"""

from sklearn_proto._base import PrototypeClassifier
from sklearn_proto._functional import Affine
from sklearn_proto._losses import LIKELIHOODS, LOSSES, RowLoss
from sklearn_proto._modules import (
    SIMILARITIES,
    ExpDistance,
    Head,
    LogDistance,
    Metric,
    Outputs,
    PatchPrototypes,
    Window,
)
from sklearn_proto._training import SOLVERS
from sklearn_proto._views import (
    NearestPrototypeView,
    PartPrototypeView,
    SimilarityView,
)
from sklearn_proto.explain import (
    Contributions,
    Explanation,
    RowSummary,
    agreement_contributions,
    linear_contributions,
    row_summary,
)
from sklearn_proto.robustness import (
    CERTIFICATES,
    NEAREST_CERTIFICATES,
    Certificate,
    register_affine,
)
from sklearn_proto.robustness._similarity import GapBatch, RootFindingCertificate
from sklearn_proto.shallow._cbc import HEADS as CBC_HEADS
from sklearn_proto.shallow._nearest import NearestPrototypeClassifier
from sklearn_proto.shallow._rbf import HEADS as RBF_HEADS
from sklearn_proto.shallow._similarity import SimilarityClassifier

__all__ = [
    "CBC_HEADS",
    "CERTIFICATES",
    "LIKELIHOODS",
    "LOSSES",
    "NEAREST_CERTIFICATES",
    "RBF_HEADS",
    "SIMILARITIES",
    "SOLVERS",
    "Affine",
    "Certificate",
    "Contributions",
    "ExpDistance",
    "Explanation",
    "GapBatch",
    "Head",
    "LogDistance",
    "Metric",
    "NearestPrototypeClassifier",
    "NearestPrototypeView",
    "Outputs",
    "PartPrototypeView",
    "PatchPrototypes",
    "PrototypeClassifier",
    "RootFindingCertificate",
    "RowLoss",
    "RowSummary",
    "SimilarityClassifier",
    "SimilarityView",
    "Window",
    "agreement_contributions",
    "linear_contributions",
    "register_affine",
    "row_summary",
]
