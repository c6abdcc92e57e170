"""Reads the files of Session3's DirectorySessionStore without running code.

A pickle names classes and functions, and unpickling calls them. Here every name stands for a class that does nothing and
records what it was given, so a file can only yield plain data.
"""

from __future__ import annotations

import fcntl
import io
import math
import os
import pickle
import stat
from pathlib import Path
from typing import Any, NamedTuple

_LARGEST = 16 << 20
"""Bytes: the component stores no larger session."""

_PLAIN = (type(None), bool, int, float, str, bytes)
_CONTAINERS = (list, tuple, set, frozenset)


class NotASession(Exception):
    """The file cannot be read as a session. The text says why, and contains no data."""


class OldSession(NamedTuple):
    """A session as Session3 stored it."""

    class_name: str
    """Module and class, such as `session3.Session.Session`."""
    attributes: dict[str, Any]
    """Plain data: numbers, text, bytes, None, and lists, tuples, sets and dictionaries of them."""
    left_out: tuple[str, ...]
    """The names of the attributes that contain anything else."""
    modified: float
    """When the file was written."""


def read(path: Path) -> OldSession:
    """Read one file, under Session3's lock."""
    data, modified = _contents(path)
    session = _unpickle(data)
    if not isinstance(session, _Foreign):
        raise NotASession(f"it contains a {type(session).__name__}, and no session")
    state = session.state
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise NotASession(f"an object of {session.named} without attributes")
    plain = {name: value for name, value in state.items() if _is_plain(value)}
    return OldSession(session.named, plain, tuple(name for name in state if name not in plain), modified)


def _contents(path: Path) -> tuple[bytes, float]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotASession(f"it cannot be opened ({error.strerror})") from error
    with open(file, "rb") as opened:
        fcntl.flock(file, fcntl.LOCK_SH)
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise NotASession("it is no regular file")
        if status.st_size == 0:
            raise NotASession("it is empty: a save was killed")
        if status.st_size > _LARGEST:
            raise NotASession(f"it has {status.st_size} bytes, more than a session may have")
        return opened.read(_LARGEST), status.st_mtime


class _Foreign:
    """Stands for an object of a class that is not imported."""

    named: str
    state: Any = None

    def __new__(cls, *arguments: Any, **options: Any) -> _Foreign:
        return super().__new__(cls)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return type("_Foreign", (_Foreign,), {"named": f"{module}.{name}"})


def _unpickle(data: bytes) -> Any:
    try:
        return _Unpickler(io.BytesIO(data)).load()
    # Whatever it is: a damaged pickle raises exceptions of many kinds, MemoryError included.
    except Exception as error:
        raise NotASession(f"it is no pickle that can be read ({type(error).__name__})") from error


def _is_plain(value: Any) -> bool:
    """Whether a value consists of plain data only. Each object is visited once: they may share parts, and form cycles."""
    seen: set[int] = set()
    left = [value]
    while left:
        value = left.pop()
        if type(value) in _PLAIN:
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) in _CONTAINERS:
            left.extend(value)
        elif type(value) is dict:
            left.extend(value)
            left.extend(value.values())
        else:
            return False
    return True


def seconds(value: Any) -> float | None:
    """A time as Session3 stores it; None if it is none."""
    return float(value) if type(value) in (int, float) and math.isfinite(value) and value >= 0 else None
