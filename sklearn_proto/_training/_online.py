"""Steps on one batch of a stream."""

from typing import Any

import torch
from numpy.typing import NDArray

from sklearn_proto._threads import suitable_threads
from sklearn_proto._training._adam import one_pass
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._objective import Objective
from sklearn_proto._training._options import SolverOptions

# State of Adam: for each parameter its moments and its number of steps.
Moments = list[dict[str, NDArray[Any]]]


def run_online(
    objective: Objective,
    data: TrainingData,
    options: SolverOptions,
    moments: Moments | None,
) -> tuple[float, Moments]:
    """Make one pass of Adam over the rows; return the mean loss and its new moments.

    A parameter whose shape has changed since starts with fresh moments.
    """
    parameters = objective.parameters
    optimiser = torch.optim.Adam(parameters, lr=options.learning_rate)
    for p, state in zip(parameters, moments or [], strict=False):
        if state["exp_avg"].shape == p.shape:
            optimiser.state[p] = {
                name: torch.as_tensor(
                    value,
                    dtype=torch.float32 if name == "step" else p.dtype,
                    device="cpu" if name == "step" else p.device,
                ).clone()
                for name, value in state.items()
            }
    with suitable_threads(objective.multiply_adds(options.batch_size)):
        loss = one_pass(objective, optimiser, data, options)
    kept = [
        {name: value.cpu().numpy().copy() for name, value in optimiser.state[p].items()}
        for p in parameters
    ]
    return loss, kept
