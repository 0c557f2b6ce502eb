"""When a stage ends early."""

from typing import Any

from skorch.callbacks import EarlyStopping
from skorch.utils import noop


class Patience(EarlyStopping):  # type: ignore[misc]
    """Ends a stage that no longer improves, and puts its best parameters back.

    skorch's callback, of which a checkpoint can keep the state.

    Parameters
    ----------
    patience : int
        Epochs without improvement that are waited for.
    threshold : float
        Relative improvement of the held-out loss that counts.
    """

    def __init__(self, patience: int, threshold: float) -> None:
        super().__init__(
            patience=patience, threshold=threshold, load_best=True, sink=noop
        )

    def state_dict(self) -> dict[str, Any]:
        """State after an epoch, of plain numbers and tensors."""
        return {
            "misses_": self.misses_,
            # A score of skorch is a numpy scalar.
            "dynamic_threshold_": float(self.dynamic_threshold_),
            "best_epoch_": self.best_epoch_,
            "best_model_weights_": self.best_model_weights_,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.__dict__.update(state)
