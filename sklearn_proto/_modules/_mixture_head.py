"""Output of a mixture whose components are labelled."""

import numpy as np
import torch
from torch import Tensor

from sklearn_proto._functional import Affine
from sklearn_proto._modules._head import Head


class ClassPosterior(Head):
    """Each class scores the sum of the responsibilities of its own prototypes.

    On normalised similarities, which are the posterior of the components of a Gaussian
    mixture with equal weights (Seo & Obermayer 2003).
    """

    def __init__(self, owners: Tensor) -> None:
        super().__init__(owners, temperature=1.0)
        # The scores are probabilities as they are.
        self.log_temperature.requires_grad = False
        self.register_buffer("membership", owners, persistent=False)

    membership: Tensor

    def affine(self) -> Affine:
        """See `Head.affine`."""
        return Affine(self.membership, torch.zeros_like(self.membership[..., 0]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return nothing: the labels of the prototypes say it all."""
        return {}
