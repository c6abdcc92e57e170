"""Why an operation was not done: one class for each case of the component's `error`."""

from __future__ import annotations


class SessionError(Exception):
    """An operation was not done. Unless it is `OutcomeUnknownError`, the session is as it was before.

    The text is for people; the class is for programs. Ids of the store may be in the text, data never.
    """


class InvalidIdError(SessionError):
    """The id is not 8 to 128 characters of `0-9 a-z _ -`."""


class InvalidArgumentError(SessionError):
    """An argument is outside its limits."""


class TooLargeError(SessionError):
    """The data has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the session's data has more than {limit} bytes")
        self.limit = limit


class AlreadyExistsError(SessionError):
    """The id, or at `setup` the directory, is taken."""


class GoneError(SessionError):
    """There is no such session to write to: deleted, renamed away, expired, or never created."""


class ConflictError(SessionError):
    """Another save came first. `version` is the version now."""

    def __init__(self, version: int) -> None:
        super().__init__(f"another request has changed the session meanwhile; its version is {version} now")
        self.version = version


class BusyError(SessionError):
    """Others held the session's lock for the whole wait, or too many wait for it."""


class DeadlockError(SessionError):
    """Waiting would never end: the holders wait for each other in a circle."""


class CorruptError(SessionError):
    """The session's file cannot be read as one. It was kept; the text says where."""


class NoSuchStoreError(SessionError):
    """The directory holds no store, and `create` was not asked for."""


class AccessDeniedError(SessionError):
    """The system does not allow it, or a guard or session that only reads."""


class NoSpaceError(SessionError):
    """The disk or the quota is full."""


class StorageError(SessionError):
    """The medium or the system failed."""


class UnavailableError(SessionError):
    """The server that keeps the sessions cannot be reached, and nothing was done. A store on a disk never raises it."""


class OutcomeUnknownError(SessionError):
    """The medium failed after the write may have taken effect. Load the session to learn what it holds."""


class OtherError(SessionError):
    """Anything else."""


class BrokenInstanceError(SessionError):
    """The component trapped. Its instance is gone and its locks are free; the next call makes a new one."""


class ForkedError(SessionError):
    """This process was forked from one that had used a store, and cannot use one. See the README on pre-forking."""


class UnreadableSessionError(SessionError):
    """The session's bytes are not what `loads` understands: another class, another version, another program."""


_TEXTS = {
    "already-exists": "it exists already",
    "gone": "the session is gone: deleted, expired, or never created",
    "busy": "others hold the session's lock",
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
