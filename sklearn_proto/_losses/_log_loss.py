"""Cross-entropy."""

from torch import Tensor, nn

from sklearn_proto._modules import Outputs


def cross_entropy(scores: Tensor, y: Tensor) -> Tensor:
    """``-log softmax(scores)[y]`` of each row, shape (n,)."""
    return nn.functional.cross_entropy(scores, y, reduction="none")


def log_loss(outputs: Outputs, y: Tensor) -> Tensor:
    """``-log softmax(scores / temperature)[y]`` of each row, shape (n,)."""
    return cross_entropy(outputs.scores / outputs.temperature, y)
