"""Watching a fit: the best parameters, when to stop, progress and interruption."""

import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

# Frames from a warning in __exit__ to the user's line: the solver, _train, _fit, fit
# and the wrappers around fit, scikit-learn's and ours, stand between.
_CALLER_OF_FIT = 8


class Monitor:
    """Keeps the best parameters seen and decides when to stop.

    As a context it shows the progress, turns ``KeyboardInterrupt`` into a warning, and
    on leaving puts the best parameters back.

    Parameters
    ----------
    parameters : list of Parameter
        What is being trained.
    max_iter : int
        Budget of iterations or epochs.
    tol : float
        An iteration counts as progress when it lowers the best score by more than
        ``tol * max(1, |best|)``.
    n_iter_no_change : int
        Iterations without progress after which the fit has converged.
    validate : callable, optional
        Gives the score to watch instead of the training loss (early stopping).
    verbose : bool
        Show a progress bar.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        *,
        max_iter: int,
        tol: float,
        n_iter_no_change: int,
        validate: Callable[[], float] | None = None,
        verbose: bool = False,
    ) -> None:
        self.parameters = parameters
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.validate = validate
        self.verbose = verbose
        self.loss_curve: list[float] = []
        self.validation_curve: list[float] = []
        self.finished = False
        self.interrupted = False
        self._best = float("inf")
        self._reference: float | None = None
        self._stale = 0
        self._best_state: list[Tensor] = []
        self._bar: Any = None

    def update(self, loss: float) -> bool:
        """Record an iteration at the current parameters; True means stop."""
        self.loss_curve.append(loss)
        score = loss
        if self.validate is not None:
            score = self.validate()
            self.validation_curve.append(score)
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
            self._bar.update()
        if score < self._best:
            self._best = score
            self._remember()
        self.finished = self._stalled(score)
        return self.finished or len(self.loss_curve) >= self.max_iter

    def _remember(self) -> None:
        self._best_state = [p.detach().clone() for p in self.parameters]

    def _stalled(self, score: float) -> bool:
        """Whether the last `n_iter_no_change` iterations brought no progress."""
        reference = self._reference
        if reference is None or reference - score > self.tol * max(1.0, abs(reference)):
            self._reference, self._stale = score, 0
        else:
            self._stale += 1
        return self._stale >= self.n_iter_no_change

    def __enter__(self) -> "Monitor":
        """Open the progress bar; the start is the first state to fall back on."""
        self._remember()
        if self.verbose:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self.max_iter, desc="fit", unit="it")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Close the bar, put the best parameters back, and report the end."""
        if self._bar is not None:
            self._bar.close()
        self.interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        if kind is not None and not self.interrupted:
            return False
        with torch.no_grad():
            for p, best in zip(self.parameters, self._best_state, strict=True):
                p.copy_(best)
        if self.interrupted:
            warnings.warn(
                f"fit was interrupted after {len(self.loss_curve)} iterations; the "
                "best model so far is kept.",
                RuntimeWarning,
                stacklevel=_CALLER_OF_FIT,
            )
        elif not self.finished:
            warnings.warn(
                f"fit reached max_iter={self.max_iter} before the loss settled to "
                f"tol={self.tol}; raise max_iter or tol, or scale the features.",
                ConvergenceWarning,
                stacklevel=_CALLER_OF_FIT,
            )
        return self.interrupted
