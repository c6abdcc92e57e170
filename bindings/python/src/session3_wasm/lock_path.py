"""The lock file that a path currently names.

A lock excludes only locks in the same file, and the path may come to name another one when the file or its directory is
removed or replaced. So a lock is valid only under three conditions, which the `session3` command observes too: it was
taken in the file that is open here; after that, the path still names this file; and before the first lock in a file, no
lock is held in another file of the directory.
"""

from __future__ import annotations

import logging

from .lock_file import Identity, LockFile, home_of

_log = logging.getLogger(__name__)


class MovedError(OSError):
    """The directory was replaced since the instance was created."""


class LockPath:
    """A path, and the lock file that was last found there. Only one thread at a time may lock and unlock. OSError as
    for `LockFile`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = LockFile(path)

    def home(self) -> Identity:
        """The directory that the path currently leads to. OSError if there is none."""
        return home_of(self.path)

    def try_lock(self, where: int, exclusive: bool, home: Identity | None) -> LockFile | None:
        """Take the lock for one holder in this process, whose directory is `home` if given. Returns the file to unlock
        it in, or None if it was not free."""
        while True:
            file = self._file
            locked = file.try_lock(where, exclusive)
            if self._is_current(file):
                break
            if locked:
                file.unlock(where)
            self._file = LockFile(self.path)
            _log.warning("%s was removed or replaced; locks are taken in the current file", self.path)
        if not locked:
            return None
        if home not in (None, file.home):
            file.unlock(where)
            raise MovedError("its directory was replaced meanwhile")
        return file

    def _is_current(self, file: LockFile) -> bool:
        try:
            return file.is_at(self.path)
        except OSError:
            # Reopening raises the error.
            return False
