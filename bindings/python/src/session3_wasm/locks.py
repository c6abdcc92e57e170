"""Locks by name: a queue for the threads of this process, a lock file for the processes of this machine.

The queue comes first, so that one waiter of this process at a time tries the file lock, and the others queue in order
behind it. A waiting reader does not overtake a waiting writer.

A lock without references is released, so that an exception at any moment leaves none behind.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Literal
from weakref import WeakValueDictionary

from . import forks, uninterrupted
from .lock_file import Identity, LockFile, offset
from .lock_path import LockPath

_log = logging.getLogger(__name__)

MAX_WAITERS = 1024
"""Waiters per name; one more gets `too-many`."""

# The first and the longest pause between attempts to get a lock held by another process.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.010


class LockError(Exception):
    """A lock was not granted."""

    def __init__(self, why: Literal["timed-out", "deadlock", "too-many"]) -> None:
        super().__init__(f"the lock was not granted: {why}")
        self.why = why


@dataclass(eq=False)
class _Place:
    """A place in the queue of a name, waiting or holding."""

    where: int
    owner: Hashable
    exclusive: bool
    granted: threading.Event = field(default_factory=threading.Event)
    file: LockFile | None = None
    """The file that this process holds the lock in, once it does."""
    ends: tuple[uninterrupted.End, ...] = ()
    """Callbacks at the end of its lock. Kept here, as the cycle collector drops weak references found only in
    cycles."""


class Lock:
    """A held lock. `release` is idempotent and works on any thread; the end of the last reference releases too."""

    def __init__(self, space: LockSpace, place: _Place) -> None:
        self._space = space
        self._place = place
        place.ends = (
            uninterrupted.at_end(self, space._returned.append, place),
            uninterrupted.at_end(self, uninterrupted.soon, space._sweep),
        )

    def release(self) -> None:
        ends = self._place.ends
        if ends and self._space._alive:
            self._space._returned.append(ends[0])
            uninterrupted.run(self._space._sweep)


class _Queue:
    """Invariants: an exclusive holder is the only holder; the first waiter is incompatible with the holders."""

    def __init__(self) -> None:
        self.holders: list[_Place] = []
        self.waiters: deque[_Place] = deque()

    def admits(self, exclusive: bool) -> bool:
        return not self.holders or not (exclusive or self.holders[0].exclusive)


class LockSpace:
    """The locks that the users of one lock file share. Get it with `LockSpace.of`: there is one per process."""

    _all: ClassVar[WeakValueDictionary[str, LockSpace]] = WeakValueDictionary()
    _creating = threading.Lock()

    @classmethod
    def of(cls, path: str) -> LockSpace:
        """The space of a lock file, which is created if missing. OSError if it cannot be used; ForkedError."""
        forks.claim()
        with cls._creating:
            # Resolve the folder; the file itself must not be a link.
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            space = cls._all.get(path)
            if space is None:
                space = cls._all[path] = cls(path)
            return space

    def __init__(self, path: str) -> None:
        self._path = LockPath(path)
        self._alive = True
        # For the queues and for the lock file.
        self._mutex = threading.Lock()
        self._queues: dict[int, _Queue] = {}
        self._waits: dict[Hashable, int] = {}
        # Released locks are queued here first: a lock may end at any moment, even while this thread holds the mutex.
        # deque.append is atomic.
        self._returned: deque[uninterrupted.End] = deque()
        forks.call_in_child(self._abandon)

    def home(self) -> Identity:
        """The current directory of the lock file. OSError if there is none."""
        return self._path.home()

    def acquire(
        self, owner: Hashable, name: str, exclusive: bool, wait: float, home: Identity | None = None
    ) -> Lock:
        """Take a lock, waiting at most `wait` seconds; 0 does not wait. Names are 1 to 256 bytes.

        `owner` identifies the holder for deadlock detection: a second lock that its first one excludes is a `deadlock`.
        It lives as long as the lock, so it must not refer to that. LockError says why a lock was not granted; OSError
        if the lock file fails, or if its directory is not `home`, the owner's.
        """
        deadline = time.monotonic() + wait
        place = _Place(offset(name), owner, exclusive)
        lock = Lock(self, place)
        try:
            self._enter(place, wait)
            _wait(lambda until: place.granted.wait(max(0.0, until - time.monotonic())), deadline)
            _wait(lambda until: self._lock_file(place, home, until), deadline)
        except BaseException:
            lock.release()
            raise
        return lock

    def _enter(self, place: _Place, wait: float) -> None:
        with self._alone():
            queue = self._queues.setdefault(place.where, _Queue())
            if not queue.waiters and queue.admits(place.exclusive):
                queue.holders.append(place)
                place.granted.set()
                return
            if self._would_deadlock(place.owner, place.where):
                raise LockError("deadlock")
            if wait <= 0:
                raise LockError("timed-out")
            if len(queue.waiters) >= MAX_WAITERS:
                raise LockError("too-many")
            queue.waiters.append(place)
            self._waits[place.owner] = place.where

    def _lock_file(self, place: _Place, home: Identity | None, until: float) -> bool:
        """Try to take the lock for this process, until a moment of `time.monotonic()`. Returns whether it was
        granted."""
        pause = _FIRST_PAUSE
        while True:
            with self._alone():
                place.file = self._path.try_lock(place.where, place.exclusive, home)
            if place.file is not None:
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            # Up to a quarter more, so that processes do not retry in step.
            time.sleep(min(left, pause * random.uniform(1, 1.25)))
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _would_deadlock(self, owner: Hashable, where: int) -> bool:
        """Whether `owner` would wait for itself: for a holder that waits for it, directly or through others."""
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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with self._mutex:
                self._take_back()
                yield
        finally:
            self._sweep()

    def _sweep(self) -> None:
        """Process released locks. A thread that holds the mutex meanwhile sweeps when it is done."""
        while self._returned and self._mutex.acquire(blocking=False):
            try:
                self._take_back()
            finally:
                self._mutex.release()

    def _take_back(self) -> None:
        while self._returned:
            self._leave(self._returned.popleft().concerns)

    def _leave(self, place: _Place) -> None:
        place.ends = ()
        queue = self._queues.get(place.where)
        if queue is None or not self._alive:
            return
        if place in queue.waiters:
            queue.waiters.remove(place)
            self._waits.pop(place.owner, None)
        elif place in queue.holders:
            queue.holders.remove(place)
            if place.file is not None:
                # At every hand-over, so that other processes get a turn.
                try:
                    place.file.unlock(place.where)
                except OSError as error:
                    _log.error("a lock stays locked for other processes until this one ends: %s", error)
        while queue.waiters and queue.admits(queue.waiters[0].exclusive):
            next_one = queue.waiters.popleft()
            self._waits.pop(next_one.owner, None)
            queue.holders.append(next_one)
            next_one.granted.set()
        if not queue.holders and not queue.waiters:
            del self._queues[place.where]

    def _abandon(self) -> None:
        """In a forked child, where the lock file is already closed."""
        self._alive = False


def _wait(attempt: Callable[[float], bool], deadline: float) -> None:
    """Repeat an attempt, each with its own deadline, until it succeeds or the last one has passed."""
    while not attempt(until := uninterrupted.until(deadline)):
        if until >= deadline:
            raise LockError("timed-out")
