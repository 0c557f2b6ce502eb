"""Mini-batch Adam by torch."""

import numpy as np
import torch

from sklearn_proto._threads import suitable_threads
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._monitor import Monitor
from sklearn_proto._training._objective import Objective
from sklearn_proto._training._options import SolverOptions


def run_adam(
    objective: Objective, data: TrainingData, monitor: Monitor, options: SolverOptions
) -> None:
    """Minimise in place; an iteration of the monitor is one pass over the rows."""
    optimiser = torch.optim.Adam(objective.parameters, lr=options.learning_rate)
    work = objective.multiply_adds(options.batch_size)
    with monitor, suitable_threads(work):
        while not monitor.update(one_pass(objective, optimiser, data, options)):
            pass


def one_pass(
    objective: Objective,
    optimiser: torch.optim.Optimizer,
    data: TrainingData,
    options: SolverOptions,
) -> float:
    """Take a step for every mini-batch of the rows, and return their mean loss."""
    prototypes = objective.network.prototypes
    box = options.box and [
        torch.as_tensor(side, dtype=prototypes.dtype, device=prototypes.device)
        for side in options.box
    ]
    mean_weight = float(data.weight.mean())
    total = 0.0
    order = options.random_state.permutation(len(data))
    n_batches = -(-len(data) // options.batch_size)
    for rows in np.array_split(order, n_batches):
        optimiser.zero_grad()
        losses = objective.batch_loss(*objective.tensors(data.take(rows)))
        # Dividing by the expected, not the actual, weight of the batch keeps the
        # gradient an unbiased estimate of the full one.
        loss = losses / (len(rows) * mean_weight)
        if objective.penalty is not None:
            loss = loss + objective.penalty()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if box and prototypes.requires_grad:
            with torch.no_grad():
                prototypes.clamp_(box[0], box[1])
        total += float(loss.detach()) * len(rows)
    return total / len(data)
