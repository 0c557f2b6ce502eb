"""Carrying out the steps of a deep fit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from sklearn_proto._random import reseed
from sklearn_proto._threads import suitable_threads
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._deep._augmentation import Augmentation
from sklearn_proto._training._deep._checkpoints import Checkpoints, StageCheckpoint
from sklearn_proto._training._deep._patience import Patience
from sklearn_proto._training._deep._progress import Progress
from sklearn_proto._training._deep._stage_net import StageNet
from sklearn_proto._training._deep._stages import Stage

Result = TypeVar("Result")


@dataclass(frozen=True)
class DeepOptions:
    """How the stages are trained, whatever they train."""

    device: torch.device
    exact_device: torch.device
    batch_size: int
    seed: int
    optimizer: type[torch.optim.Optimizer]
    weight_decay: dict[str, float]
    augmentation: Augmentation | None = None
    callbacks: Sequence[Any] = ()
    patience: int = 5
    tol: float = 1e-4
    verbose: int = 0


@dataclass
class StagedFit:
    """A network on its way through the stages.

    Parameters
    ----------
    network : Module
        Trained in place: in float32 by `train`, in float64 by all else. Its method
        ``groups`` returns its parameters by the names that stages use.
    data : TrainingData
        Rows.
    validation : TrainingData or None
        Held-out rows, for early stopping.
    options : DeepOptions
        Device, batch size, optimiser, callbacks.
    checkpoints : Checkpoints, optional
        Where epochs are kept.
    """

    network: Any
    data: TrainingData
    validation: TrainingData | None
    options: DeepOptions
    history: list[dict[str, Any]] = field(default_factory=list)
    interrupted: bool = False
    checkpoints: Checkpoints | None = None
    _stages: int = 0

    def train(self, stage: Stage) -> None:
        """Run the epochs of a stage, unless the user has interrupted one before."""
        self._train(self.network, stage)

    def _train(self, network: Any, stage: Stage) -> bool:
        """Train, and tell whether there was anything to do."""
        self._stages += 1
        if self.interrupted or stage.epochs == 0:
            return False
        options = self.options
        network.to(device=options.device, dtype=torch.float32)
        net = StageNet(
            network,
            stage=stage,
            groups=network.groups(),
            seed=options.seed + self._stages,
            weight_decay=options.weight_decay,
            validation=self.validation,
            augmentation=options.augmentation,
            optimizer=options.optimizer,
            batch_size=options.batch_size,
            device=str(options.device),
            callbacks=self._callbacks(),
            checkpoint=self._checkpoint(),
            verbose=options.verbose,
        )
        with self._threads():
            self.history += net.train_on(self.data)
        self.interrupted = net.interrupted
        # What follows may not depend on how many epochs came from a checkpoint.
        reseed(options.seed + self._stages)
        return True

    def _threads(self) -> AbstractContextManager[None]:
        """Threads that fit a batch.

        A step of a small network is over before threads have met, and far later where
        other processes keep them from meeting.
        """
        size = sum(p.numel() for p in self.network.parameters())
        return suitable_threads(self.options.batch_size * size)

    def _checkpoint(self) -> StageCheckpoint | None:
        if self.checkpoints is None:
            return None
        return self.checkpoints.stage(self._stages)

    def _callbacks(self) -> list[Any]:
        found = list(self.options.callbacks)
        if self.validation is not None:
            stop = Patience(self.options.patience, self.options.tol)
            found.append(("early_stopping", stop))
        if self.options.verbose:
            found.append(("progress", Progress()))
        return found

    def _finish(self, step: Callable[[], Result]) -> Result:
        """Take a step that a model needs to be usable.

        A first interruption ends the training, but not the step: it starts again. A
        second one undoes the fit.
        """
        with self._threads():
            try:
                return step()
            except KeyboardInterrupt:
                if self.interrupted:
                    raise
                self.interrupted = True
                return step()

    def exact(self) -> Any:
        """Return the network in evaluation and in float64, as it will predict."""
        self.network.eval()
        self.network.to(device=self.options.exact_device, dtype=torch.float64)
        return self.network

    def batches(self) -> Iterator[tuple[slice, Tensor]]:
        """Slices of the training rows and their tensors, as `exact` takes them."""
        rows = max(self.options.batch_size, 64)
        for start in range(0, len(self.data), rows):
            chosen = slice(start, start + rows)
            x = torch.tensor(
                self.data.X[chosen],
                dtype=torch.float64,
                device=self.options.exact_device,
            )
            yield chosen, x
