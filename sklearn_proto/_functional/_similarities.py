"""From dissimilarities to detection probabilities in [0, 1]."""

import torch
from torch import Tensor

from sklearn_proto._functional._distances import safe_sqrt


def exponents(sq: Tensor, sigma: Tensor, metric: str) -> Tensor:
    """``-D / sigma``, with ``D = sq`` for "sqeuclidean" and ``sqrt(sq)`` otherwise.

    Parameters
    ----------
    sq : Tensor of shape (n, K)
        Squared distances.
    sigma : Tensor of shape (K,) or (1,)
        Positive kernel widths, in the units of D.
    metric : {"euclidean", "sqeuclidean", "tangent"}
        Which dissimilarity D is.
    """
    d = sq if metric == "sqeuclidean" else safe_sqrt(sq)
    return d * (-1.0 / sigma)


def similarities(
    sq: Tensor, sigma: Tensor, metric: str, *, normalized: bool = False
) -> Tensor:
    """Similarities ``phi_k = exp(-D_k / sigma_k)`` of shape (n, K).

    ``normalized=True`` divides by their sum over k. The softmax does so without
    underflow for rows far from every prototype.
    """
    e = exponents(sq, sigma, metric)
    return torch.softmax(e, 1) if normalized else torch.exp(e)
