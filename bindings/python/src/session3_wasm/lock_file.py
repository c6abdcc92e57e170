"""Locks between processes: one byte of one file for each name, as the `session3` command takes them.

Open file description locks belong to the file opened here. The kernel releases them when it is closed, so also when the
process is killed. Another opening of the same file, in this process or another, is excluded.

One more byte of the file says that somebody uses it, or has it for itself. And since whoever opens another file at the
same path sees nothing of these, there are marks in the directory: whoever holds a lock in a file has a lock on one byte
of the directory, at the number of the file.
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

# A byte that no name has, as names are below 2^62: shared by all who use the file, or had by one alone.
_USERS = 1 << 62
# How often an opening is tried again when the file or its directory is replaced meanwhile.
_TRIES = 100
# A file in use is stamped with the time so often, in seconds: those who remove old files leave it alone then.
_REFRESH = 3600.0
# struct flock of 64-bit Linux: type, whence, start, length, process (must be 0).
_FLOCK = struct.Struct("hhqqi4x")

Identity = tuple[int, int]
"""Which file or directory, whatever its name: device and inode."""


def place(name: str) -> int:
    """Where in the file a name is: 62 bits of its hash. All programs that share the file must compute the same."""
    return xxhash.xxh3_64_intdigest(name.encode()) >> 2


def home_of(path: str) -> Identity:
    """The directory that a file is in now."""
    return _identity(os.stat(os.path.dirname(path)))


class LockFile:
    """A lock file, open, and what this process holds in it. One thread at a time may use it. OSError when it cannot be
    opened, is a link, its file system has no locks, or others use the directory whom it would not exclude."""

    def __init__(self, path: str) -> None:
        self._held: dict[int, int] = {}
        self._settled = False
        # The directory's and the file's.
        self._fds: list[int] = []
        try:
            self._open(path)
        except BaseException:
            self.close()
            raise
        uninterrupted.call_at_end(self, partial(_close, self._fds))
        forks.tell_child(self.close)
        self._refresh()

    def _open(self, path: str) -> None:
        directory = os.path.dirname(path)
        for _ in range(_TRIES):
            refuse_lock_files(directory)
            self._fds.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY))
            # A link could point to a file whose locks mean something else. Python adds O_CLOEXEC.
            self._fds.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            # First made, then looked: they do it in this order, too, and one of the two sees the other.
            refuse_lock_files(directory)
            self.home, self._identity = (_identity(os.fstat(fd)) for fd in self._fds)
            if self.is_at(path) and home_of(path) == self.home:
                _join(self._fds[1], path)
                return
            self.close()
        raise OSError(errno.EAGAIN, "it is replaced all the time", path)

    def is_at(self, path: str) -> bool:
        """Whether the path names this file."""
        try:
            return _identity(os.lstat(path)) == self._identity
        except FileNotFoundError:
            return False

    def try_lock(self, where: int, exclusive: bool) -> bool:
        """Take the lock for one in this process, and say whether it was to be had. The shared lock of a process is one
        for all its holders."""
        directory, file = self._fds
        self._settled = self._settled or not self._is_another_in_use()
        holders = self._held.get(where, 0)
        if not self._settled or (holders and exclusive):
            return False
        if not holders and not _try_set(file, where, fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK):
            return False
        if not self._held:
            # Tell those who use another file.
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
        """Give the lock back for one in this process."""
        directory, file = self._fds
        self._held[where] -= 1
        if not self._held[where]:
            del self._held[where]
            _set(file, where, fcntl.F_UNLCK)
            if not self._held:
                _set(directory, _mark(self._identity), fcntl.F_UNLCK)

    def close(self) -> None:
        """Close the file, and with it all its locks, unless a forked process has it too. In a forked child as well: it
        shares the locks of its parent, and would keep them after its death, or unlock them."""
        _close(self._fds)

    def _is_another_in_use(self) -> bool:
        """Whether somebody holds locks in another file of the directory."""
        mark = _mark(self._identity)
        return _is_locked(self._fds[0], 0, mark) or _is_locked(self._fds[0], mark + 1, 0)

    def _refresh(self) -> None:
        self._refreshed = time.monotonic()
        # That the stamp is old is no reason to give no lock.
        with suppress(OSError):
            os.utime(self._fds[1])


def _identity(info: os.stat_result) -> Identity:
    return info.st_dev, info.st_ino


def _mark(identity: Identity) -> int:
    return (identity[1] & ((1 << 62) - 1)) + 1


def _join(file: int, path: str) -> None:
    """Be one of the file's users, until it is closed."""
    if not _try_set(file, _USERS, fcntl.F_RDLCK):
        raise OSError(
            errno.EBUSY,
            "another process has it for itself, as a server with `--scope process` does; stop that one, "
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
    """Whether somebody else has a lock on one of these bytes; a length of 0 is all that follow."""
    found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))
    kind: int = _FLOCK.unpack(found)[0]
    return kind != fcntl.F_UNLCK


def _close(fds: list[int]) -> None:
    """Close the file and then its directory. Twice is no matter."""
    while fds:
        os.close(fds.pop())
