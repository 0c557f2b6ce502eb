"""Prototypes of whole inputs: points of a latent space, or distributions in it."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_proto._functional import squared_distances
from sklearn_proto._random import generator


class WholePrototypes(nn.Module):
    """What is compared with a code: S samples of K prototypes."""

    def samples(self) -> Tensor:
        """Prototypes (S, K, q)."""
        raise NotImplementedError

    def expected_distances(self, z: Tensor) -> Tensor:
        """Mean squared distances (n, K) of codes over all prototypes there can be."""
        raise NotImplementedError

    def log_odds(self, distances: Tensor) -> Tensor:
        """Logits (S, n, C) of the classes, given distances (S, n, K)."""
        raise NotImplementedError

    def class_scores(self, distances: Tensor) -> Tensor:
        """Scores (n, C) that decide, given distances (S, n, K)."""
        raise NotImplementedError

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by what they belong to."""
        raise NotImplementedError


def sampled_distances(z: Tensor, samples: Tensor) -> Tensor:
    """Squared distances (S, n, K) of codes (n, q) to samples (S, K, q)."""
    s, k, _ = samples.shape
    flat = squared_distances(z, samples.flatten(0, 1))
    return flat.view(len(z), s, k).transpose(0, 1)


class PointPrototypes(WholePrototypes):
    """Points without classes: what a distance to one is worth to a class is learned.

    Li et al. 2018: the logits are ``W a``, with distances a and no bias.

    Parameters
    ----------
    prototypes : Tensor of shape (K, q)
        Start.
    weights : Tensor of shape (C, K)
        Start of W.
    """

    def __init__(self, prototypes: Tensor, weights: Tensor) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(prototypes)
        self.weights = nn.Parameter(weights)

    def samples(self) -> Tensor:
        """Prototypes (1, K, q)."""
        return self.prototypes[None]

    def expected_distances(self, z: Tensor) -> Tensor:
        """Squared distances (n, K)."""
        return squared_distances(z, self.prototypes)

    def log_odds(self, distances: Tensor) -> Tensor:
        """Logits (1, n, C)."""
        return distances @ self.weights.T

    def class_scores(self, distances: Tensor) -> Tensor:
        """Logits (n, C)."""
        return self.log_odds(distances)[0]

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by what they belong to."""
        return {"prototypes": [self.prototypes], "head": [self.weights]}


class GaussianPrototypes(WholePrototypes):
    """Normal distributions ``N(mean, diag(sigma^2))``, each of one class.

    Vadillo et al. 2024: a code is of a class by the share of its prototypes in the
    softmax of minus the squared distances.

    Parameters
    ----------
    means : Tensor of shape (K, q)
        Start.
    sigma : float
        Start of all standard deviations. With 0 the prototypes are points, and stay
        points.
    owners : array of int of shape (K,)
        Index of the class of each.
    draws : int
        Samples of a step of training.
    n_samples : int
        Samples in evaluation, which are always the same.
    seed : int
        Of those.
    """

    members: Tensor
    missing: Tensor

    def __init__(
        self,
        means: Tensor,
        sigma: float,
        owners: "np.ndarray[tuple[int], np.dtype[np.intp]]",
        *,
        draws: int,
        n_samples: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.draws, self.n_samples, self.seed = draws, n_samples, seed
        self.means = nn.Parameter(means)
        self.log_sigma: nn.Parameter | None = None
        if sigma:
            self.log_sigma = nn.Parameter(torch.full_like(means, float(np.log(sigma))))
        counts = np.bincount(owners)
        # Prototypes of every class (C, m), of which some have fewer than m.
        missing = np.arange(counts.max()) >= counts[:, None]
        members = np.zeros(missing.shape, dtype=np.int64)
        members[~missing] = np.argsort(owners, kind="stable")
        self.register_buffer("members", torch.tensor(members))
        self.register_buffer("missing", torch.tensor(missing))

    @property
    def sigma(self) -> Tensor:
        """Standard deviations (K, q)."""
        if self.log_sigma is None:
            return torch.zeros_like(self.means)
        return self.log_sigma.exp()

    def samples(self) -> Tensor:
        """Prototypes (S, K, q): new ones in training, else always the same.

        They are ``mean + sigma * noise``, so that gradients reach both.
        """
        if self.log_sigma is None:
            return self.means[None]
        return self.means + self.sigma * self._noise()

    def _noise(self) -> Tensor:
        if self.training:
            shape = (self.draws, *self.means.shape)
            noise = torch.randn(
                shape, dtype=torch.float32, device="cpu", generator=generator()
            )
            return noise.to(self.means)
        # numpy promises the same numbers in every version, as torch does not.
        shape = (self.n_samples, *self.means.shape)
        values = np.random.RandomState(self.seed).standard_normal(shape)
        return torch.tensor(values, dtype=self.means.dtype, device=self.means.device)

    def expected_distances(self, z: Tensor) -> Tensor:
        """``E |z - P|^2 = |z - mean|^2 + sum of sigma^2``, of shape (n, K)."""
        return squared_distances(z, self.means) + self.sigma.square().sum(1)

    def masses(self, distances: Tensor) -> Tensor:
        """Share (S, n, K) of every prototype."""
        return torch.softmax(-distances, -1)

    def class_masses(self, masses: Tensor) -> Tensor:
        """Sum of the shares (..., K) of each class, of shape (..., C)."""
        return masses[..., self.members].masked_fill(self.missing, 0.0).sum(-1)

    def log_odds(self, distances: Tensor) -> Tensor:
        """Logarithms (S, n, C) of the probabilities."""
        log_masses = torch.log_softmax(-distances, -1)[..., self.members]
        return log_masses.masked_fill(self.missing, -torch.inf).logsumexp(-1)

    def class_scores(self, distances: Tensor) -> Tensor:
        """Probabilities (n, C): those of the samples on average."""
        return self.class_masses(self.masses(distances).mean(0))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by what they belong to."""
        found: Iterable[nn.Parameter | None] = (self.means, self.log_sigma)
        return {"prototypes": [p for p in found if p is not None]}
