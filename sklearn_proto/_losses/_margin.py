"""The margin loss of Classification-by-Components."""

from torch import Tensor

from sklearn_proto._functional import best_rival
from sklearn_proto._modules import Outputs


def hinge(scores: Tensor, y: Tensor, *, margin: float) -> Tensor:
    """``max(0, best wrong score - right score + margin)`` of each row, shape (n,)."""
    right = scores.gather(1, y[:, None]).squeeze(1)
    wrong, _ = best_rival(scores, y)
    return (wrong - right + margin).clamp_min(0.0)


def relative_hinge(scores: Tensor, y: Tensor, *, margin: float) -> Tensor:
    """`hinge` in units of the margin, so that other terms weigh the same for all."""
    return hinge(scores, y, margin=margin) / margin


def margin_loss(outputs: Outputs, y: Tensor, *, margin: float) -> Tensor:
    """`hinge` of the scores that a network computed."""
    return hinge(outputs.scores, y, margin=margin)
