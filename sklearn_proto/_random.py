"""Random numbers of torch from generators that belong to one fit.

torch's global generators are those of the process: fits in several threads would draw
from each other's numbers, and a user's program from theirs. So a fit has a stream of
its own. What draws inside this package names the generator of the stream; for modules
and augmentations of users, which cannot, `drawing` hands it to every operation.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from threading import RLock, local
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_current = local()
# Held while a global generator stands in for one of a stream.
_exchange = RLock()


def _begin_in_child() -> None:
    global _exchange
    _exchange = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)


class RandomStream(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Generators of one fit, one for each device.

    As a context, all that torch draws in this thread comes from them, dropout too: it
    sees every operation below autograd, at some microseconds each.

    Parameters
    ----------
    seed : int
        Of every generator. They draw what the global ones would after it.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = True
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Begin anew."""
        self._seed = seed
        self._generators: dict[torch.device, Generator] = {}

    def generator(self, device: torch.device) -> Generator:
        """Return the generator of a device."""
        if device not in self._generators:
            self._generators[device] = Generator(device).manual_seed(self._seed)
        return self._generators[device]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Tell torch not to load its compiler, for a second, at the first operation."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation; give it a generator if it draws."""
        del types
        kwargs = dict(kwargs or {})
        # An interruption may leave a stream of the past among torch's modes.
        draws = self.live and torch.Tag.nondeterministic_seeded in func.tags
        device = _device_of(args, kwargs) if draws else None
        if device is None or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        twin = _with_generator(func)
        if twin is not None:
            return twin(*args, **kwargs, generator=self.generator(device))
        with _in_place_of_the_global(self.generator(device)):
            return func(*args, **kwargs)


def _device_of(args: Any, kwargs: Any) -> torch.device | None:
    """Device that an operation draws on; None where there are no numbers."""
    for value in args:
        if isinstance(value, Tensor):
            return None if value.device.type == "meta" else value.device
    device = torch.device(kwargs.get("device") or "cpu")
    return None if device.type == "meta" else device


@cache
def _with_generator(func: Any) -> Any:
    """Find the overload of an operation that takes a generator, if there is one."""
    names = {argument.name for argument in func._schema.arguments}
    if "generator" in names:
        return func
    for overload in func.overloadpacket.overloads():
        found = getattr(func.overloadpacket, overload)
        theirs = {argument.name for argument in found._schema.arguments}
        if theirs == names | {"generator"}:
            return found
    return None


@contextmanager
def _in_place_of_the_global(generator: Generator) -> Iterator[None]:
    """Let the global generator of its device be this one, for one operation."""
    device = generator.device
    everyones = (
        torch.default_generator
        if device.type == "cpu"
        else torch.get_device_module(device).default_generators[device.index or 0]
    )
    with _exchange:
        before = everyones.get_state()
        try:
            everyones.set_state(generator.get_state())
            yield
            generator.set_state(everyones.get_state())
        finally:
            everyones.set_state(before)


@contextmanager
def isolated_generators(seed: int) -> Iterator[None]:
    """Give this thread a stream, and the one that it had before back."""
    before = getattr(_current, "stream", None)
    stream = RandomStream(seed)
    try:
        _current.stream = stream
        yield
    finally:
        _current.stream, stream.live = before, False


def reseed(seed: int) -> None:
    """Begin the stream of this thread anew, inside `isolated_generators`."""
    _current.stream.reseed(seed)


def generator() -> Generator | None:
    """Return the CPU's generator of this thread's stream; without one None: torch's."""
    stream = getattr(_current, "stream", None)
    return None if stream is None else stream.generator(torch.device("cpu"))


@contextmanager
def drawing() -> Iterator[None]:
    """Let all that torch draws in this thread come from its stream, if it has one."""
    with getattr(_current, "stream", None) or nullcontext():
        yield


@contextmanager
def standing_in() -> Iterator[None]:
    """Let torch's global generator of the CPU draw what this thread's stream would.

    For functions of users that may seed it, which no stream would notice. Whoever draws
    from it in another thread meanwhile is disturbed, so this is for short ones.
    """
    stream = getattr(_current, "stream", None)
    if stream is None:
        yield
        return
    try:
        stream.live = False
        with _in_place_of_the_global(stream.generator(torch.device("cpu"))):
            yield
    finally:
        stream.live = True
