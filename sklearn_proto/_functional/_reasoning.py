"""Reasoning of Classification-by-Components, as affine maps of the similarities.

Every agreement of CBC is affine in the similarities: ``p = A phi + b``. Prediction,
explanation and certificates only need ``(A, b)``, so that is what these return.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Affine(NamedTuple):
    """Scores ``coefficients @ phi + offsets``: q concepts in each of C classes."""

    coefficients: Tensor  # (C, q, K)
    offsets: Tensor  # (C, q)

    def scores(self, phi: Tensor) -> Tensor:
        """Concept scores of shape (n, C, q) from similarities of shape (n, K)."""
        c, q, k = self.coefficients.shape
        flat = torch.addmm(
            self.offsets.reshape(-1), phi, self.coefficients.reshape(c * q, k).T
        )
        return flat.view(-1, c, q)


def signed_probabilities(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Presence and absence probabilities (R+, R-), each of shape (C, q, K).

    ``logits`` has shape (C, q, 2K): one softmax over the 2K outcomes of a concept
    (Saralajew et al., AAAI 2025).
    """
    presence, absence = torch.softmax(logits, -1).chunk(2, -1)
    return presence, absence


def agreement(presence: Tensor, absence: Tensor) -> Affine:
    """``sum_k phi_k R+_k + (1 - phi_k) R-_k`` as an affine map of phi."""
    return Affine(presence - absence, absence.sum(-1))


def indefinite_agreement(
    requiredness: Tensor, prior: Tensor
) -> tuple[Affine, Tensor, Tensor]:
    """Agreement of the original CBC (Saralajew et al., NeurIPS 2019).

    Parameters
    ----------
    requiredness : Tensor of shape (C, q, K, 3)
        Positive, indefinite and negative requiredness; the last axis sums to one.
    prior : Tensor of shape (K,)
        Component probabilities.

    Returns
    -------
    affine : Affine
        The agreement.
    presence, absence : Tensor of shape (C, q, K)
        The effective R+ and R-: what is left of each after the normalisation by the
        mass that is not indefinite.
    """
    positive, _, negative = requiredness.unbind(-1)
    definite = (prior * (positive + negative)).sum(-1, keepdim=True)
    presence = prior * positive / definite
    absence = prior * negative / definite
    return agreement(presence, absence), presence, absence
