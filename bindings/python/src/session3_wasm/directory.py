"""The directory with the sessions: private, and ours.

WASI has no permission bits, so whoever may enter the directory may read every session in it, and whoever may write to
it may have a pickle of theirs loaded. The checks are those of the `session3` command.
"""

from __future__ import annotations

import os
import stat
from os import PathLike


def check(path: str | PathLike[str], create: bool) -> str:
    """The absolute path of a directory, made with mode 0700 if `create` asks for it.

    FileNotFoundError, NotADirectoryError, or PermissionError when it is another user's or others have access to it.
    """
    path = os.fspath(path)
    if create:
        os.makedirs(path, mode=0o700, exist_ok=True)
    info = os.stat(path)
    if not stat.S_ISDIR(info.st_mode):
        raise NotADirectoryError(f"{path} is not a directory")
    # Root is refused as well: what it writes here, the server could not read.
    if info.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to user {info.st_uid} and this is user {os.geteuid()}")
    if info.st_mode & 0o077:
        raise PermissionError(
            f"other users have access to {path} (mode {stat.S_IMODE(info.st_mode):03o}) "
            f"and could read the sessions; run `chmod 700 {path}` first"
        )
    return os.path.realpath(path)


def refuse_lock_files(path: str) -> None:
    """OSError when hosts without locks of their own use the directory: they exclude each other by files in there, which
    locks of the system know nothing of. To be asked when the lock file is there: such a host looks for that, too."""
    if os.path.isdir(os.path.join(path, "locks")):
        raise OSError(f"other hosts use {path}, by the lock files in {path}/locks; give another directory")


def lock_file(path: str) -> str:
    """The lock file of a store: where the `session3` command has it."""
    return os.path.join(path, "session3.lock")


def store_in(path: str) -> tuple[int, int] | None:
    """Which file says that a directory is a store: device and inode; None when there is none."""
    try:
        info = os.stat(os.path.join(path, "session3.store"))
    except OSError:
        return None
    return info.st_dev, info.st_ino
