"""Losses of single rows, and penalties on the model.

A loss is a function of what the network computed and of the labels; it knows nothing
of fit. A new loss is a file here and a line in `LOSSES`.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from sklearn_proto._losses._autoencoder import (
    divergence,
    expected_log_loss,
    prototypes_to_rows,
    reconstruction,
    rows_to_prototypes,
)
from sklearn_proto._losses._glvq import (
    ACTIVATIONS,
    glvq_loss,
    temperature_loss,
    triplet_loss,
)
from sklearn_proto._losses._log_loss import log_loss
from sklearn_proto._losses._margin import hinge, margin_loss, relative_hinge
from sklearn_proto._losses._mixture import mixture_loss
from sklearn_proto._losses._norm import squared_norm
from sklearn_proto._losses._part_objective import PartObjective
from sklearn_proto._losses._parts import (
    closeness,
    cluster,
    discrimination,
    orthogonality,
    separation,
    wrong_class_norm,
)
from sklearn_proto._losses._pipnet import (
    concise_nll,
    tanh_loss,
    view_alignment,
)
from sklearn_proto._losses._robust import robust_loss
from sklearn_proto._losses._structure import alignment
from sklearn_proto._losses._whole_objective import WholeObjective
from sklearn_proto._modules import Outputs

RowLoss = Callable[[Outputs, Tensor], Tensor]

# Losses that are themselves a likelihood, so that training sets the temperature.
LIKELIHOODS = {"log_loss"}

# Losses that refine a fit of the smooth loss. The certificate has a kink wherever a net
# weight is zero, as many are in a fresh head; the margin loss does not belong here: the
# small agreements of a likelihood fit leave every row short of its margin, and from
# there it finds the useless optimum in which all similarities are equal.
REFINEMENTS = frozenset({"robust"})

LOSSES: dict[str, Callable[[float], RowLoss]] = {
    "log_loss": lambda _: log_loss,
    "margin": lambda margin: partial(margin_loss, margin=margin),
    "robust": lambda margin: partial(robust_loss, margin=margin),
}

__all__ = [
    "ACTIVATIONS",
    "LIKELIHOODS",
    "LOSSES",
    "REFINEMENTS",
    "PartObjective",
    "RowLoss",
    "WholeObjective",
    "alignment",
    "closeness",
    "cluster",
    "concise_nll",
    "discrimination",
    "divergence",
    "expected_log_loss",
    "glvq_loss",
    "hinge",
    "log_loss",
    "margin_loss",
    "mixture_loss",
    "orthogonality",
    "prototypes_to_rows",
    "reconstruction",
    "relative_hinge",
    "robust_loss",
    "rows_to_prototypes",
    "separation",
    "squared_norm",
    "tanh_loss",
    "temperature_loss",
    "triplet_loss",
    "view_alignment",
    "wrong_class_norm",
]
