"""The history of a stage as plain Python."""

from collections.abc import Iterable
from typing import Any

import numpy as np


def plain_epochs(history: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers and texts that skorch and callbacks have recorded of whole epochs.

    An epoch in which the fit was interrupted has no loss, and is left out. So is what
    a callback recorded that is neither a number nor a text.
    """
    return [_plain(epoch) for epoch in history if "train_loss" in epoch]


def _plain(epoch: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in epoch.items():
        scalar = value.item() if isinstance(value, np.generic) else value
        if isinstance(scalar, bool | int | float | str):
            found[name] = scalar
    return found
