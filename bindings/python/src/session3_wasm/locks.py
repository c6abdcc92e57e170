"""Locks by name: a queue for the threads of this process, a lock file for the processes of this machine.

The queue comes first, so that one holder of this process at a time asks for the lock of the process, and the others
stand in order behind it. A waiting reader does not overtake a waiting writer.

A lock that nobody has a reference to is given back, so that an exception at any moment leaves none behind.
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
from .lock_file import Identity, LockFile
from .lock_file import place as place_of
from .lock_path import LockPath

_log = logging.getLogger(__name__)

MAX_WAITERS = 1024
"""The most that may wait for a name; for one more it is `too-many`."""

# The pauses between two looks at a lock of another process: at first, and at most.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.010


class LockError(Exception):
    """A lock was not granted."""

    def __init__(self, why: Literal["timed-out", "deadlock", "too-many"]) -> None:
        super().__init__(f"the lock was not granted: {why}")
        self.why = why


@dataclass(eq=False)
class _Place:
    """A place at a name, waiting or holding."""

    where: int
    owner: Hashable
    exclusive: bool
    granted: threading.Event = field(default_factory=threading.Event)
    file: LockFile | None = None
    """Where this process has the lock, once it does."""
    ends: tuple[uninterrupted.End, ...] = ()
    """What is done at the end of its lock. Kept here, as the collector of cycles forgets those that only it finds."""


class Lock:
    """A lock, held. `release` gives it back, from anywhere, also twice; and so does the end of its last reference."""

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
    """Invariants: an exclusive holder is the only holder; the first waiter does not go with the holders."""

    def __init__(self) -> None:
        self.holders: list[_Place] = []
        self.waiters: deque[_Place] = deque()

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
        self._path = LockPath(path)
        self._alive = True
        # For the queues and for the lock file.
        self._mutex = threading.Lock()
        self._queues: dict[int, _Queue] = {}
        self._waits: dict[Hashable, int] = {}
        # What is released is put here first: a lock may end at any moment, also while this very thread has the mutex.
        # deque.append is atomic.
        self._returned: deque[uninterrupted.End] = deque()
        forks.tell_child(self._abandon)

    def home(self) -> Identity:
        """The directory that the lock file is in now. OSError when there is none."""
        return self._path.home()

    def acquire(
        self, owner: Hashable, name: str, exclusive: bool, wait: float, home: Identity | None = None
    ) -> Lock:
        """Take a lock, waiting at most so many seconds; 0 only tries. Names are 1 to 256 bytes.

        `owner` is who would wait for itself: a second lock that its first one excludes is a `deadlock`. It is kept as
        long as the lock, so it must not refer to that. LockError says why a lock was not granted; OSError when the lock
        file fails, and when its directory is not `home`, where the owner works.
        """
        deadline = time.monotonic() + wait
        place = _Place(place_of(name), owner, exclusive)
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
        """Take the lock for this process, until a moment by `time.monotonic()`. Says whether it was to be had."""
        pause = _FIRST_PAUSE
        while True:
            with self._alone():
                place.file = self._path.try_lock(place.where, place.exclusive, home)
            if place.file is not None:
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            # Up to a quarter more, so that processes do not look in step.
            time.sleep(min(left, pause * random.uniform(1, 1.25)))
            pause = min(_LONGEST_PAUSE, pause * 2)

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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with self._mutex:
                self._take_back()
                yield
        finally:
            self._sweep()

    def _sweep(self) -> None:
        """Take back what was released. Whoever has the mutex meanwhile sweeps after it."""
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
                # At every hand-over, so that other processes get a chance.
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
        """In a forked child, where the lock file is closed already."""
        self._alive = False


def _wait(attempt: Callable[[float], bool], deadline: float) -> None:
    """Attempt something that takes until a moment, until it succeeds."""
    while not attempt(until := uninterrupted.until(deadline)):
        if until >= deadline:
            raise LockError("timed-out")
