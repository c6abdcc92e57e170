"""Locks by name: a queue for the threads of this process, a lock file for the processes of this machine.

The queue comes first, so that one holder of this process at a time asks for the lock of the process, and the others
stand in order behind it. A waiting reader does not overtake a waiting writer.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import ClassVar, Literal
from weakref import WeakValueDictionary

from . import forks
from .lock_file import LockFile, place

_log = logging.getLogger(__name__)

MAX_WAITERS = 1024
"""The most that may wait for a name; for one more it is `too-many`."""


class LockError(Exception):
    """A lock was not granted."""

    def __init__(self, why: Literal["timed-out", "deadlock", "too-many"]) -> None:
        super().__init__(f"the lock was not granted: {why}")
        self.why = why


@dataclass(eq=False)
class Lock:
    """A place at a name, waiting or holding. `release` gives it up; it may be called from anywhere, and twice."""

    space: LockSpace
    where: int
    owner: Hashable
    exclusive: bool
    granted: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        self.space._give_back(self)


class _Queue:
    """Invariants: an exclusive holder is the only holder; the first waiter does not go with the holders."""

    def __init__(self) -> None:
        self.holders: list[Lock] = []
        self.waiters: deque[Lock] = deque()

    def admits(self, exclusive: bool) -> bool:
        return not self.holders or not (exclusive or self.holders[0].exclusive)


class LockSpace:
    """The locks that the users of one lock file share. Get it with `LockSpace.of`: there is one in a process."""

    _all: ClassVar[WeakValueDictionary[str, LockSpace]] = WeakValueDictionary()
    _making = threading.Lock()

    @classmethod
    def of(cls, path: str) -> LockSpace:
        """The space of a lock file, which is made if missing. OSError when it cannot be used; ForkedError."""
        forks.claim()
        with cls._making:
            # The folder's real path; the file itself must not be a link.
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            space = cls._all.get(path)
            if space is None:
                space = cls._all[path] = cls(path)
            return space

    def __init__(self, path: str) -> None:
        self._file = LockFile(path)
        self._alive = True
        self._mutex = threading.Lock()
        self._queues: dict[int, _Queue] = {}
        self._waits: dict[Hashable, int] = {}
        # What is released is put here first: a release may come from a finalizer, which runs at any moment, also while
        # this very thread has the mutex. deque.append is atomic.
        self._returned: deque[Lock] = deque()
        forks.tell_child(self._abandon)

    def __del__(self) -> None:
        self._abandon()

    def acquire(self, owner: Hashable, name: str, exclusive: bool, wait: float) -> Lock:
        """Take a lock, waiting at most so many seconds; 0 only tries. Names are 1 to 256 bytes.

        `owner` is who would wait for itself: a second lock that its first one excludes is a `deadlock`. LockError says
        why a lock was not granted; OSError when the lock file fails.
        """
        deadline = time.monotonic() + wait
        lock = Lock(self, place(name), owner, exclusive)
        try:
            self._enter(lock, wait)
            if not lock.granted.wait(max(0.0, deadline - time.monotonic())):
                raise LockError("timed-out")
            if not self._file.lock(lock.where, exclusive, deadline):
                raise LockError("timed-out")
        except BaseException:
            lock.release()
            raise
        return lock

    def _enter(self, lock: Lock, wait: float) -> None:
        try:
            with self._mutex:
                queue = self._queues.setdefault(lock.where, _Queue())
                if not queue.waiters and queue.admits(lock.exclusive):
                    queue.holders.append(lock)
                    lock.granted.set()
                    return
                if self._would_deadlock(lock.owner, lock.where):
                    raise LockError("deadlock")
                if wait <= 0:
                    raise LockError("timed-out")
                if len(queue.waiters) >= MAX_WAITERS:
                    raise LockError("too-many")
                queue.waiters.append(lock)
                self._waits[lock.owner] = lock.where
        finally:
            self._sweep()

    def _would_deadlock(self, owner: Hashable, where: int) -> bool:
        """Whether `owner`, were it to wait, would wait for itself: for a holder who waits for one who waits for it."""
        seen, open_ = {where}, [where]
        while open_:
            queue = self._queues.get(open_.pop())
            for holder in queue.holders if queue else ():
                if holder.owner == owner:
                    return True
                waits_for = self._waits.get(holder.owner)
                if waits_for is not None and waits_for not in seen:
                    seen.add(waits_for)
                    open_.append(waits_for)
        return False

    def _give_back(self, lock: Lock) -> None:
        self._returned.append(lock)
        self._sweep()

    def _sweep(self) -> None:
        """Take back what was released. Whoever has the mutex meanwhile sweeps after it."""
        while self._returned and self._mutex.acquire(blocking=False):
            try:
                while self._returned:
                    self._leave(self._returned.popleft())
            finally:
                self._mutex.release()

    def _leave(self, lock: Lock) -> None:
        queue = self._queues.get(lock.where)
        if queue is None or not self._alive:
            return
        if lock in queue.waiters:
            queue.waiters.remove(lock)
            self._waits.pop(lock.owner, None)
        elif lock in queue.holders:
            queue.holders.remove(lock)
            if not queue.holders:
                # At every hand-over, so that other processes get a chance; and before others are let in, as the next
                # holder locks the file without the mutex, and this must not take its lock away.
                try:
                    self._file.unlock(lock.where)
                except OSError as error:
                    _log.error("a lock stays locked for other processes until this one ends: %s", error)
        while queue.waiters and queue.admits(queue.waiters[0].exclusive):
            next_one = queue.waiters.popleft()
            self._waits.pop(next_one.owner, None)
            queue.holders.append(next_one)
            next_one.granted.set()
        if not queue.holders and not queue.waiters:
            del self._queues[lock.where]

    def _abandon(self) -> None:
        """Close the file. In a forked child too: it shares the locks of its parent, and would keep them after its
        death, or unlock them."""
        if getattr(self, "_alive", False):
            self._alive = False
            self._file.close()
