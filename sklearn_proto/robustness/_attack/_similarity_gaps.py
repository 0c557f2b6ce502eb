"""Gaps of a classifier whose scores are affine in its similarities."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._attack._preprocessed_view import PreprocessedView

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class SimilarityGaps:
    """Log-ratios of what speaks for the own class over what speaks for the rival.

    They have the sign of the gap and do not flatten where similarities underflow. For a
    Gaussian kernel with two prototypes they are linear.
    """

    view: SimilarityView
    preprocessed: PreprocessedView
    needs_random_steps: bool = False

    def targets(self, centre: Array) -> Array:
        return self.preprocessed.prototypes(centre)

    @property
    def own_scores(self) -> int:
        return int(self.view.coefficients.shape[1])

    @property
    def owner(self) -> Indices:
        c, q, _ = self.view.coefficients.shape
        return np.repeat(np.arange(c), q)

    def scores(self, X: Array) -> Array:
        return self._concepts(self.preprocessed.tensor(X)).flatten(1).cpu().numpy()

    def linearised(
        self, X: Array, own: Indices, rival: Indices, rank: int = 0
    ) -> tuple[Array, Array]:
        x = self.preprocessed.tensor(X)
        weights, offsets = self._weights(x, own, rival, rank)
        e = self.view.exponents(x)
        e = torch.cat([e, torch.zeros_like(e[:, :1])], 1)
        weights = torch.cat([weights, offsets[:, None]], 1)
        log = e + weights.abs().log()
        plus = log.masked_fill(weights <= 0, -torch.inf)
        minus = log.masked_fill(weights >= 0, -torch.inf)
        gap = plus.logsumexp(1) - minus.logsumexp(1)
        # With nothing on one side there is no boundary to linearise.
        two_sided = gap.isfinite()
        shares = (_softmax(plus) - _softmax(minus)) * two_sided[:, None]
        gradient = self._gradient(x, e, shares).cpu().numpy()
        gap = gap.masked_fill(~two_sided, 0.0)
        return gap.cpu().numpy(), self.preprocessed.raw(gradient)

    def _concepts(self, x: Tensor) -> Tensor:
        """Scores (m, C, q), times a factor a row where that moves no sign."""
        e = self.view.exponents(x)
        if not bool(self.view.affine.offsets.any()):
            e = e - e.amax(1, keepdim=True)
            return self.view.affine.scores(e.exp())
        return self.view.concept_scores(x)

    def _weights(
        self, x: Tensor, own: Indices, rival: Indices, rank: int
    ) -> tuple[Tensor, Tensor]:
        """Net weights (m, K) and offset of the two concepts that decide."""
        a, b = self.view.affine
        own_concepts = self._concepts(x)[np.arange(len(x)), own]
        i = own_concepts.argsort(1, descending=True)[:, rank]
        c, j = divmod(rival, a.shape[1])
        weights, offsets = a[own, i] - a[c, j], b[own, i] - b[c, j]
        if self.view.normalized:
            return weights + offsets[:, None], torch.zeros_like(offsets)
        return weights, offsets

    def _gradient(self, x: Tensor, e: Tensor, shares: Tensor) -> Tensor:
        """``sum_k shares_k d e_k / dx`` (m, d), also for the columns that are no e_k.

        ``d e_k / dx`` is ``2 (w_k - x) / sigma_k`` for the squared distance, else
        ``(I - T T') (w_k - x) / (D_k sigma_k)``, taken as 0 on a prototype.
        """
        shares, sigma = shares[:, :-1], self.view.widths
        if self.view.metric == "sqeuclidean":
            return self.view.towards(x, 2 * shares / sigma)
        product = -e[:, :-1] * sigma.square()  # D sigma, as e = -D / sigma
        on_it = product < 1e-12 * sigma.square()
        return self.view.towards(x, shares / product.masked_fill(on_it, np.inf))


def _softmax(log: Tensor) -> Tensor:
    """Softmax of rows, 0 for a row without terms."""
    return torch.softmax(log, 1).nan_to_num(0.0)
