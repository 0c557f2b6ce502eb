"""Bring the bounds of a bracket together by proofs on balls of chosen radii.

Proof in the guide: `node-bound`.
"""

import torch
from torch import Tensor

from sklearn_proto.robustness._enclosure import Effort, finished
from sklearn_proto.robustness._similarity._boundary_search import Boundary
from sklearn_proto.robustness._similarity._branch_and_bound._prove_balls import (
    GapsOnBalls,
    Proof,
    prove_balls,
)
from sklearn_proto.robustness._similarity._branch_and_bound._slope_subspace import (
    slope_subspace,
)
from sklearn_proto.robustness._similarity._gaps import (
    GapBatch,
    GapIndex,
    SimilarityBatch,
)
from sklearn_proto.robustness._similarity._trust_region import certifies_at

# How many balls are tried. Each may take half of the nodes that the row has left.
_ROUNDS = 6


class RadiusBracket:
    """Lower and upper bounds on the radii of n rows, and which ball to prove next.

    Parameters
    ----------
    lower, upper : Tensor of shape (n,)
        Proven and attained sizes.
    effort : Effort
        How close they should get, and how many nodes a row may have.
    """

    def __init__(self, lower: Tensor, upper: Tensor, effort: Effort) -> None:
        self.lower, self.upper, self.rtol = lower.clone(), upper.clone(), effort.rtol
        self.nodes = torch.full_like(lower, effort.max_nodes, dtype=torch.int64)
        # Largest radii still worth a proof.
        self.ceiling = (1 - effort.rtol) * upper
        self.eps = self.ceiling.clone()

    @property
    def open(self) -> Tensor:
        """Rows that may gain by another ball."""
        gain = self.ceiling - self.lower > self.rtol / 2 * self.upper
        done = finished(self.lower, self.upper, self.rtol)
        whole = self.eps >= self.ceiling
        return (self.nodes > 0) & (gain | whole) & ~done

    def record_proof(self, tried: Tensor, holds: Tensor) -> None:
        """Record for which of the rows that were tried the ball of `eps` is proven.

        The next ball is half way to the smallest that does not.
        """
        self.lower = torch.where(tried & holds, self.eps, self.lower)
        self.ceiling = torch.where(tried & ~holds, self.eps, self.ceiling)
        self.eps = torch.where(tried, (self.lower + self.ceiling) / 2, self.eps)

    def record_counterexample(self, rows: Tensor, size: Tensor) -> None:
        """Record smaller changes of class of some rows: next, prove all up to them."""
        self.upper[rows] = size
        self.eps[rows] = self.ceiling[rows] = (1 - self.rtol) * size


def branch_and_bound(
    batch: SimilarityBatch,
    rows: Tensor,
    index: GapIndex,
    boundary: Boundary,
    bracket: RadiusBracket,
) -> None:
    """Improve the `bracket` of `rows`, whose gaps are `index`, by proofs on balls.

    A first proof is for the radius at which the row is finished. A point that it finds
    to change the prediction lowers the upper end. One that takes too many nodes is
    followed by proofs for smaller radii.
    """
    problem = _gaps_on_balls(batch, rows, index, boundary, bracket.eps)
    for _ in range(_ROUNDS):
        tried = bracket.open
        if not bool(tried.any()):
            return
        allowed = torch.where(tried, (bracket.nodes + 1) // 2, 0)
        proof = prove_balls(problem.of_rows(tried), bracket.eps, allowed)
        bracket.nodes -= torch.minimum(proof.nodes, allowed)
        bracket.record_proof(tried, proof.holds)
        _lower_the_upper_end(batch, rows, proof, bracket)


def _lower_the_upper_end(
    batch: SimilarityBatch, rows: Tensor, proof: Proof, bracket: RadiusBracket
) -> None:
    closed = proof.closed.nonzero().squeeze(1)
    delta = proof.counterexample[closed]
    flips = batch.flips(rows[closed], delta)
    bracket.record_counterexample(closed[flips], batch.perturbations.size(delta[flips]))
    # A gap that closes by less than rounding: neither end can move.
    bracket.nodes[closed[~flips]] = 0


def _gaps_on_balls(
    batch: SimilarityBatch,
    rows: Tensor,
    index: GapIndex,
    boundary: Boundary,
    eps: Tensor,
) -> GapsOnBalls:
    """Rivals that the trust region does not prove harmless on the balls of `eps`."""
    gaps = batch.gaps(index)
    place = torch.searchsorted(rows, index.row)
    size = eps[place]
    harmless = batch.any_own_concept(certifies_at(gaps, boundary, size))
    left = (~harmless).nonzero().squeeze(1)
    some: GapBatch = gaps.take(left)
    subspace = slope_subspace(some, batch.n_own, size[left])
    return GapsOnBalls(subspace, place[left[:: batch.n_own]], batch.n_own)
