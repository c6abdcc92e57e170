"""Work that no signal handler's exception reaches.

Python runs signal handlers in the main thread, between any two of its instructions, and what a handler raises (a
KeyboardInterrupt, a time limit) goes on from there: behind a lock that was taken and is noted down nowhere, or in a
callback of Wasmtime's, where ctypes drops it. So what takes locks, gives them back or enters the component is done by
another thread, the deputy, while the main thread waits. It may leave at any moment: the work goes on to its end, but
waits for no lock any more, and nobody has what it returns.

What is lost on the way frees itself (`End`).
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

_LONGEST_LOOK_AWAY = 0.05
_LONGEST_GOODBYE = 2.0


class AbandonedError(Exception):
    """Whoever wanted this has left."""


class _Job:
    """What the deputy is to do."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._work: tuple[Any, ...] | None = (function, arguments, named)
        self._value: Any = None
        self._error: BaseException | None = None
        self.abandoned = False
        self.is_done = threading.Lock()
        """Locked until it is."""
        self.is_done.acquire()

    def do(self) -> None:
        try:
            # Nothing keeps what is worked on, nor what comes of it, when this is over.
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
    """The end of a thing's last reference. See `at_end`."""

    concerns: Any


def at_end(thing: Any, call: Callable[[End], Any], concerns: Any) -> End:
    """Have something called when a thing has lost its last reference, if what is returned here is still there then.
    It gets that, which says what it `concerns`.

    A call that is no function of Python's, such as `deque.append` or `soon`, has no instructions between which a signal
    could come.
    """
    end = End(thing, call)
    end.concerns = concerns
    return end


_ends: SimpleQueue[End] = SimpleQueue()
soon = _ends.put
"""Call what an end concerns, in another thread; `call_at_end` has that started."""
_awaited: dict[int, End] = {}
"""By identity: an end has no hash."""


def call_at_end(thing: Any, function: Callable[[], None]) -> None:
    """Call a function, which must not refer to the thing, soon after it has lost its last reference. A `__del__` would
    be in the main thread now and then, and others may still get hold of the thing meanwhile."""
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
        # The next one may be long in coming.
        del end


_jobs: SimpleQueue[_Job | None] = SimpleQueue()
_deputy: threading.Thread | None = None
_at_work = threading.Lock()
_current = threading.local()


def run(function: Callable[_P, _T], /, *arguments: _P.args, **named: _P.kwargs) -> _T:
    """Call a function, in a thread without signals. If an exception comes out that the function has not raised, what
    it does is no longer wanted, and what it returns is dropped."""
    if threading.get_ident() != threading.main_thread().ident or sys.is_finalizing():
        return function(*arguments, **named)
    _employ()
    job = _Job(function, arguments, named)
    try:
        _jobs.put(job)
        job.is_done.acquire()
    except BaseException:
        job.abandoned = True
        raise
    outcome: _T = job.outcome()
    return outcome


def until(deadline: float) -> float:
    """How long to wait for something, of a wait until a deadline by `time.monotonic()`: look here again after that.
    AbandonedError when nobody wants it any more."""
    job: _Job | None = getattr(_current, "job", None)
    if job is None:
        return deadline
    if job.abandoned:
        raise AbandonedError
    return min(deadline, time.monotonic() + _LONGEST_LOOK_AWAY)


def _employ() -> None:
    global _deputy
    # Thread.is_alive is wrong for ever when a signal meets it.
    if _deputy is None:
        deputy = threading.Thread(target=_serve, args=(_jobs,), name="session3-deputy", daemon=True)
        deputy.start()
        _deputy = deputy


def _serve(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        # A signal may have come between the start of a deputy and the note of it: then there are two.
        with _at_work:
            _current.job = job
            job.do()
            # Here it ends, with what nobody has taken. The next job may be long in coming.
            del _current.job, job


def _forget() -> None:
    """In a forked child, which has no deputy: its queue may be in the middle of anything."""
    global _jobs, _deputy, _at_work
    _jobs, _deputy, _at_work = SimpleQueue(), None, threading.Lock()


def _dismiss() -> None:
    """Python ends threads that it does not wait for, and one must not be inside of Wasmtime then."""
    global _deputy
    if _deputy is not None:
        _jobs.put(None)
        _deputy.join(_LONGEST_GOODBYE)
        _deputy = None


os.register_at_fork(after_in_child=_forget)
atexit.register(_dismiss)
