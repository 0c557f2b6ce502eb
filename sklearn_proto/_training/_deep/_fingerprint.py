"""What the result of a fit depends on, as text."""

from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sklearn_proto._training._data import TrainingData


def fingerprint(
    parameters: dict[str, Any],
    network: nn.Module,
    seed: int,
    data: list[TrainingData],
) -> dict[str, Any]:
    """Describe a fit, so that equal fits are described equally in every process.

    Functions are known by their names only: a change of their code does not show.

    Parameters
    ----------
    parameters : dict of str to object
        Parameters of the estimator.
    network : Module
        Before training: its numbers stand for a given backbone and for random starts.
    seed : int
        Of all that follows.
    data : list of TrainingData
        Rows to train on, and held-out ones.

    Returns
    -------
    dict
        Fit for JSON.
    """
    state = [a.detach().cpu().numpy() for a in network.state_dict().values()]
    return {
        "parameters": {name: _text(value) for name, value in parameters.items()},
        "network": digest(str(network).encode(), *map(_bytes, state)),
        "seed": seed,
        "rows": digest(*(_bytes(part.X) for part in data)),
        "labels": digest(*(_bytes(part.y) for part in data)),
        "weights": digest(*(_bytes(part.weight) for part in data)),
    }


def digest(*parts: bytes) -> str:
    """Digest of several strings of bytes, which also depends on where each ends."""
    total = sha256()
    for part in parts:
        total.update(sha256(part).digest())
    return total.hexdigest()


def _bytes(array: NDArray[Any]) -> bytes:
    return f"{array.dtype.str} {array.shape}".encode() + array.tobytes()


def _text(value: Any) -> str:
    """Text of a parameter that is the same in every process."""
    if isinstance(value, partial):
        return f"partial of {_text(value.func)} {value.args} {value.keywords}"
    if isinstance(value, nn.Module):
        return str(value)
    if callable(value):
        named = value if hasattr(value, "__qualname__") else type(value)
        return f"{named.__module__}.{named.__qualname__}"
    if isinstance(value, np.ndarray):
        return digest(_bytes(value))
    return repr(value)
