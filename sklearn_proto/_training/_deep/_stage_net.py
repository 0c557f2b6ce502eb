"""skorch's training loop, for a stage of a deep fit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.utils.data import Dataset

from sklearn_proto._modules import may_draw
from sklearn_proto._random import drawing, reseed
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._deep._augmentation import Augmentation
from sklearn_proto._training._deep._checkpoints import StageCheckpoint
from sklearn_proto._training._deep._history import plain_epochs
from sklearn_proto._training._deep._stages import Stage


class AlternatingLoss(nn.Module):
    """Losses that take turns over the mini-batches; in evaluation, their mean."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.losses, self.step = stage.losses, 0
        self.rising, self.height = stage.rising, 1.0

    def forward(self, outputs: Any, y: Tensor, weight: Tensor) -> Tensor:
        """Value for a batch."""
        total = self._in_turn(outputs, y, weight)
        # Held-out losses of different epochs are compared.
        height = self.height if self.training else 1.0
        for loss in self.rising:
            total = total + height * loss(outputs, y, weight)
        return total

    def _in_turn(self, outputs: Any, y: Tensor, weight: Tensor) -> Tensor:
        if not self.training:
            values = [loss(outputs, y, weight) for loss in self.losses]
            return torch.stack(values).mean()
        loss = self.losses[self.step % len(self.losses)]
        self.step += 1
        return loss(outputs, y, weight)

    def get_extra_state(self) -> dict[str, int]:
        """Whose turn it is, for a checkpoint."""
        return {"step": self.step}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Go on with that turn."""
        self.step = state["step"]


class Rows(Dataset[Any]):
    """Rows for skorch, which asks only whether this is a data set."""

    def __init__(self, data: TrainingData) -> None:
        self.data = data

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.data)


class Batches:
    """Mini-batches of an epoch, on the device.

    Parameters
    ----------
    data : TrainingData
        Rows.
    batch_size : int
        Rows of each.
    device : torch.device
        Where they are wanted.
    order : callable, optional
        Gives the order (n,) of the rows, anew for every epoch; as they come, if not
        given.
    augmentation : callable, optional
        Applied to the rows of each batch.
    views : int
        How often the rows of each batch follow each other.
    """

    def __init__(
        self,
        data: TrainingData,
        batch_size: int,
        device: torch.device,
        order: Callable[[], NDArray[np.intp]] | None = None,
        augmentation: Augmentation | None = None,
        views: int = 1,
    ) -> None:
        self.data, self.batch_size, self.device = data, batch_size, device
        self.order, self.augmentation, self.views = order, augmentation, views

    def __len__(self) -> int:
        """Count the batches; a progress bar asks."""
        return len(self._starts)

    @property
    def _starts(self) -> range:
        """Where batches start; a last one of a single row joins the one before.

        The statistics of a normalisation are of no use for one row, or an error.
        """
        n, size = len(self.data), self.batch_size
        return range(0, n - 1 if n % size == 1 and n > size > 1 else n, size)

    def __iter__(self) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
        """Rows, and their labels and weights."""
        order = np.arange(len(self.data)) if self.order is None else self.order()
        ends = [*self._starts[1:], len(order)]
        for start, end in zip(self._starts, ends, strict=True):
            chosen = order[start:end]
            part = self.data.take(np.tile(chosen, self.views))
            x = torch.tensor(part.X, dtype=torch.float32, device=self.device)
            if self.augmentation is not None:
                with drawing():
                    x = self.augmentation(x)
            y = torch.tensor(part.y, dtype=torch.int64, device=self.device)
            weight = torch.tensor(part.weight, dtype=x.dtype, device=self.device)
            yield x, (y, weight)


class Epochs(Callback):  # type: ignore[misc]
    """Seeds and learning rates of an epoch, which follow from its number alone.

    So an epoch is the same whether a fit has come to it or goes on from there.
    """

    def on_epoch_begin(self, net: "StageNet", **_: Any) -> None:
        """Set what the order of the rows, augmentation and dropout are drawn from."""
        epoch = len(net.history)
        net.random = np.random.default_rng([net.seed, epoch])
        reseed(int(net.random.integers(2**31)))
        net.criterion_.height = epoch / net.stage.epochs
        factor = net.stage.factor(epoch - 1)
        for group in net.optimizer_.param_groups:
            group["lr"] = factor * net.stage.rates[group["name"]]

    def on_epoch_end(self, net: "StageNet", **_: Any) -> None:
        """Stop where there is no way back."""
        loss = net.history[-1, "train_loss"]
        if not np.isfinite(loss):
            raise DivergenceError(
                f"the loss became {loss} in epoch {len(net.history)} of stage "
                f"{net.stage.name!r} with learning rates {net.stage.rates}; lower "
                "learning_rate, and backbone_learning_rate if there is one."
            )


class DivergenceError(ValueError):
    """The loss is no number any more."""


class StageNet(NeuralNet):  # type: ignore[misc]
    """Trains a network for one stage.

    Parameters
    ----------
    module : Module
        What to train, in place. Its parameter groups are those of `groups`.
    stage : Stage
        Groups, rates, losses and epochs.
    groups : dict of str to list of Parameter
        Parameters by the names that the stage uses.
    seed : int
        Of the order of the rows, and of what the network draws.
    weight_decay : dict of str to float
        L2 penalty of each group, 0 if not named.
    validation : TrainingData, optional
        Held-out rows.
    augmentation : callable, optional
        Applied to training rows on the device.
    checkpoint : StageCheckpoint, optional
        Where the stage goes on from, and is saved.
    **options
        As in skorch: optimizer, batch_size, callbacks, device, verbose.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        stage: Stage,
        groups: dict[str, list[nn.Parameter]],
        seed: int,
        weight_decay: dict[str, float],
        validation: TrainingData | None = None,
        augmentation: Augmentation | None = None,
        checkpoint: StageCheckpoint | None = None,
        **options: Any,
    ) -> None:
        self.stage, self.groups, self.seed = stage, groups, seed
        self.weight_decay, self.augmentation = weight_decay, augmentation
        self.validation, self.checkpoint = validation, checkpoint
        self.interrupted = self.finished = False
        self.random = np.random.default_rng(seed)
        self.draws = may_draw(module)
        callbacks = [
            ("epochs", Epochs()),
            *options.pop("callbacks"),
            *([("checkpoint", checkpoint)] if checkpoint else []),
        ]
        super().__init__(
            module,
            criterion=AlternatingLoss(stage),
            train_split=validation and predefined_split(Rows(validation)),
            callbacks=callbacks,
            callbacks__print_log=None,
            max_epochs=stage.epochs,
            **options,
        )

    def train_on(self, data: TrainingData) -> list[dict[str, Any]]:
        """Run the stage; return its history, one record an epoch."""
        for parameter in self.module.parameters():
            parameter.requires_grad = False
        for name in self.stage.rates:
            for parameter in self.groups[name]:
                parameter.requires_grad = True
        self.initialize()
        if self.checkpoint is not None:
            self.finished = self.checkpoint.load(self)
        self.partial_fit(Rows(data))
        return [self._record(row) for row in plain_epochs(self.history)]

    def _record(self, row: dict[str, Any]) -> dict[str, Any]:
        kept = {k: v for k, v in row.items() if "batch" not in k}
        return {"stage": self.stage.name} | kept

    def initialize_optimizer(self, *_: Any, **__: Any) -> "StageNet":
        """One group of the optimiser for every group of parameters of the stage."""
        groups = [
            {
                "name": name,
                "params": self.groups[name],
                "lr": rate,
                "weight_decay": self.weight_decay.get(name, 0.0),
            }
            for name, rate in self.stage.rates.items()
        ]
        self.optimizer_ = self.optimizer([g for g in groups if g["params"]])
        return self

    def get_iterator(self, dataset: Rows, training: bool = False) -> Batches:  # noqa: FBT001, FBT002
        """Batches of an epoch."""
        device, views = torch.device(self.device), self.stage.views
        if not training:
            return Batches(dataset.data, self.batch_size, device, views=views)

        def order() -> NDArray[np.intp]:
            return self.random.permutation(len(dataset))

        return Batches(
            dataset.data, self.batch_size, device, order, self.augmentation, views
        )

    def infer(self, x: Tensor, **fit_params: Any) -> Any:
        """Compute the outputs for a batch."""
        with drawing() if self.draws else nullcontext():
            return super().infer(x, **fit_params)

    def get_loss(self, y_pred: Any, y_true: Any, *_: Any, **__: Any) -> Tensor:
        """Loss of a batch."""
        y, weight = y_true
        value: Tensor = self.criterion_(y_pred, y, weight)
        return value

    def fit_loop(self, *args: Any, **kwargs: Any) -> "StageNet":
        """Run the epochs that are left."""
        left = 0 if self.finished else self.max_epochs - len(self.history)
        super().fit_loop(*args, epochs=left, **kwargs)
        return self

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Run an epoch; what stops it there is the user, and no callback."""
        with self.interruptible():
            super().run_single_epoch(*args, **kwargs)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Note an interruption, which skorch keeps to itself.

        Callbacks end a stage by the same exception, at the end of an epoch.
        """
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
            raise
