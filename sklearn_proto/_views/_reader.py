"""How a view reads rows: in batches of bounded memory, as float64 on its device."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class RowReader(ABC):
    """What every view does with arrays and its device."""

    device: torch.device

    @abstractmethod
    def _rows_at_once(self, n_features: int) -> int:
        """Rows in a batch."""

    def winners_at_once(self, n_features: int) -> int:
        """Rows in a batch for `winners`, by default as in any other."""
        return self._rows_at_once(n_features)

    @abstractmethod
    def class_scores(self, x: Tensor) -> Tensor:
        """Scores (n, C) of every class."""

    def winners(self, x: Tensor) -> Tensor:
        """Index (n,) of the class that wins; a tie goes to the first."""
        return self.class_scores(x).argmax(1)

    def tensor(self, array: NDArray[np.generic]) -> Tensor:
        """Float64 tensor of `array` on the view's device."""
        if not array.flags.writeable:  # pandas and memory maps; torch would warn.
            array = array.copy()
        return torch.as_tensor(array, dtype=torch.float64, device=self.device)

    def batches(
        self, X: NDArray[np.generic], at_once: int | None = None
    ) -> Iterator[tuple[slice, Tensor]]:
        """Slices of the rows and their tensors, by default of a cache's worth."""
        rows = at_once or self._rows_at_once(X.shape[1])
        for start in range(0, X.shape[0], rows):
            chosen = slice(start, start + rows)
            # Another order in memory would be summed in another order.
            yield chosen, self.tensor(np.ascontiguousarray(X[chosen]))
