"""Sessions of Session3's own store, taken over."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import quixote.publish
from quixote_worker import STORES, Browser, CountingSession
from session3_wasm import DirectorySessionStore, Store
from session3_wasm.import_session3 import import_sessions, main
from session3_wasm.session3_pickle import NotASession, read
from session3_wasm.session3_store import stored_id
from test_session3 import id_of

CLASS = ("quixote_worker.CountingSession",)


@pytest.fixture(autouse=True)
def no_publisher() -> Iterator[None]:
    yield
    quixote.publish.cleanup()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A directory of Session3's own store."""
    path = tmp_path / "old"
    path.mkdir()
    return path


def session(id: str, **attributes: Any) -> CountingSession:
    made: CountingSession = CountingSession.__new__(CountingSession)
    times = {"_creation_time": 1_700_000_000.25, "_access_time": 1_700_000_100.5}
    made.__dict__.update({"id": id, "user": None, "_remote_address": "192.0.2.7", "_form_tokens": []})
    made.__dict__.update(times, **attributes)
    return made


def write(directory: Path, id: str, value: Any) -> None:
    (directory / id).write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, 4))


def imported(old: Path, store: Store, lines: list[str] | None = None) -> tuple[int, int, int, int]:
    said: list[str] = [] if lines is None else lines
    report = import_sessions(old, store, classes=CLASS, tell=said.append)
    return report.imported, report.already_there, report.incomplete, report.failed


def test_users_stay_logged_in(old: Path, directory: Path, session3: Callable[..., Any]) -> None:
    before = Browser(STORES["session3"](str(old)))
    before.get("login")
    before.get("increment")
    quixote.publish.cleanup()
    store = Store(directory, create=True)
    assert imported(old, store) == (1, 0, 0, 0)
    after = Browser(DirectorySessionStore(directory), before.cookie)
    assert after.text("show") == "1"
    after.get("increment")
    assert after.text("show") == "2"
    assert (old / id_of(before)).exists(), "the old directory is only read"
    [listed] = session3("ls", "--json", "--owner", "alice").stdout.splitlines()
    assert json.loads(listed)["id"] == stored_id(id_of(before))


def test_times_and_plain_attributes_are_kept(old: Path, store: Store) -> None:
    cart = {"items": [1, "two", (3.0, None)], "seen": {b"x"}}
    write(old, "0123456789abcdef", session("0123456789abcdef", user="alice", cart=cart, twice=[cart, cart]))
    os.utime(old / "0123456789abcdef", (0, 1_700_000_050.75))
    assert imported(old, store) == (1, 0, 0, 0)
    stored = store.load_session(stored_id("0123456789abcdef"))
    assert stored is not None
    info = stored.info
    assert (info.version, info.owner) == (1, "alice")
    assert (info.created, info.modified, info.last_active) == (1_700_000_000.25, 1_700_000_050.75, 1_700_000_100.5)
    assert b"0123456789abcdef" not in stored.data, "the cookie is not stored"
    loaded = DirectorySessionStore(store.directory).load_session("0123456789abcdef")
    assert type(loaded) is CountingSession
    assert (loaded.cart, loaded.twice, loaded.user) == (cart, [cart, cart], "alice")
    assert imported(old, store) == (0, 1, 0, 0), "a second run finds it there"


class Calls:
    """Unpickled as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_no_code_runs(old: Path, store: Store, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    write(old, "whole", Calls(os.mkdir, str(trace)))
    write(old, "attribute", session("attribute", bad=Calls(os.mkdir, str(trace)), good=1))
    write(old, "in-a-list", session("in-a-list", bad=[1, {"x": Calls(exec, f"open({str(trace)!r}, 'w')")}]))
    write(old, "user", session("user", user=Calls(os.mkdir, str(trace))))
    lines: list[str] = []
    assert imported(old, store, lines) == (2, 0, 2, 2)
    assert not trace.exists()
    said = "\n".join(lines)
    assert f"{stored_id('attribute')}: imported without bad: not plain data" in said
    assert f"{stored_id('whole')}: not imported: an object of posix.mkdir without attributes" in said
    assert f"{stored_id('user')}: not imported: its user is not plain data" in said
    loaded = DirectorySessionStore(store.directory).load_session("attribute")
    assert loaded.good == 1 and not hasattr(loaded, "bad")
    trace.mkdir()  # It could have been made.


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "a save was killed"),
        (b"garbage", "no pickle that can be read"),
        (pickle.dumps(session("truncated"), 4)[:-9], "no pickle that can be read"),
        (b"\x80\x04r\xff\xff\xff\xff.", "no pickle that can be read"),
        (b"\x80\x04\x8e" + b"\xff" * 8 + b".", "no pickle that can be read"),
        (pickle.dumps({"id": "a dictionary"}), "contains a dict, and no session"),
        (pickle.dumps(session("another-id"), 4), "not the name of its id"),
    ],
)
def test_what_is_no_session_is_named(old: Path, store: Store, data: bytes, words: str) -> None:
    write(old, "0123456789abcdef", data)
    write(old, "the-other", session("the-other"))
    lines: list[str] = []
    assert imported(old, store, lines) == (1, 0, 0, 1)
    [line] = lines
    assert line.startswith(stored_id("0123456789abcdef")) and words in line
    assert "0123456789abcdef" not in line, "the cookie is not printed"


def test_files_that_are_not_regular(old: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(pickle.dumps(session("link"), 4))
    (old / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(old / "fifo")
    for name in ("link", "fifo"):
        with pytest.raises(NotASession):
            read(old / name)


def test_the_class_of_an_application_is_named(old: Path, store: Store) -> None:
    write(old, "0123456789abcdef", session("0123456789abcdef"))
    lines: list[str] = []
    report = import_sessions(old, store, tell=lines.append)
    assert (report.imported, report.failed) == (0, 1)
    assert "its class is quixote_worker.CountingSession; if it is a session's, add --session-class" in lines[0]


def test_times_that_cannot_be(old: Path, store: Store) -> None:
    start = time.time()
    for number, wrong in enumerate([float("nan"), float("inf"), -1, "yesterday", 4e12, None]):
        id = f"session-{number}"
        write(old, id, session(id, _creation_time=wrong, _access_time=wrong))
    assert imported(old, store) == (6, 0, 0, 0)
    for info in store.iter_sessions():
        assert start - 60 < info.created <= info.last_active <= time.time()


def test_the_command(old: Path, directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(old, "0123456789abcdef", session("0123456789abcdef", user="alice"))
    line = [str(old), str(directory), "--session-class", *CLASS, "--json"]
    assert main(line) == 0
    counts = {"imported": 1, "already_there": 0, "incomplete": 0, "failed": 0}
    assert json.loads(capsys.readouterr().out) == counts
    # It needs neither Quixote nor Session3 nor the application.
    command = [sys.executable, "-m", "session3_wasm.import_session3", *line[:-1]]
    again = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == "imported 0 sessions, 0 of them without some attributes; 1 were there already; 0 failed\n"
    assert main([str(tmp_path / "missing"), str(directory)]) == 1
    assert "missing" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([str(old), str(directory), "--session-class", "os.system\ncposix"])
    assert ended.value.code == 2
