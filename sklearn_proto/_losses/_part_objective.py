"""What one branch of a part-prototype network minimises."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from sklearn_proto._losses._log_loss import cross_entropy
from sklearn_proto._losses._parts import weighted_mean
from sklearn_proto._modules import NetworkOutputs, PartOutputs

PartTerm = Callable[[PartOutputs, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class PartObjective:
    """Mean loss of a branch's scores, if any, plus weighted terms.

    Parameters
    ----------
    terms : dict of PartTerm to float
        Functions of (outputs, labels, weights of the rows), each with its weight.
    branch : int
        Which branch.
    row_loss : callable or None
        Maps (scores, labels) to one loss per row; None where nothing is classified.
    """

    terms: dict[PartTerm, float]
    branch: int = 0
    row_loss: Callable[[Tensor, Tensor], Tensor] | None = cross_entropy

    def __call__(self, outputs: NetworkOutputs, y: Tensor, weight: Tensor) -> Tensor:
        """Value for a batch, as a scalar tensor."""
        own = outputs.branches[self.branch]
        total = own.scores.new_zeros(())
        if self.row_loss is not None:
            total = weighted_mean(self.row_loss(own.scores, y), weight)
        for term, strength in self.terms.items():
            if strength:
                total = total + strength * term(own, y, weight)
        return total
