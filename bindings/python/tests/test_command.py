"""Python and the `session3` command on one directory, concurrently."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest
from conftest import TARGET
from session3_wasm import Contents, Store
from session3_wasm.manager import Manager

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def test_it_sees_what_python_stores(store: Store, session3: Command) -> None:
    info = store.create_session(Contents(b"of Python", "alice"))
    [line] = session3("ls", "--json").stdout.splitlines()
    listed = json.loads(line)
    assert (listed["id"], listed["owner"], listed["size"]) == (info.id, "alice", 9)
    shown = json.loads(session3("show", "--json", info.id).stdout)
    assert (shown["version"], shown["manager"]) == (1, False)
    assert info.id in session3("ls", "--owner", "alice").stdout
    assert json.loads(session3("stats", "--json").stdout)["sessions"] == 1


def test_python_sees_what_it_deletes(store: Store, session3: Command) -> None:
    info = store.create_session(Contents(b"", "alice"))
    assert session3("rm", info.id).returncode == 0
    assert store.load_session(info.id) is None
    store.create_session(Contents(b"", "alice"))
    assert session3("rm", "--owner", "alice").stdout == "deleted 1 session of alice\n"
    assert list(store.iter_sessions()) == []


def test_it_does_not_delete_what_python_has_locked(store: Store, session3: Command) -> None:
    id = store.create_session(Contents(b"")).id
    with store.lock_session(id):
        refused = session3("rm", id)
        assert refused.returncode == 1
        assert "another process holds the session" in refused.stderr
    assert store.has_session(id)


def test_it_waits_until_python_is_done(store: Store, session3: Command) -> None:
    id = store.create_session(Contents(b"")).id
    with ThreadPoolExecutor(1) as pool:
        with store.lock_session(id) as guard:
            deleted = pool.submit(session3, "rm", id)
            # It waits five seconds; a save meanwhile takes effect.
            for number in range(20):
                guard.save(Contents(b"%d" % number))
        assert deleted.result().stdout == "deleted 1 session\n"
    assert not store.has_session(id)


def test_both_exclude_each_other_when_the_lock_file_is_removed(
    store: Store, session3: Command, directory: Path
) -> None:
    id = store.create_session(Contents(b"")).id
    with store.lock_session(id) as guard:
        (directory / "session3.lock").unlink()
        refused = session3("rm", id)
        assert refused.returncode == 1
        assert "another process holds the session" in refused.stderr
        guard.save(Contents(b"saved"))
    assert session3("rm", id).returncode == 0
    assert not store.has_session(id)


def test_a_server_with_exclusive_use(directory: Path, session3: Command) -> None:
    alone = ("demo", "--scope", "process", "--listen", "127.0.0.1:0")
    line = [str(TARGET / "release" / "session3"), alone[0], "--dir", str(directory), *alone[1:]]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        assert "listening" in server.stdout.readline()
        store = Store(directory, create=True)
        with pytest.raises(OSError, match="--scope machine"):
            store.create_session(Contents(b""))
        server.kill()
    store.create_session(Contents(b""))
    refused = session3(*alone)
    assert refused.returncode == 1
    assert "other processes use it" in refused.stderr


@pytest.fixture
def demo(directory: Path) -> Iterator[HTTPConnection]:
    """The demo, served by `session3`."""
    line = [str(TARGET / "release" / "session3"), "demo", "--dir", str(directory), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        found = re.search(r"http://([\d.:]+)/", server.stdout.readline())
        assert found
        connection = HTTPConnection(found[1], timeout=60)
        yield connection
        connection.close()
        server.kill()


def test_python_and_a_server_increment_one_session(demo: HTTPConnection, directory: Path) -> None:
    """The demo's `increment` and ours use exclusive access: no increment is lost."""

    def increment(headers: dict[str, str]) -> str:
        demo.request("POST", "/increment", headers=headers)
        response = demo.getresponse()
        response.read()
        assert response.status == 303
        return response.getheader("Set-Cookie") or ""

    cookie = increment({}).partition(";")[0]
    manager = Manager(directory, {"cookie_name": "session3", "cookie_secure": False}, lock_wait=60)
    theirs = Thread(target=lambda: [increment({"Cookie": cookie}) for _ in range(100)])
    theirs.start()
    for _ in range(100):
        session = manager.start_request([cookie], access="exclusive")
        counter = session["counter"]
        assert isinstance(counter, int)
        session["counter"] = counter + 1
        session.finish()
    theirs.join()
    session = manager.start_request([cookie])
    assert session["counter"] == 201
    session.fail()
