"""Forking servers: a fork before the store is used works, one after that is an error rather than a hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, sys
from session3_wasm import Contents, DirectorySessionStore, Store, errors

sessions = DirectorySessionStore(sys.argv[1], create=True)
store = Store(sys.argv[1], create=True)
if "{when}" == "after use":
    store.create_session(Contents(b""))
    sessions.load_session("some id")
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        try:
            if number == 0:
                sessions.load_session("some id")
            for _ in range(10):
                id = store.create_session(Contents(b"of a child")).id
                with store.lock_session(id) as guard:
                    assert guard.load().data == b"of a child"
            os._exit(0)
        except errors.ForkedError:
            os._exit(42)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
store.create_session(Contents(b"of the parent"))
print(codes, len(list(store.iter_sessions())))
"""


def run(directory: Path, when: str) -> str:
    script = SCRIPT.format(when=when)
    # A hanging child would hang this test.
    return subprocess.run(
        [sys.executable, "-c", script, str(directory)], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_forked_before_use(directory: Path) -> None:
    assert run(directory, "before use") == "[0, 0, 0] 31\n"


def test_forked_after_use(directory: Path) -> None:
    assert run(directory, "after use") == "[42, 42, 42] 2\n"


POOL = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from session3_wasm import Contents, Store

def work(number):
    return Store(sys.argv[1], create=True).create_session(Contents(b"")).version

if __name__ == "__main__":
    work(0)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        print(list(pool.map(work, range(4))))
"""


def test_processes_that_are_not_forked(directory: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(POOL)
    done = subprocess.run(
        [sys.executable, script, directory],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ),
    )
    assert done.stdout == "[1, 1, 1, 1]\n"
