"""What a network of whole prototypes minimises."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from sklearn_proto._modules import WholeOutputs

WholeTerm = Callable[[WholeOutputs, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class WholeObjective:
    """Weighted sum of terms.

    Parameters
    ----------
    terms : dict of WholeTerm to float
        Functions of (outputs, labels, weights of the rows), each with its weight.
    """

    terms: dict[WholeTerm, float]

    def __call__(self, outputs: WholeOutputs, y: Tensor, weight: Tensor) -> Tensor:
        """Value for a batch, as a scalar tensor."""
        total = outputs.distances.new_zeros(())
        for term, strength in self.terms.items():
            if strength:
                total = total + strength * term(outputs, y, weight)
        return total
