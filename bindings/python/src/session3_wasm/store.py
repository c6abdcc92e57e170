"""The store: `session-store` of the contract, typed. Sessions are bytes, under ids of 8 to 128 of `0-9 a-z _ -`.

Every method may raise a `SessionError`; see its subclasses. Times are seconds since 1970, durations seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from types import TracebackType
from typing import Any, Literal, NamedTuple

from wasmtime.component import ResourceAny

from . import directory as directories
from . import uninterrupted
from .component import Instance, find, load
from .pool import Pool

Durability = Literal["relaxed", "durable"]
"""`relaxed`: an acknowledged save survives the death of the process; a power cut may lose the last seconds. `durable`:
it survives a power cut as well, at the cost of one sync."""

Mode = Literal["shared", "exclusive"]

_PAGE = 1000
_NEXT_PAGE = "session-store/[method]session-cursor.next-page"


class Contents(NamedTuple):
    """The contents of a session."""

    data: bytes
    """At most `size_limit` bytes."""
    owner: str | None = None
    """The user that owns the session: 1 to 256 bytes."""
    idle_timeout: float | None = None
    """It expires this long after it was last saved, touched or renamed."""
    deadline: float | None = None
    """It expires at this time, whatever its activity."""


class SessionInfo(NamedTuple):
    """A session without its data."""

    id: str
    version: int
    """1 at creation, incremented by each save."""
    owner: str | None
    created: float
    modified: float
    last_active: float
    idle_timeout: float | None
    deadline: float | None
    size: int
    """Bytes of data."""


class StoredSession(NamedTuple):
    """A session as returned by a load."""

    info: SessionInfo
    data: bytes


class GarbageReport(NamedTuple):
    """The result of one step of garbage collection."""

    examined: int
    """Files examined."""
    expired: int
    """Expired sessions deleted."""
    abandoned: int
    """Deleted remains of killed instances."""
    repaired: int
    """Sessions added to the index of owners, where they were missing."""
    resume: str | None
    """Where to resume; None at the end of the store."""


class Store:
    """A directory of sessions. All threads of a process may share it; each process opens its own, forked ones included.

    `directory` must be private to its owner: PermissionError otherwise, and other kinds of OSError if it cannot be
    used. With `create`, directory and store are created if missing. `size_limit` in bytes: default 1 MiB, at most 16
    MiB. `lock_wait` in seconds: default 5, at most 60. `component`: see `component.find`. Nothing is compiled or opened
    before the first call.
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        *,
        create: bool = False,
        durability: Durability = "relaxed",
        size_limit: int | None = None,
        lock_wait: float | None = None,
        component: str | PathLike[str] | None = None,
    ) -> None:
        self.directory = directories.check(directory, create)
        self.options = (create, durability, size_limit, to_milliseconds(lock_wait))
        self._component = find(component).resolve()
        self._pool = Pool(self._open)

    def setup(self) -> None:
        """Create the store. AlreadyExistsError if there is one: nothing is overwritten."""
        instance = self.new_instance()
        try:
            instance.call("session-store/[static]store.setup", ".", self.options)
        finally:
            instance.close()

    def create_session(self, contents: Contents, id: str | None = None) -> SessionInfo:
        """Create a session, with a random id unless one is given. AlreadyExistsError if the id is taken: no session is
        ever replaced."""
        return _info(self._call("create-session", id, _lowered(contents)))

    def load_session(self, id: str) -> StoredSession | None:
        """Load the newest complete record, or None if the session is missing or expired."""
        return _stored(self._call("load-session", id))

    def save_session(self, id: str, contents: Contents, expected: int | None = None) -> int:
        """Replace the contents of an existing session, and return its new version.

        GoneError if it does not exist; ConflictError if `expected` is not its current version.
        """
        version: int = self._call("save-session", id, _lowered(contents), expected)
        return version

    def touch_session(self, id: str) -> None:
        """Record that the session is in use. Data and version are unchanged."""
        self._call("touch-session", id)

    def delete_session(self, id: str) -> bool:
        """Delete a session. Returns whether it existed."""
        return bool(self._call("delete-session", id))

    def has_session(self, id: str) -> bool:
        """Whether a load would find a session."""
        return bool(self._call("has-session", id))

    def rename_session(self, id: str, new_id: str | None = None) -> str:
        """Atomically give a session a new id, which is returned. The old one never works again."""
        return str(self._call("rename-session", id, new_id))

    def import_session(self, session: StoredSession) -> None:
        """Import a session loaded from another store, with its id, version and times. AlreadyExistsError if the id is
        taken."""
        self._call("import-session", _lowered_session(session))

    def lock_session(self, id: str, mode: Mode = "exclusive", wait: float | None = None) -> Guard:
        """Lock a session, waiting at most `wait` seconds (default `lock_wait`). BusyError, DeadlockError."""
        milliseconds = to_milliseconds(wait)
        return self._pool.lend(
            lambda instance: Guard(self._pool, instance, _method(instance, "lock-session", id, mode, milliseconds))
        )

    def delete_old_sessions(self, minutes: int) -> tuple[int, int]:
        """Delete the sessions last used at least `minutes` ago. Returns how many were deleted, and how many remain."""
        deleted, remaining = self._call("delete-old-sessions", minutes)
        return deleted, remaining

    def collect_garbage(self, budget: int, resume: str | None = None) -> GarbageReport:
        """Delete garbage, examining about `budget` files."""
        return GarbageReport(*self._call("collect-garbage", budget, resume))

    def iter_sessions(self) -> Iterator[SessionInfo]:
        """List the sessions that have not expired. Unreadable ones are omitted."""
        return self._listed("iter-sessions", None)

    def sessions_of(self, owner: str) -> Iterator[SessionInfo]:
        """List one owner's sessions, oldest first."""
        return self._listed("sessions-of", owner)

    def count_sessions_of(self, owner: str) -> int:
        """Count one owner's sessions without reading them: occasionally too many, never too few."""
        return int(self._call("count-sessions-of", owner))

    def delete_sessions_of(self, owner: str) -> int:
        """Delete one owner's sessions, and return how many there were."""
        return int(self._call("delete-sessions-of", owner))

    def is_multiprocess_safe(self) -> bool:
        """The component's answer for processes."""
        return bool(self._call("is-multiprocess-safe"))

    def is_thread_safe(self) -> bool:
        """The component's answer for threads."""
        return bool(self._call("is-thread-safe"))

    def close(self) -> None:
        """Close the idle instances. The store remains usable."""
        self._pool.close()

    def new_instance(self) -> Instance:
        """A new instance for this directory, with nothing open yet."""
        return uninterrupted.run(lambda: Instance(load(self._component), self.directory))

    def _open(self) -> Instance:
        instance = self.new_instance()
        try:
            instance.handle = instance.call("session-store/[static]store.open", ".", self.options)
        except BaseException:
            instance.close()
            raise
        return instance

    def _listed(self, name: str, argument: str | None) -> Iterator[SessionInfo]:
        with self._pool.lent() as instance:
            cursor = _method(instance, name, argument)
            try:
                while True:
                    page, unreadable = instance.call(_NEXT_PAGE, cursor, _PAGE)
                    if not page and not unreadable:
                        break
                    yield from map(_info, page)
            finally:
                if not instance.broken:
                    instance.drop(cursor)

    def _call(self, name: str, *arguments: Any) -> Any:
        with self._pool.lent() as instance:
            return _method(instance, name, *arguments)


class Guard:
    """A locked session. Use it in a `with` block, or `close` it; the end of its last reference unlocks it, too. A
    shared guard can only load."""

    def __init__(self, pool: Pool, instance: Instance, resource: ResourceAny) -> None:
        self._pool = pool
        self._resource = resource
        # Empty once closed, so as not to keep the instance alive.
        self._instances = [instance]

    def load(self) -> StoredSession | None:
        """See `Store.load_session`."""
        return _stored(self._call("load"))

    def save(self, contents: Contents, expected: int | None = None) -> int:
        """See `Store.save_session`."""
        version: int = self._call("save", _lowered(contents), expected)
        return version

    def delete(self) -> bool:
        """See `Store.delete_session`."""
        return bool(self._call("delete"))

    def rename(self, new_id: str | None = None) -> str:
        """See `Store.rename_session`. The session stays locked under its new id."""
        return str(self._call("rename", new_id))

    def close(self) -> None:
        """Unlock."""
        if self._instances:
            instance = self._instances.pop()
            self._pool.take_back(instance, lambda: instance.drop(self._resource))

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, name: str, *arguments: Any) -> Any:
        if not self._instances:
            raise ValueError("the guard is closed")
        return self._instances[0].call(f"session-store/[method]session-guard.{name}", self._resource, *arguments)


def to_milliseconds(seconds: float | None) -> int | None:
    """A duration or a time in the contract's unit."""
    return None if seconds is None else round(seconds * 1000)


def to_seconds(milliseconds: int | None) -> float | None:
    """The reverse."""
    return None if milliseconds is None else milliseconds / 1000


def _method(instance: Instance, name: str, *arguments: Any) -> Any:
    return instance.call(f"session-store/[method]store.{name}", instance.handle, *arguments)


def _lowered(contents: Contents) -> tuple[Any, ...]:
    data, owner, idle_timeout, deadline = contents
    return data, owner, to_milliseconds(idle_timeout), to_milliseconds(deadline)


def _lowered_session(session: StoredSession) -> tuple[Any, ...]:
    id, version, owner, created, modified, last_active, idle_timeout, deadline, size = session.info
    times = to_milliseconds(created), to_milliseconds(modified), to_milliseconds(last_active)
    limits = to_milliseconds(idle_timeout), to_milliseconds(deadline)
    return (id, version, owner, *times, *limits, size), session.data


def _info(value: Any) -> SessionInfo:
    id, version, owner, created, modified, last_active, idle_timeout, deadline, size = value
    times = created / 1000, modified / 1000, last_active / 1000
    return SessionInfo(id, version, owner, *times, to_seconds(idle_timeout), to_seconds(deadline), size)


def _stored(value: Any) -> StoredSession | None:
    return None if value is None else StoredSession(_info(value[0]), value[1])
