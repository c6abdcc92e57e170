"""Instances for the threads of a process: as many as have been at work at once.

A pool and not one for each thread, for servers that start a thread for each request; and not one for all, for an
instance that waits for a lock would keep everybody waiting. An instance costs about a millisecond to make and less than
a megabyte.
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
    """Lends instances, one thread at a time for each, and makes what is missing."""

    def __init__(self, make: Callable[[], Instance]) -> None:
        self._make = make
        self._idle: deque[Instance] = deque()

    def take(self) -> Instance:
        """An instance for the caller alone. Raises what making one raises."""
        while True:
            try:
                # The one used last: those not needed any more stay at the other end.
                instance = self._idle.pop()
            except IndexError:
                break
            if instance.is_current():
                return instance
            instance.close()
        instance = self._make()
        instance.remember_store()
        return instance

    def give_back(self, instance: Instance) -> None:
        """Return an instance. One that is broken is ended, and its locks are free."""
        if instance.broken:
            instance.close()
        else:
            self._idle.append(instance)

    def lend(self, to: Callable[[Instance], T]) -> T:
        """An instance for what `to` makes with it, from which it comes back through `take_back`."""
        instance = self.take()
        try:
            return to(instance)
        except SessionError:
            self.give_back(instance)
            raise
        except BaseException:
            # What was made, a lock perhaps, may be in the instance and nowhere else.
            instance.close()
            raise

    def take_back(self, instance: Instance, last: Callable[[], T]) -> T:
        """Take an instance back after what is to be done last with it."""
        try:
            answer = last()
        except SessionError:
            self.give_back(instance)
            raise
        except BaseException:
            instance.close()
            raise
        self.give_back(instance)
        return answer

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
