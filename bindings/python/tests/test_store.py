"""The store, through Python: conversion of values, and errors."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from session3_wasm import Contents, Store, errors
from session3_wasm.component import Instance, find


def test_life_of_a_session(store: Store) -> None:
    before = time.time()
    info = store.create_session(Contents(b"one", "alice", idle_timeout=60, deadline=before + 3600))
    assert (info.version, info.owner, info.size) == (1, "alice", 3)
    assert before - 1 < info.created == info.modified <= time.time()
    assert info.idle_timeout == 60 and info.deadline == pytest.approx(before + 3600, abs=0.001)
    assert store.save_session(info.id, Contents(b"two"), expected=1) == 2
    stored = store.load_session(info.id)
    assert stored and (stored.data, stored.info.version, stored.info.owner) == (b"two", 2, None)
    store.touch_session(info.id)
    assert store.rename_session(info.id, "another-id") == "another-id"
    assert (store.has_session(info.id), store.has_session("another-id")) == (False, True)
    assert [store.delete_session("another-id") for _ in range(2)] == [True, False]
    assert store.load_session("another-id") is None


def test_an_import_keeps_version_and_times(store: Store) -> None:
    id = store.create_session(Contents(b"one", "alice", deadline=time.time() + 3600)).id
    store.save_session(id, Contents(b"two", "alice", idle_timeout=60))
    stored = store.load_session(id)
    assert stored
    with pytest.raises(errors.AlreadyExistsError):
        store.import_session(stored)
    store.delete_session(id)
    store.import_session(stored)
    assert store.load_session(id) == stored


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000, 1 << 20])
def test_bytes_come_back(store: Store, size: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    stored = store.load_session(store.create_session(Contents(data)).id)
    assert stored and stored.data == data


def test_text_comes_back(store: Store) -> None:
    owner = "Zoë ☃ \U0001f600"
    info = store.create_session(Contents(b"", owner))
    assert [each.owner for each in store.sessions_of(owner)] == [owner]
    assert store.delete_sessions_of(owner) == 1
    assert not store.has_session(info.id)


def test_refusals(store: Store) -> None:
    id = store.create_session(Contents(b"")).id
    refused: list[tuple[type[Exception], Any]] = [
        (errors.InvalidIdError, lambda: store.load_session("Upper-case")),
        (errors.InvalidArgumentError, lambda: store.create_session(Contents(b"", ""))),
        (errors.TooLargeError, lambda: store.create_session(Contents(bytes((1 << 20) + 1)))),
        (errors.AlreadyExistsError, lambda: store.create_session(Contents(b""), id)),
        (errors.GoneError, lambda: store.save_session("no-such-session", Contents(b""))),
        (errors.ConflictError, lambda: store.save_session(id, Contents(b""), expected=7)),
        (TypeError, lambda: store.save_session(id, Contents("text"))),  # type: ignore[arg-type]
        (OverflowError, lambda: store.save_session(id, Contents(b""), expected=1 << 64)),
        (OverflowError, lambda: store.delete_old_sessions(-1)),
    ]
    for error, operation in refused:
        with pytest.raises(error):
            operation()
    stored = store.load_session(id)
    assert stored and stored.info.version == 1


def test_errors_carry_the_payload(store: Store) -> None:
    id = store.create_session(Contents(b"")).id
    with pytest.raises(errors.ConflictError) as conflict:
        store.save_session(id, Contents(b""), expected=7)
    assert conflict.value.version == 1
    with pytest.raises(errors.TooLargeError) as too_large:
        store.save_session(id, Contents(bytes(2 << 20)))
    assert too_large.value.limit == 1 << 20


def test_a_guard_excludes_and_ends(store: Store) -> None:
    id = store.create_session(Contents(b"one")).id
    with store.lock_session(id) as guard:
        stored = guard.load()
        assert stored and stored.data == b"one"
        with pytest.raises(errors.BusyError):
            store.lock_session(id, wait=0)
        assert guard.save(Contents(b"two"), expected=1) == 2
        assert guard.rename("another-id") == "another-id"
    with pytest.raises(ValueError, match="closed"):
        guard.load()
    with store.lock_session("another-id", "shared"), store.lock_session("another-id", "shared") as reader:
        with pytest.raises(errors.AccessDeniedError):
            reader.save(Contents(b"three"))
    forgotten = store.lock_session("another-id")
    del forgotten
    assert store.lock_session("another-id", wait=0).delete()


def test_listing_in_pages(directory: Path) -> None:
    store = Store(directory, create=True)
    ids = {store.create_session(Contents(b"")).id for _ in range(1003)}
    assert sorted(info.id for info in store.iter_sessions()) == sorted(ids)
    first = next(store.iter_sessions())  # A listing may be left.
    assert first.id in ids
    assert store.delete_old_sessions(0) == (1003, 0)


def test_garbage(store: Store) -> None:
    store.create_session(Contents(b"", deadline=time.time() - 1))
    assert store.collect_garbage(1000).expired == 1


def test_threads_share_a_store(store: Store) -> None:
    id = store.create_session(Contents(b"0")).id

    def increment(_: int) -> None:
        with store.lock_session(id, wait=60) as guard:
            stored = guard.load()
            assert stored
            guard.save(Contents(b"%d" % (int(stored.data) + 1)), stored.info.version)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(400)))
    stored = store.load_session(id)
    assert stored and stored.data == b"400"


def test_a_trap_ends_the_instance_and_nothing_else(store: Store) -> None:
    id = store.create_session(Contents(b"kept")).id
    broken = store._pool.take()
    held = broken.call("session-store/[method]store.lock-session", broken.handle, id, "exclusive", 0)
    assert held
    with pytest.raises(errors.BusyError):
        store.lock_session(id, wait=0)
    trap(broken)
    store._pool.give_back(broken)
    stored = store.load_session(id)
    assert stored and stored.data == b"kept"
    with store.lock_session(id, wait=0):
        pass


def trap(instance: Instance) -> None:
    """Using a dropped resource is a defect of the caller, and traps."""
    cursor = instance.call("session-store/[method]store.iter-sessions", instance.handle, None)
    instance.drop(cursor)
    with pytest.raises(errors.BrokenInstanceError):
        instance.call("session-store/[method]session-cursor.next-page", cursor, 1)
    assert instance.broken


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_directory_that_others_can_enter_is_refused(directory: Path, mode: int) -> None:
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(PermissionError, match="chmod 700"):
        Store(directory, create=True)


def test_no_directory(directory: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Store(directory)
    directory.write_text("")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        Store(directory, create=True)


def test_a_directory_with_lock_files_of_others_is_refused(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    (directory / "locks").mkdir()
    store = Store(directory, create=True)
    with pytest.raises(OSError, match="other hosts use"):
        store.has_session("some-id-")


def empty(directory: Path) -> None:
    """As an administrator does to log everyone out."""
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("how", ["emptied", "replaced", "removed"])
def test_a_directory_recreated_in_use(store: Store, directory: Path, how: str) -> None:
    old = store.create_session(Contents(b"old")).id
    guard = store.lock_session(old)
    if how == "emptied":
        guard.close()  # It would be waited for.
        empty(directory)
    else:
        directory.rename(directory.with_name("old"))
        if how == "replaced":
            directory.mkdir(mode=0o700)
        else:
            with pytest.raises(FileNotFoundError):
                store.load_session(old)
            directory.mkdir(mode=0o700)
    assert store.load_session(old) is None
    new = store.create_session(Contents(b"new")).id
    assert Store(directory).load_session(new) is not None
    guard.close()


def test_an_instance_of_a_deleted_store_is_not_reused(store: Store, directory: Path) -> None:
    """It would use the locks of the old store."""
    id = store.create_session(Contents(b"")).id
    with store._pool.lent() as one:
        empty(directory)
        Store(directory, create=True).setup()
        with pytest.raises(errors.NoSuchStoreError, match="open it again"):
            one.call("session-store/[method]store.delete-session", one.handle, id)
        assert one.broken


def test_a_directory_no_longer_private_is_refused(store: Store, directory: Path) -> None:
    store.create_session(Contents(b""))
    directory.rename(directory.with_name("old"))
    directory.mkdir(mode=0o755)
    with pytest.raises(PermissionError, match="chmod 700"):
        store.create_session(Contents(b""))


def test_links_are_not_locked(directory: Path, tmp_path: Path) -> None:
    store = Store(directory, create=True)
    (tmp_path / "target").touch()
    (directory / "session3.lock").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="session3.lock"):
        store.has_session("some-id-")


def test_the_search_path_of_the_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find().is_file()
    monkeypatch.delenv("SESSION3_COMPONENT")
    with pytest.raises(FileNotFoundError, match="SESSION3_COMPONENT"):
        find(tmp_path / "nothing.wasm")
