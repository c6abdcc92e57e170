"""Detection of forks after the component was used.

Wasmtime reads and writes files on its own threads. They do not exist in a forked child, which would wait for them for
ever at its first call. So in a child of a process that has used a store, calls raise `ForkedError`; everything is
created at first use, so that a server may import, construct and then fork.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod

from .errors import ForkedError

_used = False
_forked_after_use = False
_child_hooks: list[WeakMethod[Callable[[], None]]] = []


def claim() -> None:
    """Record that this process uses the component. Raises ForkedError if it cannot."""
    global _used
    if _forked_after_use:
        raise ForkedError(
            "this process was forked from one that had already used a session store, so it cannot use one; "
            "use the store only in the forked processes, or start them without fork (spawn, exec)"
        )
    _used = True


def call_in_child(method: Callable[[], None]) -> None:
    """Call a method of a live object in each forked child, before anything else runs there."""
    _child_hooks.append(WeakMethod(method))


def _in_child() -> None:
    global _forked_after_use
    _forked_after_use = _forked_after_use or _used
    for reference in _child_hooks:
        method = reference()
        if method is not None:
            method()


os.register_at_fork(after_in_child=_in_child)
