"""The lock file that a path names now.

A lock excludes those who lock in the same file, and the file at a path may be another one later: somebody removed it, or
replaced its directory. So a lock counts when three things hold, as the `session3` command sees to it, too: it was taken
in the file that is open here; after that, the path still names this file; and before the first lock in a file, nobody
held one in another file of the directory.
"""

from __future__ import annotations

import logging

from .lock_file import Identity, LockFile, home_of

_log = logging.getLogger(__name__)


class MovedError(OSError):
    """The directory is another one than when the instance began."""


class LockPath:
    """A path, and the lock file that was there when it was last looked at. One thread at a time may lock and unlock.
    OSError as for `LockFile`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = LockFile(path)

    def home(self) -> Identity:
        """The directory that the path leads to now. OSError when there is none."""
        return home_of(self.path)

    def try_lock(self, where: int, exclusive: bool, home: Identity | None) -> LockFile | None:
        """Take the lock for one in this process, who works in this directory if in any. The file to unlock it in; None
        when it was not to be had."""
        while True:
            file = self._file
            locked = file.try_lock(where, exclusive)
            if self._is_now(file):
                break
            if locked:
                file.unlock(where)
            self._file = LockFile(self.path)
            _log.warning("%s was removed or replaced; locks are taken in the file that is there now", self.path)
        if not locked:
            return None
        if home not in (None, file.home):
            file.unlock(where)
            raise MovedError("its directory was replaced meanwhile")
        return file

    def _is_now(self, file: LockFile) -> bool:
        try:
            return file.is_at(self.path)
        except OSError:
            # Opening it says why.
            return False
