"""How many threads torch and BLAS use, also where a fork has left none of them."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import torch
from threadpoolctl import ThreadpoolController

from sklearn_proto._shared_setting import SharedSetting

# Below about 10 ms of work a step is faster on one thread.
_WORTH_THREADS = 5 * 10**7


class _OneTorchThread(SharedSetting):
    """OpenMP has a number for each thread; MKL's and torch's default are shared."""

    def _remember(self) -> None:
        self._before = torch.get_num_threads()

    def _change(self) -> None:
        torch.set_num_threads(1)

    def _restore(self) -> None:
        torch.set_num_threads(self._before)

    def _restore_here(self) -> None:
        for library in _pools("openmp").lib_controllers:
            library.set_num_threads(self._before)


class _OneBlasThread(SharedSetting):
    def _remember(self) -> None:
        self._limits: Any = None

    def _change(self) -> None:
        if self._limits is None:
            self._limits = _pools("blas").limit(limits=1)

    def _restore(self) -> None:
        if self._limits is not None:
            self._limits.restore_original_limits()


@cache
def _pools(user_api: str) -> ThreadpoolController:
    """Find the pools once: a millisecond counts in every step of a stream.

    All who ask compute, so numpy, scipy and torch have been loaded with theirs.
    """
    return ThreadpoolController().select(user_api=user_api)


_one_torch_thread, _one_blas_thread = _OneTorchThread(), _OneBlasThread()


@contextmanager
def suitable_threads(multiply_adds: int) -> Iterator[None]:
    """Threads that fit the size of each step of a loop.

    BLAS keeps to one: scipy's optimiser calls it on short vectors between torch
    evaluations, and two spinning pools on the same cores slowed a fit five times. torch
    keeps to one for small steps: handing them to threads costs more than it saves, and
    far more when other processes fit at the same time.
    """
    with ExitStack() as stack:
        stack.enter_context(_one_blas_thread())
        if multiply_adds < _WORTH_THREADS:
            stack.enter_context(_one_torch_thread())
        yield


_forked = False


def _begin_in_child() -> None:
    global _forked
    _forked = True
    _one_torch_thread.renew()
    _one_blas_thread.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)


def is_forked() -> bool:
    """Whether this process is the child of a fork that knew this package."""
    return _forked


@contextmanager
def without_lost_threads() -> Iterator[None]:
    """Keep to one thread where others may be lost.

    A fork copies the pools of OpenMP, but none of their threads: in the child whoever
    hands them work waits for ever.
    """
    with ExitStack() as stack:
        if _forked:
            stack.enter_context(_one_blas_thread())
            stack.enter_context(_one_torch_thread())
            # scikit-learn has an OpenMP of its own.
            stack.enter_context(_pools("openmp").limit(limits=1))
        yield
