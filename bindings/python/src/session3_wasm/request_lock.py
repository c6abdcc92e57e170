"""One request at a time per session: a lock from the load of a session until its last use.

It is separate from the lock under which the component reads and writes the session, in the same lock file. So an
administrator's `session3 rm` does not wait for a hanging request, and a finalizer, which could not enter the component,
can release the lock. Versions protect the data whether or not the lock is held.
"""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

from . import forks, uninterrupted
from .errors import BusyError, DeadlockError
from .locks import Lock, LockError, LockSpace


class Hold:
    """The lock of one session, held until `release` or the end of the last reference."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self.held = True

    def release(self) -> None:
        self.held = False
        self._lock.release()


class RequestLocks:
    """The locks of requests, by thread: a thread serves one request at a time. `wait` in seconds."""

    def __init__(self, lock_file: str, wait: float) -> None:
        self._lock_file = lock_file
        self._wait = wait
        self._space: LockSpace | None = None
        self._threads = _Threads()

    def hold(self, id: str) -> Hold:
        """Take the lock of a session, or return the thread's existing hold. BusyError after the wait; DeadlockError.

        A session loaded twice in one request shares a hold.
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
            raise BusyError("other requests held this session until the wait timed out") from None
        holds[id] = hold = Hold(lock)
        return hold

    def _acquire(self, owner: object, name: str) -> Lock:
        # At first use, as a server may fork before.
        self._space = self._space or LockSpace.of(self._lock_file)
        return self._space.acquire(owner, name, True, self._wait)


class _Threads(threading.local):
    def __init__(self) -> None:
        self.owner = object()
        self.holds: WeakValueDictionary[str, Hold] = WeakValueDictionary()
