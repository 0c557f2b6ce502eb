"""Output layers of an RBF network."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_proto._functional import Affine
from sklearn_proto._modules._head import INITIAL_STRENGTH, Head, to_numpy


class FreeWeights(Head):
    """Real weights and biases: ``s_c = sum_k V[c, k] phi_k + b_c``."""

    def __init__(self, owners: Tensor) -> None:
        super().__init__(owners, temperature=1.0)
        # The weights already set the scale of the scores.
        self.log_temperature.requires_grad = False
        self.weights = nn.Parameter(INITIAL_STRENGTH * owners.squeeze(1))
        self.bias = nn.Parameter(torch.zeros_like(owners[:, 0, 0]))

    def affine(self) -> Affine:
        """See `Head.affine`."""
        return Affine(self.weights[:, None], self.bias[:, None])

    def arrays(self) -> dict[str, np.ndarray]:
        """``coef_`` (C, K) and ``intercept_`` (C,)."""
        return {"coef_": to_numpy(self.weights), "intercept_": to_numpy(self.bias)}


class NormalizedWeights(Head):
    """Convex weights, ``V[c] = softmax(...)``: every score is in [0, 1]."""

    def __init__(self, owners: Tensor) -> None:
        super().__init__(owners, temperature=1 / 50)
        self.logits = nn.Parameter(INITIAL_STRENGTH * owners.squeeze(1))

    def affine(self) -> Affine:
        """See `Head.affine`."""
        weights = torch.softmax(self.logits, -1)
        return Affine(weights[:, None], torch.zeros_like(weights[:, :1]))

    def keep(self, index: Tensor) -> None:
        """See `Head.keep`."""
        self.logits = nn.Parameter(self.logits.detach()[:, index])

    def arrays(self) -> dict[str, np.ndarray]:
        """``coef_`` (C, K) and ``intercept_`` (C,), which is zero."""
        weights, bias = self.affine()
        return {"coef_": to_numpy(weights[:, 0]), "intercept_": to_numpy(bias[:, 0])}
