"""Losses of PIP-Net, after Nauta et al., CVPR 2023, sections 3.1 and 3.2."""

import torch
from torch import Tensor, nn

from sklearn_proto._losses._parts import weighted_mean
from sklearn_proto._modules import PartOutputs

# Keeps a logarithm and its gradient finite where two views share no channel.
_EPSILON = 1e-7
# Power of the scores in the loss.
_NU = 2.0


def view_alignment(outputs: PartOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """``-log <z, z'>`` of two views of a row, mean over positions and rows.

    Both are distributions over channels, so it is 0 only where they are the same
    single channel: a prototype is shown, or it is not.

    Parameters
    ----------
    outputs : PartOutputs
        Of a batch whose first half holds one view of each row, whose second half the
        other.
    y, weight : Tensor of shape (2n,)
        Classes, which are not looked at, and weights.
    """
    del y
    one, other = outputs.patches.chunk(2)
    agreement = (one * other).sum(1).flatten(1)
    loss = -(agreement + _EPSILON).log().mean(1)
    return weighted_mean(loss, weight[: len(loss)])


def tanh_loss(outputs: PartOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """``-mean_k log tanh(sum_i g_ik)`` over the rows of a batch.

    Large where a channel is shown nowhere: alignment alone would be content with one
    channel for everything.
    """
    del y
    shown = weight @ outputs.similarities
    return -(shown.tanh() + _EPSILON).log().mean()


def concise_nll(scores: Tensor, y: Tensor) -> Tensor:
    """Negative log-likelihood of ``softmax(log(1 + score^2))`` of each row, (n,).

    The logarithm rewards scores near 0 for the other classes more than ever larger ones
    for the right class, so that weights fall to 0. Scores are at least 0.
    """
    likelihood = torch.log_softmax(scores.pow(_NU).log1p(), 1)
    return nn.functional.nll_loss(likelihood, y, reduction="none")
