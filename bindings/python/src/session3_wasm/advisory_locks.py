"""The host's side of `session3:sessions/advisory-locks`: the locks of one instance."""

from __future__ import annotations

import ctypes
import itertools
from typing import Any

from wasmtime import WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime import component as c

from .locks import Lock, LockError, LockSpace
from .values import Case

MAX_HELD = 64
"""The number of locks that an instance may hold at once."""
MAX_WAIT = 60.0
"""The longest wait, in seconds."""


class HeldLocks:
    """The locks of one instance, by the number in the guard. They exclude every other instance, even on the same
    thread."""

    def __init__(self, space: LockSpace) -> None:
        self._space = space
        # Not this object: it and its locks would keep each other alive.
        self._owner = object()
        # Before the instance's directory is opened: if it is replaced in between, the instance gets no locks.
        self._home = space.home()
        self._held: dict[int, Lock] = {}
        self._numbers = itertools.count()

    def acquire(self, context: Any, name: str, mode: str, timeout: int) -> Case:
        if not 1 <= len(name.encode()) <= 256:
            return Case("err", Case("invalid-name"))
        if len(self._held) >= MAX_HELD:
            return Case("err", Case("too-many"))
        try:
            wait = min(timeout / 1000, MAX_WAIT)
            lock = self._space.acquire(self._owner, name, mode == "exclusive", wait, self._home)
        except LockError as error:
            return Case("err", Case(error.why))
        except OSError as error:
            return Case("err", Case("other", f"the lock file cannot be locked: {error}"))
        number = next(self._numbers)
        self._held[number] = lock
        return Case("ok", _guard(context, number))

    def is_home(self) -> bool:
        """Whether the directory of the locks is still the one that it was when the instance was created."""
        try:
            return self._space.home() == self._home
        except OSError:
            return False

    def scope(self, _context: Any) -> str:
        return "machine"

    def release(self, number: int) -> None:
        self._held.pop(number).release()

    def release_all(self) -> None:
        """Release all locks, at the end of the instance."""
        while self._held:
            self._held.popitem()[1].release()


def _guard(context: Any, number: int) -> c.ResourceAny:
    pointer = ctypes.POINTER(ffi.wasmtime_component_resource_any_t)()
    host = c.ResourceHost.own(number, 0)
    error = ffi.wasmtime_component_resource_host_to_any(context, host.ptr(), ctypes.byref(pointer))
    if error:
        raise WasmtimeError._from_ptr(error)
    return c.ResourceAny._from_ptr(pointer)
