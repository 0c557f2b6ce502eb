"""Heads of part-prototype networks: linear in the similarities, without a bias."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_proto._functional import Affine
from sklearn_proto._modules._head import Head, to_numpy

# Weight of a prototype for another class than its own, at the start.
_WRONG_CLASS = -0.5


class _LinearHead(Head):
    """One weight per class and prototype, which a subclass gives.

    Attributes
    ----------
    own : Tensor of shape (C, K)
        Whether the prototype starts as evidence for the class.
    raw : Parameter of shape (..., K)
        What the weights are made of.
    """

    own: Tensor
    raw: nn.Parameter

    def __init__(self, owners: Tensor) -> None:
        super().__init__(owners, temperature=1.0)
        self.register_buffer("own", owners.squeeze(1).bool(), persistent=False)
        # The weights already set the scale of the scores.
        self.log_temperature.requires_grad = False

    def weights(self) -> Tensor:
        """Weights of shape (C, K)."""
        raise NotImplementedError

    def affine(self) -> Affine:
        """See `Head.affine`."""
        weights = self.weights()
        return Affine(weights[:, None], torch.zeros_like(weights[:, :1]))

    def arrays(self) -> dict[str, np.ndarray]:
        """``coef_`` (C, K)."""
        return {"coef_": to_numpy(self.weights())}

    def keep(self, index: Tensor) -> None:
        """See `Head.keep`."""
        self.own = self.own[:, index]
        self.raw = nn.Parameter(self.raw.detach()[..., index])


class ClassConnections(_LinearHead):
    """Free weights that start as 1 for the own class and -0.5 for the others.

    Chen et al. 2019.

    Parameters
    ----------
    owners : Tensor of shape (C, 1, K)
        1 where the prototype is of the class.
    unit : float
        What a similarity of 1 counts at the start.
    """

    def __init__(self, owners: Tensor, unit: float = 1.0) -> None:
        super().__init__(owners)
        own = owners.squeeze(1)
        self.raw = nn.Parameter(unit * (own + _WRONG_CLASS * (1.0 - own)))

    def weights(self) -> Tensor:
        """See `_LinearHead.weights`."""
        return self.raw

    def wrong_class_norm(self) -> Tensor:
        """Sum of the sizes of the weights to other classes: the L1 term."""
        return self.raw.masked_fill(self.own, 0.0).abs().sum()


class ScoreAggregation(_LinearHead):
    """Positive weights of the own prototypes, which add up to their number.

    ``M softmax_m(a_cm)`` for the M prototypes of class c (Huang et al. 2023): no class
    hears of the prototypes of another.

    Parameters
    ----------
    owners : Tensor of shape (C, 1, K)
        1 where the prototype is of the class; every class has one.
    unit : float
        What a similarity of 1 counts.
    """

    def __init__(self, owners: Tensor, unit: float = 1.0) -> None:
        super().__init__(owners)
        self.unit = unit
        self.raw = nn.Parameter(torch.zeros_like(owners[0, 0]))

    def weights(self) -> Tensor:
        """See `_LinearHead.weights`."""
        logits = self.raw.expand_as(self.own).masked_fill(~self.own, -torch.inf)
        counts = self.own.sum(1, keepdim=True)
        return self.unit * counts * torch.softmax(logits, 1)

    def wrong_class_norm(self) -> Tensor:
        """Nothing: there are no weights to other classes."""
        return torch.zeros_like(self.raw[0])
