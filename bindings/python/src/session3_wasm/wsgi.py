"""A WSGI middleware (PEP 3333): the session of a request is `environ["session3.session"]`, a dictionary.

Set-Cookie precedes the body, so the request is finished when the application yields the first block: after that, a
generator reads the session as it was then, and changes raise SessionError. A response of 500 and above stores nothing.
Responses made from a session are kept out of shared caches (`header_fields`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from . import header_fields, refusal
from .errors import CorruptError, SessionError
from .manager import Access, HeaderField, Manager, Session

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "session3.session"
_log = logging.getLogger(__name__)


class SessionMiddleware:
    """Gives each request of an application its session. `access` may be a function of the environ, to choose per
    request.

    If a session cannot be opened or stored, the response is 409, 403, 503 or 507; other errors propagate to the server.
    A damaged session is logged and replaced by a new one.
    """

    def __init__(
        self,
        app: WSGIApplication,
        manager: Manager,
        access: Access | Callable[[WSGIEnvironment], Access] = "optimistic",
    ) -> None:
        self._app, self._manager, self._access = app, manager, access

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            environ[KEY] = session = self._start(environ)
        except SessionError as error:
            status = refusal.status_of(error)
            start_response(status, refusal.HEADERS)
            return [refusal.body_of(status)]
        return _Response(self._app, environ, start_response, session)

    def _start(self, environ: WSGIEnvironment) -> Session:
        cookies = [environ["HTTP_COOKIE"]] if "HTTP_COOKIE" in environ else []
        access = self._access(environ) if callable(self._access) else self._access
        client = environ.get("REMOTE_ADDR"), environ.get("HTTP_USER_AGENT")
        try:
            return self._manager.start_request(cookies, *client, access)
        except CorruptError as error:
            _log.warning("replacing a damaged session by a new one: %s", error)
            return self._manager.start_request([], *client, access)


class _Response(Iterator[bytes]):
    """The response iterable. The head is held back until the session is finished."""

    def __init__(self, app: WSGIApplication, environ: WSGIEnvironment, start: StartResponse, session: Session) -> None:
        self._start = start
        self._session: Session | None = session
        self._head: tuple[Any, ...] = ()
        self._body: Iterable[bytes] = ()
        self._refused = False
        try:
            self._body = app(environ, self._start_response)
            self._blocks = iter(self._body)
        except BaseException:
            self._end("500")
            raise

    def _start_response(self, status: str, headers: list[HeaderField], exc_info: Any = None, /) -> Any:
        if self._session is None:  # The head is sent: the server decides.
            return self._start(status, headers, exc_info)
        if self._head and not exc_info:
            raise AssertionError("start_response was called again without exc_info")
        self._head = (status, headers, exc_info) if exc_info else (status, headers)
        return self._write

    def _write(self, block: bytes) -> None:
        instead = self._send_head(more_to_come=True)
        if instead or not self._refused:
            self._server_write(instead or block)

    def __next__(self) -> bytes:
        try:
            block = None if self._refused else next(self._blocks, None)
        except BaseException:
            self._end("500")
            raise
        instead = self._send_head(not isinstance(self._body, (list, tuple))) if self._head else None
        if instead is None and block is None:
            raise StopIteration
        return instead or block or b""

    def _send_head(self, more_to_come: bool) -> bytes | None:
        """Finish the session and send the head, once. Returns a replacement for the body if the session was not
        stored."""
        if self._session is None:
            return None
        status, headers, *exc_info = self._head
        try:
            fields = self._end(status, more_to_come)
        except SessionError as error:
            self._refused = True
            status = refusal.status_of(error)
            self._server_write = self._start(status, refusal.HEADERS)
            return refusal.body_of(status)
        self._server_write = self._start(status, header_fields.merged(headers, fields), *exc_info)
        return None

    def _end(self, status: str, keep: bool = False) -> list[HeaderField]:
        session, self._session = self._session, None
        if session is None:
            return []
        return session.fail(keep=keep) if status >= "500" else session.finish(keep=keep)

    def close(self) -> None:
        """Called last by the server, also after the client has disconnected."""
        try:
            getattr(self._body, "close", lambda: None)()
        finally:
            self._end("500")
