"""What a solver needs besides the objective, the data and the monitor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SolverOptions:
    """Numbers of a solver.

    Parameters
    ----------
    learning_rate : float
        Step size of Adam.
    batch_size : int
        Rows per step of Adam.
    random_state : RandomState
        Order of the rows.
    box : tuple of two ndarray of shape (d,), optional
        Lower and upper limits of the prototypes.
    """

    learning_rate: float
    batch_size: int
    random_state: np.random.RandomState
    box: tuple[NDArray[np.floating], NDArray[np.floating]] | None = None
