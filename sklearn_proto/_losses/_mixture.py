"""Likelihood ratio of a mixture with labelled components."""

import torch
from torch import Tensor

from sklearn_proto._functional import exponents
from sklearn_proto._modules import Outputs


def mixture_loss(outputs: Outputs, y: Tensor) -> Tensor:
    """``-log p(x, y) / p(x)`` of each row, shape (n,) (Seo & Obermayer 2003).

    From logarithms: far from every prototype the densities underflow, and their ratio
    does not.
    """
    e = exponents(
        outputs.squared_distances, outputs.kernel.sigma, outputs.kernel.metric
    )
    own = outputs.affine.coefficients[y, 0] > 0
    joint = torch.logsumexp(e.masked_fill(~own, -torch.inf), 1)
    return torch.logsumexp(e, 1) - joint
