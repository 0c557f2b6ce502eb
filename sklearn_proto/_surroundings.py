"""The state of torch and numpy that all computations here are made for.

Callers may have switched off gradients, switched on mixed precision, or changed a
default: public functions, marked by `undisturbed`, compute as if they had not, and
leave all as they found it, also where they are interrupted.
"""

import os
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import torch

from sklearn_proto._shared_setting import SharedSetting
from sklearn_proto._threads import is_forked, without_lost_threads

Function = TypeVar("Function", bound=Callable[..., Any])

# numpy's own defaults.
_ERRORS: Any = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_AUTOCAST = ("cpu", "cuda", "mps")


class _Float32(SharedSetting):
    """torch's default type, which is one of the process."""

    def _remember(self) -> None:
        self._before = torch.get_default_dtype()

    def _change(self) -> None:
        if self._before != torch.float32:
            torch.set_default_dtype(torch.float32)

    def _restore(self) -> None:
        if self._before != torch.float32:
            torch.set_default_dtype(self._before)


_float32 = _Float32()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_float32.renew)


class _Surroundings:
    """What a caller has set, and may have back as often as it takes."""

    def __init__(self) -> None:
        self.gradients = torch.is_grad_enabled()
        self.autocast = [d for d in _AUTOCAST if torch.is_autocast_enabled(d)]
        self.errors = np.geterr()
        self.filters = warnings.filters
        self.stack = ExitStack()

    def replace(self) -> None:
        """Compute in the usual state from here on."""
        _float32.enter(self)
        if torch.is_inference_mode_enabled():
            self.stack.enter_context(torch.inference_mode(mode=False))
        if not self.gradients:
            torch.set_grad_enabled(True)
        for device in self.autocast:
            torch.set_autocast_enabled(device, False)  # noqa: FBT003
        if torch.empty(0).device.type != "cpu":
            self.stack.enter_context(torch.device("cpu"))
        if self.errors != _ERRORS:
            np.seterr(**_ERRORS)
        if is_forked():
            self.stack.enter_context(without_lost_threads())

    def restore(self) -> None:
        """Give all back, but for what is as it was."""
        self.stack.close()
        if torch.is_grad_enabled() != self.gradients:
            torch.set_grad_enabled(self.gradients)
        for device in self.autocast:
            torch.set_autocast_enabled(device, True)  # noqa: FBT003
        if np.geterr() != self.errors:
            np.seterr(**self.errors)
        _float32.leave(self)

    def recover(self) -> None:
        """Restore what an interruption may have kept a block from restoring."""
        self.restore()
        if warnings.filters is not self.filters:
            warnings.filters = self.filters


def undisturbed(function: Function) -> Function:
    """Let a public function compute whatever the state of torch and numpy.

    Gradients are on, mixed precision and inference mode off, the default device is the
    CPU and the default type float32, numpy warns of errors but does not raise; all for
    this call. The default type is one of the process, so other threads see it too.
    """

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        around = _Surroundings()
        try:
            try:
                around.replace()
                return function(*args, **kwargs)
            finally:
                around.restore()
        except KeyboardInterrupt:
            around.recover()
            raise

    wrapper.is_undisturbed = True  # type: ignore[attr-defined]
    return wrapper  # type: ignore[return-value]
