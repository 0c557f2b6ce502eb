"""Terms of networks whose prototypes are codes of an autoencoder.

Li et al. 2018, and Vadillo et al. 2024: with prototypes that are distributions, every
term that depends on them is a mean over samples.
"""

from torch import Tensor

from sklearn_proto._losses._log_loss import cross_entropy
from sklearn_proto._losses._parts import weighted_mean
from sklearn_proto._modules import GaussianPrototypes, WholeOutputs


def expected_log_loss(outputs: WholeOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """Mean cross-entropy of the logits of all samples."""
    s, n, _ = outputs.scores.shape
    losses = cross_entropy(outputs.scores.flatten(0, 1), y.repeat(s)).view(s, n)
    return weighted_mean(losses.mean(0), weight)


def reconstruction(outputs: WholeOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """``|g(f(x)) - x|^2``, on average."""
    del y
    error = (outputs.reconstruction - outputs.target).square().flatten(1).sum(1)
    return weighted_mean(error, weight)


def prototypes_to_rows(outputs: WholeOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """R1: mean over prototypes of the squared distance to the closest row.

    So every prototype is near the code of an input, which the decoder knows.
    """
    del y, weight
    # min, not amin, which would share a gradient between ties.
    return outputs.distances.min(1).values.mean()


def rows_to_prototypes(outputs: WholeOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """R2: mean over rows of the squared distance to the closest prototype."""
    del y
    return weighted_mean(outputs.distances.min(2).values.mean(0), weight)


def divergence(outputs: WholeOutputs, y: Tensor, weight: Tensor) -> Tensor:
    """Mean over prototypes of their divergence from a standard normal distribution.

    ``KL = sum(mean^2 + sigma^2 - 1 - log sigma^2) / 2``; of points, whose divergence is
    infinite, the part that depends on the mean.
    """
    del y, weight
    prototypes = outputs.prototypes
    assert isinstance(prototypes, GaussianPrototypes)
    total = prototypes.means.square()
    if prototypes.log_sigma is not None:
        log_variance = 2.0 * prototypes.log_sigma
        total = total + log_variance.exp() - 1.0 - log_variance
    return 0.5 * total.sum(1).mean()
