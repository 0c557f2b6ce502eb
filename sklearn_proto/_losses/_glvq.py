"""Losses of learning vector quantisation."""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto._modules import Distances

# What bends the relative distance; the slope is that of the sigmoid.
ACTIVATIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "identity": lambda mu, _: mu,
    "sigmoid": lambda mu, slope: torch.sigmoid(slope * mu),
}


def glvq_loss(outputs: Distances, y: Tensor, *, activation: str, beta: float) -> Tensor:
    """``f((d+ - d-) / (d+ + d-))`` of each row, shape (n,) (Sato & Yamada 1995)."""
    own, rival = outputs.own_and_rival(y)
    total = own + rival
    # Where both are 0 the row is on a tie: the quotient counts as 0.
    mu = (own - rival) / total.masked_fill(total <= 0, 1.0)
    return ACTIVATIONS[activation](mu, beta)


def triplet_loss(outputs: Distances, y: Tensor, *, margin: float) -> Tensor:
    """``max(0, margin + d+ - d-)`` of each row, shape (n,).

    In a distance that obeys the triangle inequality ``(d- - d+) / 2`` is a certified
    radius, so this maximises the certificate (Saralajew, Holdijk & Villmann 2020).
    """
    own, rival = outputs.own_and_rival(y)
    return torch.relu(margin + own - rival)


def temperature_loss(outputs: Distances, y: Tensor) -> Tensor:
    """Cross-entropy of the two closest classes of each row, shape (n,).

    It moves the temperature only: the distances are as the other losses leave them.
    """
    own, rival = outputs.own_and_rival(y)
    lead = (own - rival).detach()
    return torch.nn.functional.softplus(lead / outputs.temperature)
