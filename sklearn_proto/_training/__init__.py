"""Where a fit starts and how it gets to its end."""

from sklearn_proto._training._adam import run_adam
from sklearn_proto._training._data import TrainingData
from sklearn_proto._training._exchange import exchange_rows
from sklearn_proto._training._initialisation import (
    class_prototypes,
    initial_sigma,
    initial_tangents,
    nearest_rows,
)
from sklearn_proto._training._lbfgs import run_lbfgs
from sklearn_proto._training._monitor import Monitor
from sklearn_proto._training._objective import Objective
from sklearn_proto._training._online import Moments, run_online
from sklearn_proto._training._options import SolverOptions
from sklearn_proto._training._temperature import fit_temperature
from sklearn_proto._training._units import typical_unit

SOLVERS = {"lbfgs": run_lbfgs, "adam": run_adam}

__all__ = [
    "SOLVERS",
    "Moments",
    "Monitor",
    "Objective",
    "SolverOptions",
    "TrainingData",
    "class_prototypes",
    "exchange_rows",
    "fit_temperature",
    "initial_sigma",
    "initial_tangents",
    "nearest_rows",
    "run_online",
    "typical_unit",
]
