"""Eigenvalues of the difference between the curvatures of two prototypes."""

from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_proto._memory import BATCH, at_once

# Share of the curvatures that an eigenvalue may be wrong by; LAPACK is far better.
_ERROR = 1e-12


class Spectrum(NamedTuple):
    """``M = basis diag(values) basis^T`` of m pairs, up to `error`.

    Parameters
    ----------
    values : Tensor of shape (m, k)
        Eigenvalues.
    basis : Tensor of shape (m, d, k)
        Orthonormal columns; across them M is 0.
    error : Tensor of shape (m,)
        Bound on the largest eigenvalue of what M differs by.
    """

    values: Tensor
    basis: Tensor
    error: Tensor

    def take(self, chosen: Tensor) -> "Spectrum":
        """Select some of the pairs."""
        return Spectrum(*(part[chosen] for part in self))


class Spectra:
    """Spectra of ``M = sign (G_j G_j^T - G_i G_i^T)``, each computed once.

    Parameters
    ----------
    factors : Tensor of shape (K, d, r)
        The ``G_k``, as perturbations see them.
    sign : float
        1 or -1.
    """

    def __init__(self, factors: Tensor, sign: float) -> None:
        self._factors, self._sign = factors, sign
        self._forget()

    @property
    def elements(self) -> int:
        """Size of one basis."""
        _, d, r = self._factors.shape
        return d * min(d, 2 * r)

    def of(self, own: Tensor, rival: Tensor) -> Spectrum:
        """Spectra of m pairs of prototypes (m,)."""
        keys = own * len(self._factors) + rival
        distinct, inverse = torch.unique(keys, return_inverse=True)
        names = distinct.tolist()
        if len(self._place) * self.elements > BATCH:
            self._forget()
        self._learn([key for key in names if key not in self._place])
        place = torch.tensor([self._place[key] for key in names], device=own.device)
        return self._known.take(place[inverse])

    def _forget(self) -> None:
        like = self._factors
        self._place: dict[int, int] = {}
        nothing = torch.zeros(0, dtype=torch.int64, device=like.device)
        self._known = self._computed(nothing, nothing)

    def _learn(self, keys: list[int]) -> None:
        step = at_once(self.elements)
        for start in range(0, len(keys), step):
            some = keys[start : start + step]
            new = torch.tensor(some, device=self._factors.device)
            k = len(self._factors)
            found = self._computed(new // k, new % k)
            self._place |= {key: len(self._place) + i for i, key in enumerate(some)}
            parts = zip(self._known, found, strict=True)
            self._known = Spectrum(*(torch.cat(pair) for pair in parts))

    def _computed(self, own: Tensor, rival: Tensor) -> Spectrum:
        own_g, rival_g = self._factors[own], self._factors[rival]
        size = own_g.square().sum((1, 2)) + rival_g.square().sum((1, 2))
        _, d, r = self._factors.shape
        if 2 * r >= d:
            m = self._sign * (rival_g @ rival_g.mT - own_g @ own_g.mT)
            values, basis = torch.linalg.eigh(m)
            return Spectrum(values, basis, _ERROR * size)
        # M acts in the span of both factors only: a small eigenproblem there.
        frame, small = torch.linalg.qr(torch.cat([own_g, rival_g], 2))
        left, right = small[:, :, :r], small[:, :, r:]
        core = self._sign * (right @ right.mT - left @ left.mT)
        values, turned = torch.linalg.eigh(core)
        return Spectrum(values, frame @ turned, _ERROR * size)
