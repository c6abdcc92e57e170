"""Locks between processes: one byte of one file per name, compatible with the `session3` command.

Open file description locks belong to the description opened here. The kernel releases them when it is closed, and so
when the process is killed. They exclude every other description of the file, in this process or another.

One more byte of the file is locked by its users, shared or exclusively. A process that opens another file at the same
path cannot see these locks, so there are marks in the directory: a process that holds a lock in a file also locks one
byte of the directory, at the file's inode number.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from contextlib import suppress
from functools import partial

import xxhash

from . import forks, uninterrupted
from .directory import refuse_lock_files

# A byte that no name maps to, as names are below 2^62: locked by all users of the file, or by one exclusively.
_USERS = 1 << 62
# Attempts to open the file while it or its directory is being replaced.
_TRIES = 100
# How often, in seconds, the mtime of a file in use is updated, so that cleaners of old files spare it.
_REFRESH = 3600.0
# struct flock of 64-bit Linux: type, whence, start, length, process (must be 0).
_FLOCK = struct.Struct("hhqqi4x")

Identity = tuple[int, int]
"""Identifies a file or directory whatever its name: device and inode."""


def offset(name: str) -> int:
    """The offset of a name in the file: 62 bits of its hash. All programs that share the file must compute the same."""
    return xxhash.xxh3_64_intdigest(name.encode()) >> 2


def home_of(path: str) -> Identity:
    """The current directory of a file."""
    return _identity(os.stat(os.path.dirname(path)))


class LockFile:
    """An open lock file, and the locks that this process holds in it. Only one thread at a time may use it. OSError if
    it cannot be opened, is a link, its file system has no locks, or hosts that it would not exclude use the
    directory."""

    def __init__(self, path: str) -> None:
        self._held: dict[int, int] = {}
        self._settled = False
        # Of the directory and the file.
        self._fds: list[int] = []
        try:
            self._open(path)
        except BaseException:
            self.close()
            raise
        uninterrupted.call_at_end(self, partial(_close, self._fds))
        forks.call_in_child(self.close)
        self._refresh()

    def _open(self, path: str) -> None:
        directory = os.path.dirname(path)
        for _ in range(_TRIES):
            refuse_lock_files(directory)
            self._fds.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY))
            # A link could point to a file whose locks mean something else. Python adds O_CLOEXEC.
            self._fds.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            # Create, then check: hosts with lock files use the same order, so one of the two sees the other.
            refuse_lock_files(directory)
            self.home, self._identity = (_identity(os.fstat(fd)) for fd in self._fds)
            if self.is_at(path) and home_of(path) == self.home:
                _register(self._fds[1], path)
                return
            self.close()
        raise OSError(errno.EAGAIN, "it keeps being replaced", path)

    def is_at(self, path: str) -> bool:
        """Whether the path names this file."""
        try:
            return _identity(os.lstat(path)) == self._identity
        except FileNotFoundError:
            return False

    def try_lock(self, where: int, exclusive: bool) -> bool:
        """Try to take the lock for one holder in this process. Returns whether it was free. All shared holders of a
        process share one file lock."""
        directory, file = self._fds
        self._settled = self._settled or not self._is_another_in_use()
        holders = self._held.get(where, 0)
        if not self._settled or (holders and exclusive):
            return False
        if not holders and not _try_set(file, where, fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK):
            return False
        if not self._held:
            # For users of another file.
            try:
                _set(directory, _mark(self._identity), fcntl.F_RDLCK)
            except OSError:
                _set(file, where, fcntl.F_UNLCK)
                raise
        self._held[where] = holders + 1
        if time.monotonic() - self._refreshed >= _REFRESH:
            self._refresh()
        return True

    def unlock(self, where: int) -> None:
        """Release the lock for one holder in this process."""
        directory, file = self._fds
        self._held[where] -= 1
        if not self._held[where]:
            del self._held[where]
            _set(file, where, fcntl.F_UNLCK)
            if not self._held:
                _set(directory, _mark(self._identity), fcntl.F_UNLCK)

    def close(self) -> None:
        """Close the file, which releases its locks unless a forked process has it open too. Also called in a forked
        child: it shares the locks of its parent, and would keep them after the parent's death, or unlock them."""
        _close(self._fds)

    def _is_another_in_use(self) -> bool:
        """Whether locks are held in another file of the directory."""
        mark = _mark(self._identity)
        return _is_locked(self._fds[0], 0, mark) or _is_locked(self._fds[0], mark + 1, 0)

    def _refresh(self) -> None:
        self._refreshed = time.monotonic()
        # A failure does not prevent locking.
        with suppress(OSError):
            os.utime(self._fds[1])


def _identity(info: os.stat_result) -> Identity:
    return info.st_dev, info.st_ino


def _mark(identity: Identity) -> int:
    return (identity[1] & ((1 << 62) - 1)) + 1


def _register(file: int, path: str) -> None:
    """Register as a user of the file, until it is closed."""
    if not _try_set(file, _USERS, fcntl.F_RDLCK):
        raise OSError(
            errno.EBUSY,
            "another process uses it exclusively, such as a server with `--scope process`; stop that one, "
            "or run it with `--scope machine`",
            path,
        )


def _try_set(file: int, where: int, kind: int) -> bool:
    try:
        _set(file, where, kind)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _set(file: int, where: int, kind: int) -> None:
    # Linux 3.15; elsewhere fcntl has no F_OFD_SETLK.
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, where, 1, 0))


def _is_locked(file: int, start: int, length: int) -> bool:
    """Whether another description has a lock in this range; a length of 0 extends to the end."""
    found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))
    kind: int = _FLOCK.unpack(found)[0]
    return kind != fcntl.F_UNLCK


def _close(fds: list[int]) -> None:
    """Close the file and then its directory. Idempotent."""
    while fds:
        os.close(fds.pop())
