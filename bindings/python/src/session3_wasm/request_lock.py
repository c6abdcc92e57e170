"""One request at a time for each session: a lock from the load of a session until nobody needs it any more.

It is not the lock under which the component reads and writes the session, but one beside it, in the same lock file. So
an administrator's `session3 rm` does not wait for a request that hangs, and the lock can be given up by a finalizer,
which could not enter the component. Versions guard the data whether or not the lock is held.
"""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

from . import forks, uninterrupted
from .errors import BusyError, DeadlockError
from .locks import Lock, LockError, LockSpace


class Hold:
    """The lock of one session, held until `release`, or until the last reference is gone."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self.held = True

    def release(self) -> None:
        self.held = False
        self._lock.release()


class RequestLocks:
    """The locks that requests hold, by thread: a thread works on one request at a time. `wait` in seconds."""

    def __init__(self, lock_file: str, wait: float) -> None:
        self._lock_file = lock_file
        self._wait = wait
        self._space: LockSpace | None = None
        self._threads = _Threads()

    def hold(self, id: str) -> Hold:
        """Hold the lock of a session; the same hold again if the thread has it. BusyError after the wait;
        DeadlockError.

        Sessions loaded twice in one request share a hold.
        """
        forks.claim()
        holds = self._threads.holds
        hold = holds.get(id)
        if hold is not None and hold.held:
            return hold
        try:
            lock = uninterrupted.run(self._acquire, self._threads.owner, f"request/{id}")
        except LockError as error:
            if error.why == "deadlock":
                raise DeadlockError("two requests wait for each other's sessions") from None
            raise BusyError("other requests of this session took all the time that this one could wait") from None
        holds[id] = hold = Hold(lock)
        return hold

    def _acquire(self, owner: object, name: str) -> Lock:
        # At first use, for a server may fork before.
        self._space = self._space or LockSpace.of(self._lock_file)
        return self._space.acquire(owner, name, True, self._wait)


class _Threads(threading.local):
    def __init__(self) -> None:
        self.owner = object()
        self.holds: WeakValueDictionary[str, Hold] = WeakValueDictionary()
