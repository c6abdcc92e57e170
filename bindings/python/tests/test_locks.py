"""Locks within a process, between processes, and after the death of one."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from session3_wasm.lock_file import offset
from session3_wasm.lock_path import MovedError
from session3_wasm.locks import Lock, LockError, LockSpace


@pytest.fixture
def space(tmp_path: Path) -> LockSpace:
    return LockSpace.of(str(tmp_path / "session3.lock"))


def why(space: LockSpace, owner: object, name: str, exclusive: bool = True, wait: float = 0) -> str | None:
    """Why a lock is refused, or None if it is granted. It is released again."""
    try:
        space.acquire(owner, name, exclusive, wait).release()
    except LockError as error:
        return error.why
    return None


def test_offsets_match_the_rust_host() -> None:
    assert offset("session") == 2_467_561_390_796_611_410


def test_one_space_per_file(space: LockSpace, tmp_path: Path) -> None:
    assert LockSpace.of(f"{tmp_path}/./session3.lock") is space
    assert (tmp_path / "session3.lock").stat().st_mode & 0o777 == 0o600


def test_modes(space: LockSpace) -> None:
    reader = space.acquire("a", "n", False, 0)
    assert (why(space, "b", "n", False), why(space, "b", "n", True)) == (None, "timed-out")
    reader.release()
    reader.release()  # Twice is no harm.
    writer = space.acquire("a", "n", True, 0)
    assert (why(space, "b", "n", False), why(space, "b", "other")) == ("timed-out", None)
    writer.release()
    assert why(space, "b", "n") is None
    assert space._queues == {}


def test_a_wait_for_itself_is_a_deadlock(space: LockSpace) -> None:
    one, two = space.acquire("a", "1", True, 0), space.acquire("b", "2", True, 0)
    assert why(space, "a", "1", wait=60) == "deadlock"
    waiting = threading.Thread(target=lambda: space.acquire("a", "2", True, 60).release())
    waiting.start()
    await_waiters(space, "2", 1)
    assert why(space, "b", "1", wait=60) == "deadlock"
    two.release()
    waiting.join()
    one.release()


def test_waiters_are_served_in_order(space: LockSpace) -> None:
    """A reader does not overtake an earlier writer."""
    order: list[str] = []
    first = space.acquire("first", "n", False, 0)

    def wait(name: str, exclusive: bool) -> None:
        lock = space.acquire(name, "n", exclusive, 60)
        order.append(name)
        lock.release()

    threads = []
    for number, (name, exclusive) in enumerate([("writer", True), ("reader", False), ("writer 2", True)]):
        threads.append(threading.Thread(target=wait, args=(name, exclusive)))
        threads[-1].start()
        await_waiters(space, "n", number + 1)
    first.release()
    for thread in threads:
        thread.join()
    assert order == ["writer", "reader", "writer 2"]


def test_waits_are_bounded(space: LockSpace) -> None:
    with held_elsewhere(space, "n"):
        assert why(space, "b", "n", wait=0.02) == "timed-out"
    lock = space.acquire("a", "n", True, 0)
    assert why(space, "b", "n", wait=0.02) == "timed-out"
    lock.release()
    assert (why(space, "b", "n"), space._waits) == (None, {})


def test_a_release_may_come_from_a_finalizer(space: LockSpace) -> None:
    """It may run on the thread that is working on the queues."""
    lock = space.acquire("a", "n", True, 0)
    with space._mutex:
        lock.release()
        assert space._queues
    assert why(space, "b", "n") is None


def test_a_lock_ends_with_its_last_reference(space: LockSpace, tmp_path: Path) -> None:
    lock = space.acquire("a", "n", True, 0)
    in_a_cycle: list[object] = [space.acquire("a", "in a cycle", True, 0)]
    in_a_cycle.append(in_a_cycle)
    del lock, in_a_cycle
    assert why(space, "b", "n") is None
    gc.collect()
    assert why(space, "b", "in a cycle") is None


def test_the_end_of_a_lock_admits_others(space: LockSpace, tmp_path: Path) -> None:
    """Waiters as well as other processes, without another call here."""
    lock = space.acquire("a", "n", True, 0)
    waiting = threading.Thread(target=lambda: space.acquire("b", "n", True, 60).release())
    waiting.start()
    await_waiters(space, "n", 1)
    del lock
    waiting.join()
    lock = space.acquire("a", "n", True, 0)
    assert is_held(tmp_path)
    del lock
    while space._queues:
        pass
    assert not is_held(tmp_path)


def test_processes(space: LockSpace) -> None:
    with held_elsewhere(space, "n"):
        assert (why(space, "b", "n", False), why(space, "b", "other")) == ("timed-out", None)
    with held_elsewhere(space, "n", "shared"):
        assert (why(space, "b", "n", False), why(space, "b", "n", True)) == (None, "timed-out")
    # The other was killed, which released its lock.
    assert why(space, "b", "n") is None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # The child has no need of the threads.
def test_a_forked_child_neither_keeps_nor_releases(space: LockSpace, tmp_path: Path) -> None:
    lock = space.acquire("a", "n", True, 0)
    lives, dies = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(dies)
        lock.release()
        os.read(lives, 1)
        os._exit(0)
    try:
        assert is_held(tmp_path)
        lock.release()
        assert not is_held(tmp_path)
    finally:
        os.close(dies)
        os.waitpid(child, 0)
        os.close(lives)


def test_the_file_is_closed_with_the_last_reference(tmp_path: Path) -> None:
    space = LockSpace.of(str(tmp_path / "another.lock"))
    lock: Lock = space.acquire("a", "n", True, 0)
    open_files = len(os.listdir("/proc/self/fd"))
    del space, lock
    # With its directory.
    while len(os.listdir("/proc/self/fd")) != open_files - 2:
        gc.collect()


def test_a_holder_excludes_others_after_the_file_is_removed(space: LockSpace, tmp_path: Path) -> None:
    with held_elsewhere(space, "n"):
        (tmp_path / "session3.lock").unlink()
        # Whatever its name: the locks in the old file are no longer visible.
        assert (why(space, "b", "n"), why(space, "b", "other", wait=0.05)) == ("timed-out", "timed-out")
        assert is_held(tmp_path)
    lock = space.acquire("b", "n", True, 0)
    assert is_held(tmp_path)
    lock.release()
    assert not is_held(tmp_path)


def test_own_locks_in_a_removed_file_are_waited_for(space: LockSpace, tmp_path: Path) -> None:
    reader = space.acquire("a", "n", False, 0)
    (tmp_path / "session3.lock").write_text("")  # The same file.
    os.replace(tmp_path / "session3.lock", tmp_path / "old")
    assert (why(space, "b", "n", False), why(space, "b", "other")) == ("timed-out", "timed-out")
    assert is_held(tmp_path)
    late: list[Lock] = []
    waiting = threading.Thread(target=lambda: late.append(space.acquire("b", "n", False, 60)))
    waiting.start()
    reader.release()
    waiting.join()
    assert is_held(tmp_path)
    late[0].release()
    assert not is_held(tmp_path)


def test_an_owner_whose_directory_was_replaced_gets_no_lock(tmp_path: Path) -> None:
    directory = tmp_path / "sessions"
    directory.mkdir()
    space = LockSpace.of(str(directory / "session3.lock"))
    home = space.home()
    space.acquire("a", "n", True, 0, home).release()
    directory.rename(tmp_path / "old")
    with pytest.raises(FileNotFoundError):
        space.acquire("a", "n", True, 0, home)
    directory.mkdir()
    with pytest.raises(MovedError):
        space.acquire("a", "n", True, 0, home)
    assert space._queues == {}
    space.acquire("b", "n", True, 0, space.home()).release()
    shutil.rmtree(tmp_path / "old")


def test_the_mtime_is_fresh_while_the_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "session3.lock"
    file.touch()
    os.utime(file, (0, 0))
    space = LockSpace.of(str(file))
    assert file.stat().st_mtime > 0
    os.utime(file, (0, 0))
    assert why(space, "a", "n") is None
    assert file.stat().st_mtime == 0  # Not at every lock.
    monkeypatch.setattr("session3_wasm.lock_file._REFRESH", 0.0)
    assert why(space, "a", "n") is None
    assert file.stat().st_mtime > 0


def await_waiters(space: LockSpace, name: str, count: int) -> None:
    while len(space._queues[offset(name)].waiters) < count:
        pass


@contextmanager
def held_elsewhere(space: LockSpace, name: str, mode: str = "exclusive") -> Iterator[None]:
    """Another process holds a lock, and is finally killed."""
    line = [sys.executable, str(Path(__file__).with_name("lock_worker.py")), space._path.path, name, mode, "0"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and "holds" in process.stdout.readline()
        yield
        process.kill()


def is_held(folder: Path) -> bool:
    """Whether the lock `n` of the folder's file is held, as seen by a new process."""
    script = "import sys; from session3_wasm.locks import *; LockSpace.of(sys.argv[1]).acquire(0, 'n', True, 0)"
    done = subprocess.run([sys.executable, "-c", script, str(folder / "session3.lock")], capture_output=True, text=True)
    assert done.returncode == 0 or "timed-out" in done.stderr, done.stderr
    return done.returncode != 0
