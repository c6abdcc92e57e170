"""What a fork does to a process that has used the component.

Wasmtime reads and writes files on threads of its own. A forked child has none of them and would wait for them for ever,
at its first call. So the child of a process that has used a store is told so (`ForkedError`); everything here is made
at first use, so that a server may import, construct and then fork.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakMethod

from .errors import ForkedError

_used = False
_forked_after_use = False
_to_tell: list[WeakMethod[Callable[[], None]]] = []


def claim() -> None:
    """Say that this process uses the component from now on. Raises ForkedError when it cannot."""
    global _used
    if _forked_after_use:
        raise ForkedError(
            "this process was forked from one that had used a session store already, and cannot use one; "
            "use the store in the forked processes only, or start them without fork (spawn, exec)"
        )
    _used = True


def tell_child(method: Callable[[], None]) -> None:
    """Call a method of a living object in each child, before anything else happens there."""
    _to_tell.append(WeakMethod(method))


def _in_child() -> None:
    global _forked_after_use
    _forked_after_use = _forked_after_use or _used
    for reference in _to_tell:
        method = reference()
        if method is not None:
            method()


os.register_at_fork(after_in_child=_in_child)
