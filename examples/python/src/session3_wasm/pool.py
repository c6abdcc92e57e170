"""Instances for the threads of a process: as many as have been at work at once.

A pool and not one for each thread, for servers that start a thread for each request; and not one for all, for an
instance that waits for a lock would keep everybody waiting. An instance costs about a millisecond to make and less than
a megabyte.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .component import Instance


class Pool:
    """Lends instances, one thread at a time for each, and makes what is missing."""

    def __init__(self, make: Callable[[], Instance]) -> None:
        self._make = make
        self._idle: deque[Instance] = deque()

    def take(self) -> Instance:
        """An instance for the caller alone. Raises what making one raises."""
        try:
            # The one used last: those not needed any more stay at the other end.
            return self._idle.pop()
        except IndexError:
            return self._make()

    def give_back(self, instance: Instance) -> None:
        """Return an instance. One that is broken is ended, and its locks are free."""
        if instance.broken:
            instance.close()
        else:
            self._idle.append(instance)

    @contextmanager
    def lent(self) -> Iterator[Instance]:
        """An instance for a `with` block."""
        instance = self.take()
        try:
            yield instance
        finally:
            self.give_back(instance)

    def close(self) -> None:
        """End the instances that are idle."""
        while self._idle:
            self._idle.pop().close()
