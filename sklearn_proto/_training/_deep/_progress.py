"""A progress bar for the stages of a deep fit."""

from typing import Any

from skorch.callbacks import Callback


class Progress(Callback):  # type: ignore[misc]
    """One bar a stage, on stderr: batches, and the loss of the latest.

    skorch's own is erased after every epoch, and with it the loss.
    """

    def on_train_begin(self, net: Any, X: Any = None, **_: Any) -> None:
        """Open the bar; a stage that goes on starts where it stopped."""
        from tqdm.auto import tqdm

        steps = len(net.get_iterator(X))
        self.bar_ = tqdm(
            total=steps * net.stage.epochs,
            initial=steps * len(net.history),
            desc=net.stage.name,
            unit="batch",
        )

    def on_batch_end(self, net: Any, *, training: bool, loss: Any, **_: Any) -> None:
        """Show the loss of a training batch."""
        if training:
            self.bar_.set_postfix(
                epoch=len(net.history), loss=f"{loss.item():.4g}", refresh=False
            )
            self.bar_.update()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Leave the bar as it is, also after an interruption."""
        self.bar_.close()
