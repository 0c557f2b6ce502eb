"""The function a solver minimises."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_proto._memory import CACHE, at_once
from sklearn_proto._modules import NearestPrototypes, PrototypeNetwork
from sklearn_proto._training._data import TrainingData


class Objective:
    """Weighted mean loss of the rows plus a penalty on the network.

    Parameters
    ----------
    network : PrototypeNetwork or NearestPrototypes
        What to train; its parameters that require a gradient are the variables.
    row_loss : callable
        Maps (outputs of the network, labels) to one loss per row.
    penalty : callable, optional
        Returns what to add, as a scalar tensor.
    """

    def __init__(
        self,
        network: PrototypeNetwork | NearestPrototypes,
        row_loss: Callable[[Any, Tensor], Tensor],
        penalty: Callable[[], Tensor] | None = None,
    ) -> None:
        self.network = network
        self.row_loss = row_loss
        self.penalty = penalty
        reference = network.prototypes
        self.device, self.dtype = reference.device, reference.dtype

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Variables of the optimisation."""
        return [p for p in self.network.parameters() if p.requires_grad]

    def multiply_adds(self, n_rows: int) -> int:
        """Size of the distance computation for `n_rows` rows.

        Every parameter of a metric or a prototype meets every row about once.
        """
        return n_rows * sum(p.numel() for p in self.network.parameters())

    def tensors(self, data: TrainingData) -> tuple[Tensor, Tensor, Tensor]:
        """Rows, labels and weights on the training device."""
        return (
            torch.as_tensor(data.X, dtype=self.dtype, device=self.device),
            torch.as_tensor(data.y, dtype=torch.int64, device=self.device),
            torch.as_tensor(data.weight, dtype=self.dtype, device=self.device),
        )

    def chunks(self, data: TrainingData) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Tensors of consecutive rows, in pieces of bounded memory."""
        # Later passes find a chunk in the cache: a fifth of a fit on many rows.
        rows = at_once(self.network.elements_per_row, CACHE)
        for start in range(0, len(data), rows):
            yield self.tensors(data.take(slice(start, start + rows)))

    def batch_loss(self, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        """Weighted sum of the losses of a batch."""
        return torch.dot(self.row_loss(self.network(x), y), weight)

    def evaluate(self, data: TrainingData) -> float:
        """Value at the current parameters, without the penalty."""
        with torch.no_grad():
            total = sum(float(self.batch_loss(*chunk)) for chunk in self.chunks(data))
        return total / float(data.weight.sum())

    def value_and_gradient(
        self, chunks: list[tuple[Tensor, Tensor, Tensor]]
    ) -> tuple[float, list[Tensor]]:
        """Value and gradient on all the chunks, accumulated chunk by chunk."""
        parameters = self.parameters
        for p in parameters:
            p.grad = None
        mass = sum(float(weight.sum()) for _, _, weight in chunks)
        value = 0.0
        if self.penalty is not None:
            penalty = self.penalty()
            penalty.backward()  # type: ignore[no-untyped-call]
            value = float(penalty.detach())
        for chunk in chunks:
            loss = self.batch_loss(*chunk) / mass
            loss.backward()  # type: ignore[no-untyped-call]
            value += float(loss.detach())
        return value, [
            torch.zeros_like(p) if p.grad is None else p.grad for p in parameters
        ]
