"""An exception from a signal handler, such as Ctrl-C, between any two instructions leaves no lock behind."""

from __future__ import annotations

import fcntl
import gc
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import session3_wasm
from session3_wasm import Contents, DirectorySessionStore, Store, uninterrupted
from session3_wasm.errors import SessionError
from session3_wasm.manager import Manager

ID = "interrupted"
OURS = os.path.dirname(session3_wasm.__file__)
# Normally milliseconds.
SOON = 10.0

Work = Callable[[], None]


class Interruption(BaseException):
    """The exception of a handler."""


class User:
    """A stand-in for a session of session3."""

    def __init__(self) -> None:
        self.id = ID
        self.visits = 0


@pytest.fixture(autouse=True)
def ctrl_c_interrupts() -> Iterator[None]:
    """A shell starts what it runs in the background with SIGINT ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def works(directory: Path) -> Iterator[dict[str, Work]]:
    """Operations that take and release locks in every possible way."""
    store = Store(directory, create=True, lock_wait=SOON)
    store.create_session(Contents(b"0"), ID)
    manager = Manager(directory, {"cookie_name": "session", "cookie_secure": False}, lock_wait=SOON)
    session = manager.start_request([])
    session["count"] = 0
    [cookie] = [value.partition(";")[0] for name, value in session.finish() if name == "set-cookie"]
    sessions = DirectorySessionStore(directory, lock_wait=SOON)
    sessions.save_session(User())

    def guard() -> None:
        with store.lock_session(ID) as guard:
            guard.save(Contents(b"1"))

    def save() -> None:
        store.save_session(ID, Contents(b"2"))

    def request() -> None:
        session = manager.start_request([cookie], access="exclusive")
        session["count"] = 1
        session.finish()

    def failed_request() -> None:
        session = manager.start_request([cookie], access="exclusive")
        session.fail()

    def load_and_save() -> None:
        session = sessions.load_session(ID)
        session.visits += 1
        sessions.save_session(session)

    def load() -> None:
        sessions.load_session(ID)

    yield {work.__name__: work for work in (guard, save, request, failed_request, load_and_save, load)}
    store.close()
    manager.close()
    sessions.store.close()


NAMES = ["guard", "save", "request", "failed_request", "load_and_save", "load"]


@pytest.mark.parametrize("name", NAMES)
def test_between_any_two_lines(works: dict[str, Work], directory: Path, name: str) -> None:
    work = works[name]
    work()
    steps = 0
    with no_collector():
        while interrupted(work, steps):
            steps += 1
            await_no_locks(directory)
            # No wait is endless.
            if steps % 16 == 0:
                work()
    assert steps > 40


# Python drops exceptions in finalizers.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", NAMES)
def test_at_any_time(works: dict[str, Work], directory: Path, name: str) -> None:
    work = works[name]
    work()
    began = time.monotonic()
    work()
    takes = time.monotonic() - began
    interruptions = 0
    with no_collector(), handler():
        for _ in range(150):
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, takes * 1.5))
                try:
                    work()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Interruption:
                interruptions += 1
            await_no_locks(directory)
        work()
    # On a busy machine the time that the work takes is a guess.
    assert interruptions > 0


def test_a_wait_ends_at_once_and_its_place_is_free(directory: Path) -> None:
    store = Store(directory, create=True)
    store.create_session(Contents(b""), ID)
    with store.lock_session(ID), handler():
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Interruption):
            store.lock_session(ID, wait=60)
        assert time.monotonic() - began < SOON
    await_no_locks(directory)
    store.lock_session(ID, wait=0).close()


def test_a_wait_for_locks_in_a_removed_file_ends_at_once(directory: Path) -> None:
    store = Store(directory, create=True)
    store.create_session(Contents(b""), ID)
    store.create_session(Contents(b""), "another-one")
    with store.lock_session(ID), handler():
        (directory / "session3.lock").unlink()
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Interruption):
            store.lock_session("another-one", wait=60)
        assert time.monotonic() - began < SOON
    await_no_locks(directory)
    store.lock_session("another-one", wait=0).close()


# Python drops exceptions in finalizers.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_while_the_lock_file_is_replaced(works: dict[str, Work], directory: Path) -> None:
    interruptions = 0
    with no_collector(), handler():
        for number in range(150):
            (directory / "new.lock").touch(0o600)
            os.replace(directory / "new.lock", directory / "session3.lock")
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 0.005))
                try:
                    works[NAMES[number % len(NAMES)]]()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Interruption:
                interruptions += 1
            await_no_locks(directory)
    for name in NAMES:
        works[name]()
    # On a busy machine the time that the work takes is a guess.
    assert interruptions > 0
    deadline = time.monotonic() + SOON
    while any("session3.lock (deleted)" in file for file in open_files(directory)):
        assert time.monotonic() < deadline, "a file stays open that is not at the path any more"


def test_a_handler_may_use_the_store(directory: Path) -> None:
    """Even while the interrupted call is in progress."""
    store = Store(directory, create=True)
    store.create_session(Contents(b""), ID)
    found: list[bool] = []
    before = signal.signal(signal.SIGALRM, lambda *_: found.append(store.has_session(ID)))
    try:
        with store.lock_session(ID):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(SessionError):
                store.lock_session(ID, wait=0.2)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert found == [True]


SCRIPT = """
import sys
from session3_wasm import Contents, Store
store = Store(sys.argv[1])
print("ready", flush=True)
store.lock_session("interrupted", wait=60)
"""


def test_ctrl_c_ends_a_program_that_waits(directory: Path) -> None:
    store = Store(directory, create=True)
    store.create_session(Contents(b""), ID)
    with store.lock_session(ID):
        line = [sys.executable, "-c", SCRIPT, str(directory)]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout and process.stdout.readline() == "ready\n"
                # It is about to wait, or waiting: both must be interrupted.
                process.send_signal(signal.SIGINT)
                _, told = process.communicate(timeout=SOON)
            finally:
                process.kill()
    assert process.returncode == -signal.SIGINT
    assert told.rstrip().endswith("KeyboardInterrupt") and "atal" not in told
    await_no_locks(directory)


def test_a_signal_that_wakes_nothing_interrupts_all_the_same() -> None:
    """The system may deliver it just before the main thread blocks, or to another thread. Once, one Ctrl-C in 400 was
    without effect until the lock was free."""
    over, ended = threading.Event(), []

    def work() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        ended.append(not over.wait(SOON))

    with pytest.raises(KeyboardInterrupt):
        uninterrupted.run(work)
    assert ended == [], "it is interrupted while the work goes on"
    over.set()


def test_other_threads_need_no_worker(directory: Path) -> None:
    """Only the main thread has signals, and a worker."""
    store = Store(directory, create=True)
    store.create_session(Contents(b""), ID)
    failures: list[BaseException] = []

    def save() -> None:
        try:
            with store.lock_session(ID) as guard:
                guard.save(Contents(b"1"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    stored = store.load_session(ID)
    assert stored and stored.info.version == 5


def interrupted(work: Work, step: int) -> bool:
    """Call a function and raise an exception before the nth line of our code. Returns whether it was reached."""
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event in ("call", "line"):
            lines += 1
            if lines > step:
                raise Interruption
        return trace

    sys.settrace(trace)
    try:
        work()
    except Interruption:
        return True
    finally:
        sys.settrace(None)
    return False


class no_collector:
    """Nothing may depend on the cycle collector, which may never run."""

    def __enter__(self) -> None:
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()


class handler:
    """Makes SIGALRM raise an Interruption."""

    def __enter__(self) -> None:
        def interrupt(*_: object) -> None:
            raise Interruption

        self._before = signal.signal(signal.SIGALRM, interrupt)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)


def open_files(directory: Path) -> list[str]:
    """The files this process has open in a directory."""
    files = []
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            files.append(os.readlink(fd))
    return [file for file in files if file.startswith(str(directory))]


def await_no_locks(directory: Path) -> None:
    """In the end neither the lock file nor the directory, where locks in other files leave marks, has a lock, as a
    program sees them that shares nothing with us."""
    # The registration as a user of the file is beyond the last name.
    names = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 1 << 62, 0)
    for path in (directory / "session3.lock", directory):
        # A file that was removed is made again by the next lock, which may have been interrupted before that.
        if not path.exists():
            continue
        fd = os.open(path, os.O_RDONLY)
        deadline = time.monotonic() + SOON
        while fcntl.fcntl(fd, fcntl.F_OFD_GETLK, names)[:2] != struct.pack("h", fcntl.F_UNLCK):
            assert time.monotonic() < deadline, "a lock was left behind"
        os.close(fd)
