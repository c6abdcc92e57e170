"""Work that exceptions of signal handlers cannot interrupt.

Python runs signal handlers on the main thread, between any two of its instructions, and an exception of a handler (a
KeyboardInterrupt, a time limit) propagates from there: right after a lock was taken and before it was recorded, or in a
callback of Wasmtime's, where ctypes drops it. So work that takes or releases locks or enters the component runs on a
worker thread while the main thread waits. The main thread may stop waiting at any moment: the work still completes, but
waits for no more locks, and its result is dropped.

Dropped results release themselves (`End`).
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar
from weakref import ref

_P = ParamSpec("_P")
_T = TypeVar("_T")

_POLL_INTERVAL = 0.05
_JOIN_TIMEOUT = 2.0


class AbandonedError(Exception):
    """The caller has stopped waiting."""


class _Job:
    """A call for the worker."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._work: tuple[Any, ...] | None = (function, arguments, named)
        self._value: Any = None
        self._error: BaseException | None = None
        self.abandoned = False
        self.is_done = threading.Lock()
        """Locked until the call has ended."""
        self.is_done.acquire()

    def do(self) -> None:
        try:
            # Keep no reference to the arguments or the result afterwards.
            (function, arguments, named), self._work = self._work or (), None
            if not self.abandoned:
                self._value = function(*arguments, **named)
        except BaseException as error:
            self._error = error
        finally:
            self.is_done.release()

    def outcome(self) -> Any:
        value, error, self._value, self._error = self._value, self._error, None, None
        try:
            if error is not None:
                raise error
            return value
        finally:
            del error


class End(ref[Any]):
    """A callback at the end of an object's last reference. See `at_end`."""

    concerns: Any


def at_end(thing: Any, call: Callable[[End], Any], concerns: Any) -> End:
    """Call `call` when an object has lost its last reference, provided that the returned `End` still exists then. It is
    passed the `End`, with what it `concerns`.

    A callable that is not a Python function, such as `deque.append` or `soon`, has no instructions between which a
    signal could arrive.
    """
    end = End(thing, call)
    end.concerns = concerns
    return end


_ends: SimpleQueue[End] = SimpleQueue()
soon = _ends.put
"""Call what an end concerns on another thread, which `call_at_end` starts."""
_awaited: dict[int, End] = {}
"""By identity, as an `End` is not hashable."""


def call_at_end(thing: Any, function: Callable[[], None]) -> None:
    """Call a function, which must not refer to the object, soon after its last reference has ended. A `__del__` might
    run on the main thread, while others may still obtain the object."""
    end = at_end(thing, soon, function)
    _awaited[id(end)] = end
    _watch()


@functools.cache
def _watch() -> None:
    threading.Thread(target=_serve_ends, name="session3-ends", daemon=True).start()


def _serve_ends() -> None:
    while True:
        end = _ends.get()
        _awaited.pop(id(end), None)
        end.concerns()
        # Before blocking on the next one.
        del end


_jobs: SimpleQueue[_Job | None] = SimpleQueue()
_worker: threading.Thread | None = None
_running = threading.Lock()
_current = threading.local()


def run(function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Call a function on a thread without signals. If a signal handler raises meanwhile, the call is abandoned, and its
    result is dropped."""
    if threading.get_ident() != threading.main_thread().ident or sys.is_finalizing():
        return function(*arguments, **named)
    _start_worker()
    job = _Job(function, arguments, named)
    try:
        _jobs.put(job)
        # A signal wakes it only if it is blocked by then, and on this thread: so it looks by itself.
        while not job.is_done.acquire(timeout=_POLL_INTERVAL):
            pass
    except BaseException:
        job.abandoned = True
        raise
    outcome: _T = job.outcome()
    return outcome


def until(deadline: float) -> float:
    """The next moment of `time.monotonic()` to wait until, of a wait until `deadline`: call this again then.
    AbandonedError once the caller has stopped waiting."""
    job: _Job | None = getattr(_current, "job", None)
    if job is None:
        return deadline
    if job.abandoned:
        raise AbandonedError
    return min(deadline, time.monotonic() + _POLL_INTERVAL)


def _start_worker() -> None:
    global _worker
    # Thread.is_alive stays wrong once a signal has interrupted it.
    if _worker is None:
        worker = threading.Thread(target=_serve, args=(_jobs,), name="session3-worker", daemon=True)
        worker.start()
        _worker = worker


def _serve(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        # A signal may arrive between the start of a worker and the assignment of it: then there are two.
        with _running:
            _current.job = job
            job.do()
            # Drop an unclaimed result before blocking on the next job.
            del _current.job, job


def _forget() -> None:
    """In a forked child, which has no worker: the state of its queue is unknown."""
    global _jobs, _worker, _running
    _jobs, _worker, _running = SimpleQueue(), None, threading.Lock()


def _stop_worker() -> None:
    """Python kills daemon threads at exit, which must not happen inside Wasmtime."""
    global _worker
    if _worker is not None:
        _jobs.put(None)
        _worker.join(_JOIN_TIMEOUT)
        _worker = None


os.register_at_fork(after_in_child=_forget)
atexit.register(_stop_worker)
