"""Rows of one predicted class and their gaps to every rival."""

from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._functional import exponents, safe_sqrt
from sklearn_proto._views import SimilarityView


class Rows(NamedTuple):
    """Ingredients of the certificates for n rows predicted as one class.

    The gap of a row is ``(rise + fall) . phi + offsets``, for every rival concept and
    every own concept. A bound must exceed what rounding may add to be a proof about the
    scores as computed: `slack`, times the sum of the similarities where the gap is one
    of similarities before their normalisation.
    """

    r: Tensor  # (n, K) distances
    exponents: Tensor  # (n, K), so that phi = exp(exponents)
    shift: Tensor  # (n, 1), subtracted from exponents where a common factor cancels
    rise: Tensor  # (rivals, own, K), positive weights
    fall: Tensor  # (rivals, own, K), negative weights
    offsets: Tensor  # (rivals, own)
    slack: Tensor  # (n, rivals, own)
    normalized: bool

    def rounding(self, phi: Tensor) -> Tensor:
        """Bound the rounding error (n, rivals, own) for similarities up to `phi`."""
        return self.slack * phi.sum(1)[:, None, None] if self.normalized else self.slack

    @staticmethod
    def contract(weights: Tensor, phi: Tensor) -> Tensor:
        """``weights . phi`` of shape (n, rivals, own), as one matrix product."""
        rivals, own, k = weights.shape
        return (phi @ weights.reshape(-1, k).T).view(-1, rivals, own)


def rows_of_class(view: SimilarityView, x: Tensor, c: int) -> Rows:
    """Gaps of rows `x` (n, d), all predicted as class `c`."""
    sq = view.squared_distances(x)
    r = safe_sqrt(sq)
    e = exponents(sq, view.widths, view.metric)
    # Normalised similarities have a common positive factor, which moves no sign but
    # keeps rows far from every prototype from underflowing.
    shift = e.amax(1, keepdim=True) if view.normalized else torch.zeros_like(e[:, :1])
    e = e - shift
    weights, offsets = view.gaps(c)
    scale = weights.abs().sum(-1) + offsets.abs()
    slack = view.relative_rounding(x, r)[..., None] * scale
    return Rows(
        r,
        e,
        shift,
        weights.clamp_min(0.0),
        weights.clamp_max(0.0),
        offsets,
        slack,
        view.normalized,
    )


def worst_rival(values: Tensor) -> Tensor:
    """Reduce (n, rivals, own) to (n,): the best own concept against the worst rival."""
    return values.amax(2).amin(1)
