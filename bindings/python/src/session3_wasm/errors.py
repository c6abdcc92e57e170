"""Why an operation failed: one class per case of the component's `error`."""

from __future__ import annotations


class SessionError(Exception):
    """An operation failed. Except for `OutcomeUnknownError`, the session is unchanged.

    The text is for people; the class is for programs. The text may contain ids of the store, never data.
    """


class InvalidIdError(SessionError):
    """The id is not 8 to 128 characters of `0-9 a-z _ -`."""


class InvalidArgumentError(SessionError):
    """An argument is outside its limits."""


class TooLargeError(SessionError):
    """The data exceeds `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the session's data has more than {limit} bytes")
        self.limit = limit


class AlreadyExistsError(SessionError):
    """The id, or at `setup` the directory, is taken."""


class GoneError(SessionError):
    """There is no such session to write to: deleted, renamed away, expired, or never created."""


class ConflictError(SessionError):
    """Another save came first. `version` is the current version."""

    def __init__(self, version: int) -> None:
        super().__init__(f"another request has changed the session meanwhile; its version is {version} now")
        self.version = version


class BusyError(SessionError):
    """The wait for the session's lock timed out, or it has too many waiters."""


class DeadlockError(SessionError):
    """The wait would never end: it would close a cycle of waits."""


class CorruptError(SessionError):
    """The session's file is corrupt. It was quarantined; the text says where."""


class NoSuchStoreError(SessionError):
    """The directory holds no store, and `create` is not set."""


class AccessDeniedError(SessionError):
    """The system denies it, or the guard or session is read-only."""


class NoSpaceError(SessionError):
    """The disk or the quota is full."""


class StorageError(SessionError):
    """The medium or the system failed."""


class UnavailableError(SessionError):
    """The server of a remote store cannot be reached; nothing was done. File stores never raise it."""


class OutcomeUnknownError(SessionError):
    """The medium failed after the write may have taken effect. Load the session to learn what it holds."""


class OtherError(SessionError):
    """Anything else."""


class BrokenInstanceError(SessionError):
    """The component trapped. Its instance is gone and its locks are released; the next call creates a new one."""


class ForkedError(SessionError):
    """This process was forked from one that had used a store, so it cannot. See the README on pre-forking."""


class UnreadableSessionError(SessionError):
    """`loads` failed on the session's bytes: another class, another version, another program."""


_TEXTS = {
    "already-exists": "it already exists",
    "gone": "the session is gone: deleted, expired, or never created",
    "busy": "the session's lock is held",
    "deadlock": "waiting for the session's lock would never end",
}

_CLASSES: dict[str, type[SessionError]] = {
    "invalid-id": InvalidIdError,
    "invalid-argument": InvalidArgumentError,
    "too-large": TooLargeError,
    "already-exists": AlreadyExistsError,
    "gone": GoneError,
    "conflict": ConflictError,
    "busy": BusyError,
    "deadlock": DeadlockError,
    "corrupt": CorruptError,
    "no-such-store": NoSuchStoreError,
    "access-denied": AccessDeniedError,
    "no-space": NoSpaceError,
    "io": StorageError,
    "unavailable": UnavailableError,
    "outcome-unknown": OutcomeUnknownError,
    "other": OtherError,
}


def from_wit(case: str, payload: object) -> SessionError:
    """The error for a case of `session-store.error`."""
    return _CLASSES[case](_TEXTS[case] if payload is None else payload)
