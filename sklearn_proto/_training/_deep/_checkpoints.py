"""Keeping what a fit has reached on disk, and going on from there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import torch
from skorch.callbacks import Callback, PassthroughScoring
from skorch.history import History

from sklearn_proto._training._deep._fingerprint import digest
from sklearn_proto._training._deep._history import plain_epochs
from sklearn_proto._validation import brief, shown

# What skorch saves of a net, by the names of its arguments.
_FILES = {
    "f_params": "params.pt",
    "f_optimizer": "optimizer.pt",
    "f_criterion": "criterion.pt",
    "f_history": "history.json",
}
_STATES = "callbacks.pt"
_FINISHED = "finished"


class Checkpoints:
    """Folder of one fit inside the user's directory.

    It is named after what the fit depends on. So a fit with anything changed starts
    afresh, next to what is there, and many fits may share a directory, as those of a
    grid search do.

    Parameters
    ----------
    directory : path
        May be absent.
    fingerprint : dict
        What the fit depends on, for JSON.
    """

    def __init__(self, directory: Any, fingerprint: dict[str, Any]) -> None:
        text = json.dumps(fingerprint, indent=1, sort_keys=True)
        self.folder = Path(directory) / digest(text.encode())[:16]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"checkpoint_dir={shown(directory)} cannot be made: {brief(str(error))}"
            ) from error
        (self.folder / "fingerprint.json").write_text(text)

    def stage(self, number: int) -> "StageCheckpoint":
        """Checkpoint of a stage, counted from 1."""
        return StageCheckpoint(self.folder / f"stage-{number:02d}")


class StageCheckpoint(Callback):  # type: ignore[misc]
    """Saves every epoch of a stage, by `NeuralNet.save_params`, and keeps the latest.

    It must be the last of the callbacks, to see what the others do.

    Parameters
    ----------
    folder : Path
        Of the stage.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, net: Any) -> bool:
        """Bring a net that is initialised to where it was; tell if that is the end."""
        self.folder.mkdir(exist_ok=True)
        self.found_ = max(self.folder.glob("epoch-*"), default=None)
        if (self.folder / _FINISHED).exists():
            self.found_ = self.folder / _FINISHED
        if self.found_ is None:
            return False
        # skorch reads with weights_only: a file can hold data, but no program.
        net.load_params(**{name: self.found_ / f for name, f in _FILES.items()})
        return bool(self.found_.name == _FINISHED)

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Give the other callbacks their state back, after they have set up."""
        if self.found_ is None:
            return
        states = torch.load(self.found_ / _STATES, weights_only=True)
        for name, callback in _with_state(net):
            if name in states:
                callback.load_state_dict(states[name])
        for _, callback in net.callbacks_:
            if isinstance(callback, PassthroughScoring):
                scores = [e[callback.name] for e in net.history if callback.name in e]
                callback.best_score_ = min(scores, default=callback.best_score_)

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Save the epoch."""
        with net.interruptible():
            self._save(net, f"epoch-{len(net.history):05d}")

    def on_train_end(self, net: Any, **_: Any) -> None:
        """Save the end; of an interrupted stage the last whole epoch stays."""
        if not net.interrupted and not (self.folder / _FINISHED).exists():
            self._save(net, _FINISHED)

    def _save(self, net: Any, name: str) -> None:
        """Save under a name that appears all at once, and drop what was before."""
        with _all_at_once(self.folder / name) as folder:
            files = {key: folder / file for key, file in _FILES.items()}
            history = History(e | {"batches": []} for e in plain_epochs(net.history))
            history.to_file(files.pop("f_history"))
            net.save_params(**files)
            states = {n: callback.state_dict() for n, callback in _with_state(net)}
            torch.save(states, folder / _STATES)
        for old in self.folder.glob("epoch-*"):
            if old.name != name:
                rmtree(old, ignore_errors=True)


def _with_state(net: Any) -> list[tuple[str, Any]]:
    """Names and callbacks of a net that can be saved, such as `Patience`."""
    return [(n, c) for n, c in net.callbacks_ if hasattr(c, "load_state_dict")]


@contextmanager
def _all_at_once(target: Path) -> Iterator[Path]:
    """Give a folder to write to, which becomes the target when it is complete.

    If another process has made the same in the meantime, that one stays.
    """
    folder = Path(mkdtemp(prefix=".", dir=target.parent))
    try:
        yield folder
        try:
            folder.rename(target)
        except OSError:
            if not target.exists():
                raise
    finally:
        rmtree(folder, ignore_errors=True)
