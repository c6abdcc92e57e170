"""The response when a session cannot be opened or stored."""

from __future__ import annotations

from .errors import AccessDeniedError, BusyError, ConflictError, GoneError, NoSpaceError, SessionError

_STATUS = {
    ConflictError: "409 Conflict",
    GoneError: "409 Conflict",
    AccessDeniedError: "403 Forbidden",
    BusyError: "503 Service Unavailable",
    NoSpaceError: "507 Insufficient Storage",
}
HEADERS = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), ("Vary", "Cookie")]


def status_of(error: SessionError) -> str:
    """The status line for errors that the client may retry or must accept. Raises any other error."""
    status = _STATUS.get(type(error))
    if status is None:
        raise error
    return status


def body_of(status: str) -> bytes:
    """The response body for a status."""
    return f"{status}: the session could not be used. Please try again.\n".encode()
