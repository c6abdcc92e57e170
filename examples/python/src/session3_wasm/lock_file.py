"""Locks between processes: one byte of one file for each name, as the `session3` command takes them.

Open file description locks belong to the file opened here. The kernel releases them when it is closed, so also when the
process is killed. Another opening of the same file, in this process or another, is excluded.
"""

from __future__ import annotations

import fcntl
import os
import random
import struct
import time

import xxhash

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.010
# A byte that no name has: names are below 2^62.
_PROBE = 1 << 62
# struct flock of 64-bit Linux: type, whence, start, length, process (must be 0).
_FLOCK = struct.Struct("hhqqi4x")


def place(name: str) -> int:
    """Where in the file a name is: 62 bits of its hash. All programs that share the file must compute the same."""
    return xxhash.xxh3_64_intdigest(name.encode()) >> 2


class LockFile:
    """An open lock file. OSError when it cannot be opened, is a link, or its file system has no locks."""

    def __init__(self, path: str) -> None:
        # A link could point to a file whose locks mean something else. Python adds O_CLOEXEC.
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            self._set(_PROBE, fcntl.F_RDLCK)
            self._set(_PROBE, fcntl.F_UNLCK)
        except OSError:
            os.close(self._fd)
            raise

    def lock(self, where: int, exclusive: bool, deadline: float) -> bool:
        """Take the lock for this process, until `time.monotonic()` reaches the deadline. Says whether it was to be
        had."""
        kind = fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK
        pause = _FIRST_PAUSE
        while True:
            try:
                self._set(where, kind)
                return True
            except (BlockingIOError, PermissionError):
                left = deadline - time.monotonic()
            if left <= 0:
                return False
            # Up to a quarter more, so that processes do not look in step.
            time.sleep(min(left, pause * random.uniform(1, 1.25)))
            pause = min(_LONGEST_PAUSE, pause * 2)

    def unlock(self, where: int) -> None:
        """Give the lock back, whether or not this process has it."""
        self._set(where, fcntl.F_UNLCK)

    def close(self) -> None:
        """Close the file, and with it all its locks, unless a forked process has it too."""
        os.close(self._fd)

    def _set(self, where: int, kind: int) -> None:
        # Linux 3.15; elsewhere fcntl has no F_OFD_SETLK.
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, where, 1, 0))
