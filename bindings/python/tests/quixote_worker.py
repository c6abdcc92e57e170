"""Sends increments through Quixote's publisher and Session3's own manager: STORE DIRECTORY COOKIE COUNT NUMBER."""

from __future__ import annotations

import io
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from quixote import get_session
from quixote.directory import Directory
from quixote.publish import Publisher
from session3.Session import Session
from session3.SessionManager import SessionManager
from session3.store.DirectorySessionStore import DirectorySessionStore as TheirStore
from session3_wasm import DirectorySessionStore as OurStore
from workers import report, wait_for_the_others


class CountingSession(Session):  # type: ignore[misc]
    counter = 0


class Pages(Directory):  # type: ignore[misc]
    _q_exports = ["login", "increment", "show", "fail", "logout"]

    def login(self) -> str:
        get_session().set_user("alice")
        return "hello"

    def increment(self) -> str:
        session = get_session()
        counter = session.counter
        time.sleep(0.001)  # What a page costs.
        session.counter = counter + 1
        return "done"

    def show(self) -> str:
        return str(getattr(get_session(), "counter", 0))

    def fail(self) -> str:
        get_session().counter += 1
        raise RuntimeError("on purpose")

    def logout(self) -> str:
        get_session().set_user(None)
        return "bye"


class Browser:
    """Requests without a network, with one cookie."""

    def __init__(self, store: Any, cookie: str = "") -> None:
        self.publisher = Publisher(Pages(), session_manager=SessionManager(store, CountingSession))
        self.publisher.logger.error_log = self.publisher.logger.access_log = io.StringIO()
        self.cookie = cookie

    def get(self, path: str) -> Any:
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": f"/{path}",
            "REMOTE_ADDR": "192.0.2.7",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "HTTP_COOKIE": self.cookie,
        }
        response = self.publisher.process(io.BytesIO(), environ)
        for name, morsel in response.cookies.items():
            self.cookie = f"{name}={morsel['value']}"
        return response

    def text(self, path: str) -> str:
        response = self.get(path)
        assert response.status_code == 200
        return b"".join(response.generate_body_chunks()).decode()


STORES: dict[str, Callable[[str], Any]] = {
    "session3": lambda directory: TheirStore(directory, create=True),
    "exclusive": lambda directory: OurStore(directory, create=True, lock_wait=60),
    "optimistic": lambda directory: OurStore(directory, create=True, exclusive=False),
}

if __name__ == "__main__":
    kind, directory, cookie, count = sys.argv[1:5]
    browser = Browser(STORES[kind](directory), cookie)
    browser.get("show")  # Everything is loaded and compiled.
    wait_for_the_others()
    statuses: Counter[int] = Counter()
    for _ in range(int(count)):
        browser.cookie = cookie  # Whatever an answer said.
        statuses[browser.get("increment").status_code] += 1
    report(statuses)
