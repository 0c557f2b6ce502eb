"""Cross-entropy."""

from torch import Tensor, nn

from sklearn_proto._modules import Outputs


def log_loss(outputs: Outputs, y: Tensor) -> Tensor:
    """``-log softmax(scores / temperature)[y]`` of each row, shape (n,)."""
    logits = outputs.scores / outputs.temperature
    return nn.functional.cross_entropy(logits, y, reduction="none")
