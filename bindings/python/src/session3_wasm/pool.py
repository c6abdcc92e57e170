"""A pool of instances for the threads of a process: as many as were in use at once.

Not one per thread, for servers that start a thread per request; and not one for all, since an instance that waits for a
lock would block the others. Creating an instance costs about a millisecond and less than a megabyte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from .component import Instance
from .errors import SessionError

T = TypeVar("T")


class Pool:
    """Lends each instance to one thread at a time, and creates more on demand."""

    def __init__(self, create: Callable[[], Instance]) -> None:
        self._create = create
        self._idle: deque[Instance] = deque()

    def take(self) -> Instance:
        """Take an instance for the caller alone. Raises what its creation raises."""
        while True:
            try:
                # The most recently used: surplus instances collect at the other end.
                instance = self._idle.pop()
            except IndexError:
                break
            if instance.is_current():
                return instance
            instance.close()
        instance = self._create()
        instance.remember_store()
        return instance

    def give_back(self, instance: Instance) -> None:
        """Return an instance. A broken one is closed, which releases its locks."""
        if instance.broken:
            instance.close()
        else:
            self._idle.append(instance)

    def lend(self, to: Callable[[Instance], T]) -> T:
        """Lend an instance to the object that `to` creates, which returns it through `take_back`."""
        instance = self.take()
        try:
            return to(instance)
        except SessionError:
            self.give_back(instance)
            raise
        except BaseException:
            # The object, such as a lock, may exist in the instance without a reference to it.
            instance.close()
            raise

    def take_back(self, instance: Instance, last: Callable[[], T]) -> T:
        """Take an instance back after a last operation on it."""
        try:
            result = last()
        except SessionError:
            self.give_back(instance)
            raise
        except BaseException:
            instance.close()
            raise
        self.give_back(instance)
        return result

    @contextmanager
    def lent(self) -> Iterator[Instance]:
        """Lend an instance to a `with` block."""
        instance = self.take()
        try:
            yield instance
        finally:
            self.give_back(instance)

    def close(self) -> None:
        """Close the idle instances."""
        while self._idle:
            self._idle.pop().close()
