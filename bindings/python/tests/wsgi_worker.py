"""Sends increments through the WSGI middleware: DIRECTORY COOKIE COUNT NUMBER."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from session3_wasm.manager import Manager
from session3_wasm.wsgi import KEY, SessionMiddleware
from workers import report, wait_for_the_others

if TYPE_CHECKING:
    from collections.abc import Iterable
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def counting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    session = environ[KEY]
    session["count"] = session.get("count", 0) + 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % session["count"]]


def with_sessions(app: WSGIApplication, directory: str, access: Any = "exclusive") -> WSGIApplication:
    manager = Manager(directory, {"cookie_name": "session", "cookie_secure": False}, lock_wait=60)
    return SessionMiddleware(app, manager, access)


def get(app: WSGIApplication, cookie: str = "", path: str = "/") -> tuple[str, list[tuple[str, str]], bytes]:
    """A request from a validating server: both sides are checked against PEP 3333."""
    environ: dict[str, Any] = {"HTTP_COOKIE": cookie, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    heads: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        heads.append((status, headers))
        return written.append

    response = validator(app)(environ, start_response)
    try:
        body = b"".join(response)
    finally:
        response.close()  # type: ignore[attr-defined]
    [(status, headers)] = heads
    return status, headers, b"".join(written) + body


if __name__ == "__main__":
    directory, cookie, count, _ = sys.argv[1:]
    app = with_sessions(counting, directory)
    get(with_sessions(counting, directory))  # Everything is loaded and compiled.
    wait_for_the_others()
    report(Counter(get(app, cookie)[0] for _ in range(int(count))))
