"""Reasoning layers of Classification-by-Components."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_proto._functional import (
    Affine,
    agreement,
    indefinite_agreement,
    signed_probabilities,
)
from sklearn_proto._modules._head import INITIAL_STRENGTH, Head, to_numpy

# Agreements are averages over components, so their differences are small: the softmax
# over classes starts sharp and learns its temperature.
_INITIAL_TEMPERATURE = 1 / 50


class SignedReasoning(Head):
    """One distribution per concept over "k is present" and "k is absent".

    Section 3 of Saralajew et al., AAAI 2025.
    """

    def __init__(self, owners: Tensor) -> None:
        super().__init__(owners, _INITIAL_TEMPERATURE)
        absence = torch.zeros_like(owners)
        self.logits = nn.Parameter(torch.cat([INITIAL_STRENGTH * owners, absence], -1))

    def affine(self) -> Affine:
        """See `Head.affine`."""
        return agreement(*signed_probabilities(self.logits))

    def keep(self, index: Tensor) -> None:
        """See `Head.keep`."""
        halves = self.logits.detach().chunk(2, -1)
        self.logits = nn.Parameter(torch.cat([h[..., index] for h in halves], -1))

    def arrays(self) -> dict[str, np.ndarray]:
        """``reasoning_`` (C, q, K, 2): R+ and R-."""
        r = torch.stack(signed_probabilities(self.logits), -1)
        return {"reasoning_": to_numpy(r)}


class IndefiniteReasoning(Head):
    """Positive, indefinite and negative requiredness per component and concept.

    Saralajew et al., NeurIPS 2019; the component prior is shared by all classes.
    """

    def __init__(self, owners: Tensor) -> None:
        super().__init__(owners, _INITIAL_TEMPERATURE)
        other = torch.zeros_like(owners)
        start = torch.stack([INITIAL_STRENGTH * owners, other, other], -1)
        self.logits = nn.Parameter(start)
        self.prior_logits = nn.Parameter(torch.zeros_like(owners[0, 0]))

    def _reasoning(self) -> tuple[Tensor, Tensor]:
        return torch.softmax(self.logits, -1), torch.softmax(self.prior_logits, 0)

    def affine(self) -> Affine:
        """See `Head.affine`."""
        return indefinite_agreement(*self._reasoning())[0]

    def arrays(self) -> dict[str, np.ndarray]:
        """State of the reasoning.

        ``reasoning_`` (C, q, K, 2) effective R+ and R-, ``requiredness_``
        (C, q, K, 3) and ``component_prior_`` (K,).
        """
        requiredness, prior = self._reasoning()
        _, presence, absence = indefinite_agreement(requiredness, prior)
        return {
            "reasoning_": to_numpy(torch.stack([presence, absence], -1)),
            "requiredness_": to_numpy(requiredness),
            "component_prior_": to_numpy(prior),
        }
