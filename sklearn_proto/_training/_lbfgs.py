"""Full-batch L-BFGS-B by scipy, gradients by torch."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from sklearn_proto._threads import suitable_threads
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._monitor import Monitor
from sklearn_proto._training._objective import Objective
from sklearn_proto._training._options import SolverOptions

_MAX_RESTARTS = 10
_GAVE_UP, _STOPPED = 2, 99
# Stopping is the monitor's; these end only a fit that cannot move at all.
_OPTIONS = {"maxiter": 10**9, "maxfun": 10**9, "ftol": 1e-12, "gtol": 1e-9}


def run_lbfgs(
    objective: Objective, data: TrainingData, monitor: Monitor, options: SolverOptions
) -> None:
    """Minimise in place; limits on the prototypes are the solver's own."""
    parameters = objective.parameters
    chunks = list(objective.chunks(data))

    def function(vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        _write(parameters, vector)
        value, gradient = objective.value_and_gradient(chunks)
        return value, _flat(gradient)

    def callback(intermediate_result: object) -> None:
        _write(parameters, intermediate_result.x)  # type: ignore[attr-defined]
        if monitor.update(float(intermediate_result.fun)):  # type: ignore[attr-defined]
            raise StopIteration

    with monitor, suitable_threads(objective.multiply_adds(len(data))):
        bounds = _bounds(objective, options)
        if bounds is not None and all(low == high for low, high in bounds):
            # Rows that are all equal: scipy neither evaluates nor reports as usual.
            fixed = np.array([low for low, _ in bounds])
            monitor.update(function(fixed)[0])
            monitor.finished = True
            return
        for _ in range(_MAX_RESTARTS):
            done = len(monitor.loss_curve)
            result = minimize(
                function,
                _flat(parameters),
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                callback=callback,
                options=_OPTIONS,
            )
            # Status 99 is our own StopIteration. At a kink of a piecewise smooth loss
            # the line search gives up (status 2); a fresh quadratic model goes on.
            progressed = len(monitor.loss_curve) > done
            # There is none where limits leave nothing to move.
            status = result.get("status")
            if status != _GAVE_UP or not progressed:
                break
        if status != _STOPPED:
            # A flat gradient, or no progress in any direction: nowhere left to go.
            _write(parameters, result.x)
            monitor.update(float(result.fun))
            monitor.finished = True


def _flat(tensors: list[Tensor] | list[nn.Parameter]) -> NDArray[np.float64]:
    flat = torch.cat([t.detach().reshape(-1) for t in tensors])
    return flat.to("cpu").double().numpy()


def _write(parameters: list[nn.Parameter], vector: NDArray[np.float64]) -> None:
    sizes = [p.numel() for p in parameters]
    like = parameters[0]
    flat = torch.as_tensor(vector, dtype=like.dtype, device=like.device)
    with torch.no_grad():
        for p, part in zip(parameters, torch.split(flat, sizes), strict=True):
            p.copy_(part.view_as(p))


def _bounds(
    objective: Objective, options: SolverOptions
) -> list[tuple[float, float]] | None:
    if options.box is None:
        return None
    limits: list[tuple[float, float]] = []
    for p in objective.parameters:
        if p is objective.network.prototypes:
            lo, hi = (np.tile(side, p.shape[0]) for side in options.box)
            limits += list(zip(lo.tolist(), hi.tolist(), strict=True))
        else:
            limits += [(-np.inf, np.inf)] * p.numel()
    return limits
