"""The directory of the sessions: private to this user.

WASI has no permission bits, so any user who may enter the directory may read every session in it, and any user who may
write to it may have a pickle loaded. The checks are those of the `session3` command.
"""

from __future__ import annotations

import os
import stat
from os import PathLike


def check(path: str | PathLike[str], create: bool) -> str:
    """The absolute path of a directory, created with mode 0700 if missing and `create` is set.

    FileNotFoundError, NotADirectoryError, or PermissionError if it is another user's or others have access to it.
    """
    path = os.fspath(path)
    if create:
        os.makedirs(path, mode=0o700, exist_ok=True)
    info = os.stat(path)
    if not stat.S_ISDIR(info.st_mode):
        raise NotADirectoryError(f"{path} is not a directory")
    # Also for root: the server could not read the files it creates.
    if info.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to user {info.st_uid} and this is user {os.geteuid()}")
    if info.st_mode & 0o077:
        raise PermissionError(
            f"other users have access to {path} (mode {stat.S_IMODE(info.st_mode):03o}) "
            f"and could read the sessions; run `chmod 700 {path}` first"
        )
    return os.path.realpath(path)


def refuse_lock_files(path: str) -> None:
    """OSError if hosts without native locks use the directory: they use lock files, which file locks do not exclude.
    Call it once the lock file exists: such a host checks for that in turn."""
    if os.path.isdir(os.path.join(path, "locks")):
        raise OSError(f"other hosts use {path}, with the lock files in {path}/locks; give another directory")


def lock_file(path: str) -> str:
    """The lock file of a store, at the path that the `session3` command uses."""
    return os.path.join(path, "session3.lock")


def store_in(path: str) -> tuple[int, int] | None:
    """The identity of the store in a directory: device and inode of its marker, or None without a store."""
    try:
        info = os.stat(os.path.join(path, "session3.store"))
    except OSError:
        return None
    return info.st_dev, info.st_ino
