"""Weighted features: Q_k with ``sum_i w_i delta_i^2`` in the place of squared lengths.

``log P - log N >= G - g.d0 - k (|d0|_w^2 + E_w^2) / 2 - h(-(g + k W d0)) - R_k`` for
any weights w, which charge a feature the less the smaller its slope is: for norms
beyond 2.

Proof in the guide: `weighted`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_proto._functional import log_psi
from sklearn_proto._memory import CACHE, at_once
from sklearn_proto._views import SimilarityView
from sklearn_proto.robustness._similarity._boundary_search import nearest_boundary
from sklearn_proto.robustness._similarity._certificate import RootFindingCertificate
from sklearn_proto.robustness._similarity._gaps import GapBatch
from sklearn_proto.robustness._similarity._quadratic_bound import (
    Cumulant,
    Expansion,
    expand,
    why_no_deviations,
)
from sklearn_proto.robustness._similarity._slopes import schatten_norm
from sklearn_proto.robustness._similarity._trust_region import INSIDE
from sklearn_proto.robustness._threat_model._perturbations import Perturbations

# What the spread of the slopes counts beside their mean, and what every feature does.
_SPREAD, _LEAST = 0.3, 1e-3


class Weighted(RootFindingCertificate):
    """Second-order bound that charges a feature the more, the more its slope gives.

    A quadratic leaves the minimum at a corner of the ball if in every feature it bends
    less than the slope falls. One curvature for all features fails where any of them
    has hardly a slope; weighted squares of the features bound the cumulant as well.
    """

    name = "weighted"
    _rtol, _max_iter = 1e-3, 30

    def why_not_applicable(
        self, view: SimilarityView, perturbations: Perturbations
    ) -> str | None:
        """Say that it takes a norm beyond 2, and slopes."""
        if perturbations.norm <= 2:
            return f"with norm={perturbations.norm:g} no feature can be charged less"
        return why_no_deviations(view)

    def smallest_gap(self, gaps: GapBatch) -> Callable[[Tensor], Tensor]:
        """Return the weighted bound around a perturbation of each size."""
        ray = nearest_boundary(gaps).ray
        few = at_once(ray.shape[1] * (gaps.weights.shape[1] + 1), CACHE)
        every = torch.arange(len(gaps), device=ray.device)
        parts = [(gaps.take(some), ray[some]) for some in torch.split(every, few)]

        def bound(eps: Tensor) -> Tensor:
            found = []
            for (some, to), size in zip(parts, torch.split(eps, few), strict=True):
                at = expand(some, size, (INSIDE * size)[:, None] * to)
                found.append(_lower_bound(at) - at.rounding_error)
            return torch.cat(found)

        return bound


def _lower_bound(at: Expansion) -> Tensor:
    """Smallest value (m,) of the bound with weights on the perturbations."""
    assert at.deviations is not None
    perturbations, negative_terms = at.gaps.perturbations, at.negative_terms
    r = at.deviations.vectors
    m, n, _ = r.shape
    rows = torch.arange(m, device=r.device).repeat_interleave(n)
    every = perturbations.take(rows)
    most = every.support(r.flatten(0, 1), at.eps[rows]).view(m, n)
    along = torch.cat([at.along[0], at.along[1][:, None]], 1)
    # As in `Expansion.cumulant`, but r_j . delta has its largest value itself.
    logs = negative_terms.log_p + log_psi((most - along).clamp_min(0.0))
    top = logs.amax(1).clamp_min(-1e300)
    root = r * (logs - top[:, None]).exp().sqrt()[..., None]
    spread = root.square().sum(1).sqrt()
    weights = _shares(at.slope.abs()) + _SPREAD * _shares(spread) + _LEAST
    root = root / weights.sqrt()[:, None]
    small = n <= r.shape[2]
    norm = schatten_norm(root @ root.mT if small else root.mT @ root)
    dtype = torch.finfo(norm.dtype)
    log_f = top + norm.clamp_min(dtype.tiny).log() + dtype.eps**0.5
    return at.minimum_bound(Cumulant(log_f, torch.full_like(log_f, torch.inf)), weights)


def _shares(size: Tensor) -> Tensor:
    tiny = torch.finfo(size.dtype).tiny
    return size / size.mean(1, keepdim=True).clamp_min(tiny)
