"""The WSGI middleware, between a validating server and all kinds of applications that PEP 3333 allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from session3_wasm import errors
from session3_wasm.manager import Manager
from session3_wasm.wsgi import KEY, SessionMiddleware
from workers import run_together
from wsgi_worker import counting, get, with_sessions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PLAIN = [("Content-Type", "text/plain")]


def cookie_of(headers: list[tuple[str, str]]) -> str:
    [cookie] = [value for name, value in headers if name.lower() == "set-cookie"]
    return cookie.partition(";")[0]


@pytest.fixture
def app(directory: Path) -> WSGIApplication:
    return with_sessions(counting, str(directory))


@pytest.fixture
def cookie(app: WSGIApplication) -> str:
    """Of a session that counts 1."""
    return cookie_of(get(app)[1])


def count(app: WSGIApplication, cookie: str) -> int:
    """The counter after one more request."""
    return int(get(app, cookie)[2])


def test_a_session_continues(app: WSGIApplication, cookie: str) -> None:
    status, headers, body = get(app, cookie)
    assert (status, body) == ("200 OK", b"2")
    assert ("Content-Type", "text/plain") in headers
    assert not [name for name, _ in headers if name.lower() == "set-cookie"]
    assert get(app)[2] == b"1"


def test_processes_lose_no_increment(directory: Path, cookie: str, app: WSGIApplication) -> None:
    answers = run_together("wsgi_worker.py", directory, cookie, 50)
    assert answers == [{"200 OK": 50}] * 4
    assert count(app, cookie) == 202


def test_generators(directory: Path, app: WSGIApplication, cookie: str) -> None:
    closed = []

    def streaming(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        try:
            environ[KEY]["count"] += 10
            start_response("200 OK", PLAIN)
            yield b""
            with pytest.raises(errors.SessionError, match="finished"):
                environ[KEY]["count"] += 10
            yield b"two "
            yield b"blocks"
        finally:
            closed.append(True)

    status, _, body = get(with_sessions(streaming, str(directory)), cookie)
    assert (status, body, closed) == ("200 OK", b"two blocks", [True])
    assert count(app, cookie) == 12


@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error"])
@pytest.mark.parametrize("how", ["/yield", "/write"])
def test_a_late_body_reads_the_session(
    directory: Path, app: WSGIApplication, cookie: str, status: str, how: str
) -> None:
    """As it was when the head was sent, without blocking others."""

    def streaming(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        session = environ[KEY]
        session.set_user("alice")
        session.update(count=session["count"] + 10, more=[1])
        write = start_response(status, PLAIN)

        def rest() -> Iterator[bytes]:
            assert (session.user, session["count"], session["more"]) == ("alice", 11, [1])
            assert (sorted(session), len(session), "none" in session, session.get("none")) == (
                ["count", "more"],
                2,
                False,
                None,
            )
            assert session.id is not None and repr(session) == "<Session, finished>"
            for change in (session.clear, session.expire, lambda: session.set_user("bob")):
                with pytest.raises(errors.SessionError, match="finished"):
                    change()
            with pytest.raises(errors.SessionError, match="finished"):
                session.take_flash("none")
            yield str(session["count"]).encode()

        if how == "/write":
            write(b"it is ")
            return list(rest())

        def blocks() -> Iterator[bytes]:
            yield b"it is "
            assert count(app, "") == 1
            yield from rest()

        return blocks()

    assert get(with_sessions(streaming, str(directory)), cookie, how)[::2] == (status, b"it is 11")


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ([], {"vary": "Cookie", "cache-control": "no-store"}),
        ([("Vary", "Accept-Encoding")], {"Vary": "Accept-Encoding, Cookie", "cache-control": "no-store"}),
        ([("Vary", "*"), ("Cache-Control", "private")], {"Vary": "*", "Cache-Control": "private"}),
        ([("Cache-Control", "Public, max-age=9")], {"vary": "Cookie", "cache-control": "no-store"}),
        ([("Cache-Control", 'private="x"')], {"vary": "Cookie", "cache-control": "no-store"}),
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
@pytest.mark.parametrize("late", [False, True])
def test_responses_made_from_a_session_are_private(
    directory: Path, cookie: str, own: list[tuple[str, str]], sent: dict[str, str], status: str, late: bool
) -> None:
    def showing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [*PLAIN, *own])
        blocks = [str(environ[KEY]["count"]).encode()]
        return iter(blocks) if late else blocks

    _, headers, body = get(with_sessions(showing, str(directory)), cookie)
    assert body == b"1"
    assert sorted(headers) == sorted([*PLAIN, *sent.items()])


def test_a_damaged_session_is_replaced(directory: Path, app: WSGIApplication, cookie: str) -> None:
    [file] = directory.glob(f"**/{cookie.partition('=')[2].partition('.')[0]}*")
    file.write_bytes(b"damaged")
    status, headers, body = get(app, cookie)
    assert (status, body) == ("200 OK", b"1")
    assert count(app, cookie_of(headers)) == 2


def test_an_empty_body(directory: Path, app: WSGIApplication, cookie: str) -> None:
    def silent(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[KEY]["count"] += 10
        start_response("200 OK", PLAIN)
        return []

    assert get(with_sessions(silent, str(directory)), cookie)[::2] == ("200 OK", b"")
    assert count(app, cookie) == 12


def test_write(directory: Path, app: WSGIApplication, cookie: str) -> None:
    def writing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[KEY]["count"] += 10
        write = start_response("200 OK", PLAIN)
        write(b"one, ")
        write(b"two, ")
        return [b"three"]

    assert get(with_sessions(writing, str(directory)), cookie)[::2] == ("200 OK", b"one, two, three")
    assert count(app, cookie) == 12


@pytest.mark.parametrize("status", ["500 Internal Server Error", "503 Service Unavailable"])
def test_errors_store_nothing(directory: Path, app: WSGIApplication, cookie: str, status: str) -> None:
    def failing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[KEY]["count"] += 10
        start_response("200 OK", PLAIN)
        try:
            raise RuntimeError("on purpose")
        except RuntimeError:
            import sys

            start_response(status, PLAIN, sys.exc_info())
        return [b"sorry"]

    assert get(with_sessions(failing, str(directory)), cookie)[::2] == (status, b"sorry")
    assert count(app, cookie) == 2


@pytest.mark.parametrize("when", ["before", "while"])
def test_exceptions_store_nothing_and_hold_nothing(
    directory: Path, app: WSGIApplication, cookie: str, when: str
) -> None:
    def raising(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[KEY]["count"] += 10
        start_response("200 OK", PLAIN)

        def blocks() -> Iterator[bytes]:
            raise RuntimeError("on purpose")
            yield b""

        if when == "before":
            raise RuntimeError("on purpose")
        return blocks()

    with pytest.raises(RuntimeError, match="on purpose"):
        get(with_sessions(raising, str(directory)), cookie)
    assert count(with_sessions(counting, str(directory)), cookie) == 2


def test_a_disconnected_client_stores_nothing(directory: Path, app: WSGIApplication, cookie: str) -> None:
    environ: dict[str, Any] = {"HTTP_COOKIE": cookie}
    response = app(environ, lambda *_: lambda _: None)
    response.close()  # type: ignore[attr-defined]
    assert count(app, cookie) == 2


def test_conflicts_are_answered(directory: Path, app: WSGIApplication, cookie: str) -> None:
    """The application's response is not sent, nor its cookie, however it is sent."""

    def late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[KEY]["count"] += 10
        assert count(app, cookie) > 1
        write = start_response("200 OK", [*PLAIN, ("X-Secret", "stored")])
        if environ["PATH_INFO"] == "/write":
            write(b"stored")
            write(b"really")
        return [b"stored", b"really"]

    for path in ["/", "/write"]:
        status, headers, body = get(with_sessions(late, str(directory), "optimistic"), cookie, path)
        assert status == "409 Conflict"
        assert "X-Secret" not in dict(headers)
        assert dict(headers)["Cache-Control"] == "no-store" and dict(headers)["Vary"] == "Cookie"
        assert body.startswith(b"409 Conflict") and b"stored" not in body
    assert count(app, cookie) == 4


def test_a_logout_meanwhile_is_answered(directory: Path, app: WSGIApplication, cookie: str) -> None:
    def log_out(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[KEY].expire()
        start_response("200 OK", PLAIN)
        return [b"bye"]

    def late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[KEY]["count"] += 10
        assert get(with_sessions(log_out, str(directory)), cookie)[2] == b"bye"
        start_response("200 OK", PLAIN)
        return [b"stored"]

    assert get(with_sessions(late, str(directory), "optimistic"), cookie)[0] == "409 Conflict"
    assert count(app, cookie) == 1


def test_busy_sessions_are_answered(directory: Path, app: WSGIApplication, cookie: str) -> None:
    impatient = SessionMiddleware(
        counting,
        Manager(directory, {"cookie_name": "session", "cookie_secure": False}, lock_wait=0),
        lambda environ: "exclusive",
    )
    manager = Manager(directory, {"cookie_name": "session", "cookie_secure": False})
    session = manager.start_request([cookie], access="exclusive")
    assert get(impatient, cookie)[0] == "503 Service Unavailable"
    session.fail()
    assert get(impatient, cookie)[0] == "200 OK"
