"""Mini-batch Adam by torch."""

import numpy as np
import torch

from sklearn_proto._devices import suitable_threads
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._monitor import Monitor
from sklearn_proto._training._objective import Objective
from sklearn_proto._training._options import SolverOptions


def run_adam(
    objective: Objective, data: TrainingData, monitor: Monitor, options: SolverOptions
) -> None:
    """Minimise in place; an iteration of the monitor is one pass over the rows."""
    optimiser = torch.optim.Adam(objective.parameters, lr=options.learning_rate)
    prototypes = objective.network.kernel.prototypes
    box = options.box and [
        torch.as_tensor(side, dtype=prototypes.dtype, device=prototypes.device)
        for side in options.box
    ]
    mean_weight = float(data.weight.mean())
    work = objective.multiply_adds(options.batch_size)
    with monitor, suitable_threads(work):
        while True:
            total = 0.0
            order = options.random_state.permutation(len(data))
            n_batches = -(-len(data) // options.batch_size)
            for rows in np.array_split(order, n_batches):
                optimiser.zero_grad()
                losses = objective.batch_loss(*objective.tensors(data.take(rows)))
                # Dividing by the expected, not the actual, weight of the batch keeps
                # the gradient an unbiased estimate of the full one.
                loss = losses / (len(rows) * mean_weight)
                if objective.alpha > 0:
                    loss = loss + objective.penalty()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                if box and prototypes.requires_grad:
                    with torch.no_grad():
                        prototypes.clamp_(box[0], box[1])
                total += float(loss.detach()) * len(rows)
            if monitor.update(total / len(data)):
                return
