"""Gaps of the models and their gradients in float64, for many perturbations at once.

Written apart from the package, by direct differences: the attack must not trust the
code that it attacks.
"""

from functools import singledispatch

import numpy as np
from scipy.special import logsumexp

from sklearn_proto._views import NearestPrototypeView, SimilarityView


@singledispatch
def twin(view):
    """Twin of a view.

    It has the `owners` of all rivals, gaps against them, and `points` (K, dz) where
    they are, or None.
    """
    raise NotImplementedError(type(view))


@twin.register
def _(view: SimilarityView):
    return SimilarityTwin(view)


@twin.register
def _(view: NearestPrototypeView):
    return NearestTwin(view)


class SimilarityTwin:
    """Log-ratios of the best own concept with a rival concept."""

    def __init__(self, view):
        self.view, self.points = view, view.prototypes
        c, q, _ = view.coefficients.shape
        self.owners = np.repeat(np.arange(c), q)

    def gap(self, z, step, own, rival):
        """Log-ratio (m,), negative where the rival wins, and its gradient (m, dz)."""
        exponents, slopes = self._exponents(z, step)
        weights, constant = self._net(own, rival)
        with np.errstate(divide="ignore", invalid="ignore"):
            up, down = (
                self._log_terms(exponents, side * weights, side * constant)
                for side in (1.0, -1.0)
            )
            plus, minus = logsumexp(up, axis=2), logsumexp(down, axis=2)
            ratio = np.nan_to_num(plus - minus, nan=0.0, posinf=np.inf, neginf=-np.inf)
            rows, best = np.arange(len(z)), ratio.argmax(1)
            shares = np.exp(up - plus[..., None])[rows, best]
            shares -= np.exp(down - minus[..., None])[rows, best]
        shares = np.nan_to_num(shares[:, :-1])
        return ratio[rows, best], np.einsum("mk,mkd->md", shares, slopes)

    def _exponents(self, z, step):
        v = self.view
        apart = (z[:, None] - v.prototypes) + step[:, None]
        if v.tangents is not None:
            along = np.einsum("mkd,kdt->mkt", apart, v.tangents)
            apart = apart - np.einsum("mkt,kdt->mkd", along, v.tangents)
        square = np.square(apart).sum(2)
        if v.omega is not None:
            mapped = apart @ v.omega.T
            square, apart = np.square(mapped).sum(2), mapped @ v.omega
        if v.metric == "sqeuclidean":
            return -square / v.sigma, -2.0 * apart / v.sigma[:, None]
        length = np.sqrt(square)
        divisor = np.where(length > 0, length, 1.0) * v.sigma
        return -length / v.sigma, -apart / divisor[..., None]

    def _net(self, own, rival):
        """Weights (m, q, K) and constants (m, q) against every own concept."""
        v = self.view
        weights = (
            v.coefficients[own]
            - v.coefficients[self.owners[rival], self._of(rival)][:, None]
        )
        constant = (
            v.offsets[own] - v.offsets[self.owners[rival], self._of(rival)][:, None]
        )
        if v.normalized:
            return weights + constant[..., None], np.zeros_like(constant)
        return weights, constant

    def _of(self, rival):
        return rival % self.view.offsets.shape[1]

    @staticmethod
    def _log_terms(exponents, weights, constant):
        terms = exponents[:, None] + np.log(np.maximum(weights, 0.0))
        last = np.log(np.maximum(constant, 0.0))
        return np.concatenate([terms, last[..., None]], 2)


class NearestTwin:
    """Dissimilarity of a rival prototype less that of the closest own one."""

    def __init__(self, view):
        self.view, self.points = view, view.prototypes
        self.owners = view.owners

    def gap(self, z, step, own, rival):
        """Difference (m,), negative where the rival wins, and its gradient (m, dz).

        Of the squares, which are in the order of the distances.
        """
        v, rows = self.view, np.arange(len(z))
        apart = (z[:, None] - v.prototypes) + step[:, None]
        if v.metric == "manhattan":
            terms, pulled = np.abs(apart), np.sign(apart)
        else:
            pulled = self._pulled(apart)
            terms = apart * pulled
            pulled = 2.0 * pulled
        d = terms.sum(2)
        others = v.owners != own[:, None]
        closest = np.where(others, np.inf, d).argmin(1)
        value = (terms[rows, rival] - terms[rows, closest]).sum(1)
        if v.metric != "manhattan" and v.tangents is None and np.ndim(v.omega) != 3:
            # All bend alike: the difference is linear, and keeps its digits so.
            way = v.prototypes[closest] - v.prototypes[rival]
            both = (pulled[rows, rival] + pulled[rows, closest]) / 2.0
            value = (way * both).sum(1)
        return value, pulled[rows, rival] - pulled[rows, closest]

    def _pulled(self, apart):
        """``L_k (x - w_k)`` of shape (m, K, dz)."""
        v = self.view
        if v.tangents is not None:
            along = np.einsum("mkd,kdt->mkt", apart, v.tangents)
            return apart - np.einsum("mkt,kdt->mkd", along, v.tangents)
        if v.omega is None:
            return apart
        if v.omega.ndim == 2:
            return apart @ v.omega.T @ v.omega
        mapped = np.einsum("mkd,krd->mkr", apart, v.omega)
        return np.einsum("mkr,krd->mkd", mapped, v.omega)
