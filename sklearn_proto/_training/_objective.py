"""The function a solver minimises."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sklearn_proto._losses import RowLoss, squared_norm
from sklearn_proto._modules import PrototypeNetwork
from sklearn_proto._training._data import TrainingData

# Elements of the largest temporary of one evaluation, about 64 MB in float64.
_CHUNK_ELEMENTS = 2**23


class Objective:
    """Weighted mean loss of the rows plus ``alpha / 2`` times the squared norm.

    Parameters
    ----------
    network : PrototypeNetwork
        What to train; its parameters that require a gradient are the variables.
    row_loss : callable
        Maps (outputs, labels) to one loss per row.
    alpha : float
        Strength of the penalty.
    """

    def __init__(
        self, network: PrototypeNetwork, row_loss: RowLoss, alpha: float
    ) -> None:
        self.network = network
        self.row_loss = row_loss
        self.alpha = alpha
        reference = network.kernel.prototypes
        self.device, self.dtype = reference.device, reference.dtype

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Variables of the optimisation."""
        return [p for p in self.network.parameters() if p.requires_grad]

    def multiply_adds(self, n_rows: int) -> int:
        """Size of the distance computation for `n_rows` rows."""
        return n_rows * self.network.kernel.prototypes.numel()

    def tensors(self, data: TrainingData) -> tuple[Tensor, Tensor, Tensor]:
        """Rows, labels and weights on the training device."""
        return (
            torch.as_tensor(data.X, dtype=self.dtype, device=self.device),
            torch.as_tensor(data.y, dtype=torch.int64, device=self.device),
            torch.as_tensor(data.weight, dtype=self.dtype, device=self.device),
        )

    def chunks(self, data: TrainingData) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Tensors of consecutive rows, in pieces of bounded memory."""
        width = data.X.shape[1] + self.network.kernel.log_sigma.numel()
        width += self.network.kernel.prototypes.shape[0] * 8
        rows = max(1, _CHUNK_ELEMENTS // width)
        for start in range(0, len(data), rows):
            yield self.tensors(data.take(slice(start, start + rows)))

    def penalty(self) -> Tensor:
        """Penalty on the model."""
        return self.alpha / 2 * squared_norm(self.network)

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
        if self.alpha > 0:
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
