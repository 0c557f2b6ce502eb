"""Settings of the whole process that several calls need to be at one value."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident


class SharedSetting(ABC):
    """A value while any call asks for it; after the last of them as before.

    Calls in concurrent Python threads must not restore a setting of the process under
    each other's feet. To leave twice is to leave once, so that what an interruption
    cut short can be done again.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, in a child whose parent may have held the lock."""
        self._lock = Lock()
        self._users: dict[object, int] = {}

    def enter(self, user: object) -> None:
        """Count a call in."""
        with self._lock:
            if not self._users:
                self._remember()
            self._users[user] = get_ident()
            self._change()

    def leave(self, user: object) -> None:
        """Count a call out."""
        with self._lock:
            if user not in self._users:
                return
            others = [thread for u, thread in self._users.items() if u is not user]
            if not others:
                self._restore()
            elif get_ident() not in others:
                self._restore_here()
            self._users.pop(user)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Ask for it during a block."""
        user = object()
        try:
            self.enter(user)
            yield
        finally:
            try:
                self.leave(user)
            except KeyboardInterrupt:
                self.leave(user)
                raise

    @abstractmethod
    def _remember(self) -> None:
        """Note the value of the caller."""

    @abstractmethod
    def _change(self) -> None:
        """Set the value that is asked for, which the first call may have done."""

    @abstractmethod
    def _restore(self) -> None:
        """Set the value that was noted."""

    def _restore_here(self) -> None:
        """Set what is this thread's alone, if anything; calls in others are on."""
        return
