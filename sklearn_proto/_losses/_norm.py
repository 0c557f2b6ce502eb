"""Squared norm of the decision functions."""

import torch
from torch import Tensor

from sklearn_proto._modules import PrototypeNetwork


def squared_norm(network: PrototypeNetwork) -> Tensor:
    """Sum over concepts of ``|f|^2`` in the function space of the kernel.

    With ``f = sum_k a_k phi_k`` it is ``a^T G a``, G the inner products of the kernel
    functions: the penalty of a support vector machine, on a function with few centres
    that move. A penalty on the weights alone would let two nearby prototypes with
    opposite weights make a rough function at no cost. Scores count in units of the
    temperature, the scale at which they become probabilities.
    """
    coefficients, _ = network.head.affine()
    flat = coefficients.reshape(-1, coefficients.shape[-1])
    flat = flat / network.head.log_temperature.exp()
    return torch.sum((flat @ network.kernel.gram()) * flat)
