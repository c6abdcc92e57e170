"""The example application over HTTP: two processes on one directory; and the same with Session3's own store."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

APP = Path(__file__).parents[1] / "quixote_app.py"
OURS = "from session3_wasm import DirectorySessionStore"
THEIRS = "from session3.store.DirectorySessionStore import DirectorySessionStore"


class Server:
    """A browser's view of one process. Each response closes the connection, as the server accepts one at a time."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, cookie: str = "") -> tuple[int, str, str]:
        """Status, body, and the cookie that was set."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Cookie": cookie, "Connection": "close"})
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body, (response.getheader("Set-Cookie") or "").partition(";")[0]


@contextmanager
def serving(app: Path, directory: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, str(app), str(directory), str(port)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < deadline
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        yield Server(port)
        process.kill()


@pytest.fixture(params=["ours", "theirs"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The application as it is, and with the original line."""
    if request.param == "ours":
        return APP
    lines = APP.read_text().splitlines()
    assert lines.count(OURS) == 1
    app = tmp_path / "quixote_app.py"
    app.write_text("\n".join(THEIRS if line == OURS else line for line in lines))
    return app


def test_the_application(app: Path, directory: Path) -> None:
    with serving(app, directory) as one, serving(app, directory) as two:
        assert one.get("/") == (200, "nobody: 0\n", "")
        status, _, cookie = one.get("/login?user=alice")
        assert status == 302 and cookie
        for server in (one, two, one):
            assert server.get("/increment", cookie)[0] == 302
        assert two.get("/", cookie)[1] == "alice: 3\n"
        assert two.get("/fail", cookie)[0] == 500
        assert one.get("/", cookie)[1] == "alice: 3\n"
        two.get("/logout", cookie)
        assert one.get("/", cookie)[1] == "nobody: 0\n"


def test_sessions_outlive_the_server(directory: Path) -> None:
    with serving(APP, directory) as server:
        _, _, cookie = server.get("/login?user=alice")
    with serving(APP, directory) as server:
        assert server.get("/", cookie)[1] == "alice: 0\n"
