"""Carrying out the steps of a fit of part prototypes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_proto._modules import PartNetwork, without_prototypes
from sklearn_proto._random import drawing
from sklearn_proto._training._deep._last_layer import fit_heads
from sklearn_proto._training._deep._projection import Sources, closest_patches
from sklearn_proto._training._deep._pruning import kept_prototypes, own_class_counts
from sklearn_proto._training._deep._staged_fit import StagedFit
from sklearn_proto._training._deep._stages import PartLoss, Stage


@dataclass
class PartFit(StagedFit):
    """A part-prototype network on its way through stages, projections and pruning.

    Its `network` is a `PartNetwork`; `sources` are what its prototypes were projected
    onto, until they move again.
    """

    sources: list[Sources] | None = None

    def train_features(self, stage: Stage, n_classes: int) -> PartNetwork:
        """Train without prototypes: backbone and add-on layers below a linear head.

        Returns
        -------
        PartNetwork
            What was trained; it shares those layers with `network`.
        """
        with drawing():
            plain = without_prototypes(self.network, n_classes)
        self._train(plain, stage)
        return plain

    def _train(self, network: Any, stage: Stage) -> bool:
        trained = super()._train(network, stage)
        if trained:
            self.sources = None
        return trained

    def project(self) -> None:
        """Put every prototype onto the closest training patch of its class."""
        network = self.exact()
        self.sources = self._finish(
            lambda: closest_patches(network, self.batches, self.data.y)
        )
        with torch.no_grad():
            for branch, source in zip(network.branches, self.sources, strict=True):
                here = branch.parts.prototypes
                moved = (source.patches - here).flatten(1).norm(dim=1).mean()
                branch.parts.project(source.patches)
                self.history.append({"stage": "projection", "moved": float(moved)})

    def prune(
        self, neighbors: int, threshold: int
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Drop prototypes whose nearest patches are of other classes.

        Returns
        -------
        tuple of two ndarrays of shape (K,)
            Nearest patches of the own class of every prototype there was, and whether
            it stays.
        """
        network, stays = self.exact(), []
        counts = self._finish(
            lambda: own_class_counts(network, self.batches, self.data.y, neighbors)
        )
        for i, branch in enumerate(network.branches):
            owners = branch.parts.owners.cpu().numpy()
            keep = kept_prototypes(counts[i], owners, threshold)
            stays.append(np.isin(np.arange(len(owners)), keep))
            branch.keep(torch.as_tensor(keep, device=branch.parts.owners.device))
            if self.sources is not None:
                self.sources[i] = self.sources[i].take(keep)
        return np.concatenate(counts), np.concatenate(stays)

    def fit_heads(self, losses: tuple[PartLoss, ...], iterations: int) -> None:
        """Train the heads alone, on the similarities as they are."""
        network = self.exact()
        value = self._finish(
            lambda: fit_heads(network, self.batches, self.data, losses, iterations)
        )
        self.history.append({"stage": "last layer", "train_loss": value})
