"""Session3's store interface on the component, for an unmodified `session3.SessionManager`.

The README lists the differences from `session3.store.DirectorySessionStore`.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, NamedTuple

from .directory import lock_file
from .errors import InvalidIdError, UnreadableSessionError
from .request_lock import Hold, RequestLocks
from .store import Contents, Durability, Store, StoredSession

_PICKLE_PROTOCOL = 4  # Session3's.
# The attribute that records what a session was loaded from. Never stored.
_LOADED = "_session3_wasm_loaded"
# Not in the stored bytes: the id is the secret in the cookie, and the store tracks the last use, so that a request that
# changes nothing else writes no data.
NOT_STORED = (_LOADED, "id", "_access_time")


class StoredId(str):
    """The id of a session in the store, as returned by `iter_sessions` and shown by `session3 ls`.

    It is a hash of the id in the cookie, and cannot be used as a cookie. The store's methods accept either.
    """


class _Loaded(NamedTuple):
    version: int
    data: bytes
    hold: Hold | None


class DirectorySessionStore:
    """Sessions as files in a directory, for all processes and threads of a machine.

    With `exclusive`, the default, a loaded session is locked until it is saved, deleted or no longer referenced; other
    requests wait for at most `lock_wait` seconds (BusyError). Otherwise requests run concurrently, and if two change a
    session, `save_session` of the second raises ConflictError.

    A session that is deleted during a request stays deleted: `save_session` raises GoneError.

    `idle_timeout` in seconds: sessions expire when unused for this long; None: never, as with Session3. `dumps` and
    `loads` convert sessions to bytes and back, by default with pickle. A user that is a string becomes the session's
    owner, for `session3 ls --owner`. For the other arguments see `Store`.
    """

    is_multiprocess_safe = True
    is_thread_safe = True

    def __init__(
        self,
        directory: str | PathLike[str],
        create: bool = False,
        *,
        exclusive: bool = True,
        lock_wait: float = 5.0,
        idle_timeout: float | None = None,
        durability: Durability = "relaxed",
        size_limit: int | None = None,
        dumps: Callable[[Any], bytes] | None = None,
        loads: Callable[[bytes], Any] = pickle.loads,
        component: str | PathLike[str] | None = None,
    ) -> None:
        self.store = Store(
            directory,
            create=create,
            durability=durability,
            size_limit=size_limit,
            lock_wait=lock_wait,
            component=component,
        )
        """The underlying store, for operations that Session3's interface lacks."""
        self._locks = RequestLocks(lock_file(self.store.directory), lock_wait) if exclusive else None
        self._idle_timeout = idle_timeout
        self._dumps = dumps or _pickle
        self._loads = loads

    def load_session(self, id: str, default: Any = None) -> Any:
        """Return the session, or `default` if there is none. Each load returns a new object."""
        name = stored_id(id)
        hold = self._locks.hold(name) if self._locks else None
        stored = self.store.load_session(name)
        return default if stored is None else self._loaded(id, stored, hold)

    def save_session(self, session: Any) -> None:
        """Store a session. One that was not loaded from here is new: AlreadyExistsError if its id is taken.

        An unchanged session is not written; only its use is recorded. GoneError, ConflictError: see the class. Saving
        releases the session to other requests.
        """
        if not session.id:
            raise InvalidIdError("the session has no id")
        name = stored_id(session.id)
        loaded: _Loaded | None = vars(session).get(_LOADED)
        contents = self._contents(session)
        if loaded is None:
            version = self.store.create_session(contents, name).version
        elif contents.data == loaded.data:
            self.store.touch_session(name)
            version = loaded.version
        else:
            version = self.store.save_session(name, contents, loaded.version)
        if loaded and loaded.hold:
            loaded.hold.release()
        vars(session)[_LOADED] = _Loaded(version, contents.data, None)

    def delete_session(self, session: Any) -> None:
        """Delete a session. A no-op if it is already gone."""
        self.store.delete_session(stored_id(session.id))
        loaded: _Loaded | None = vars(session).get(_LOADED)
        if loaded and loaded.hold:
            loaded.hold.release()

    def has_session(self, id: str) -> bool:
        """Whether there is a session. Does not wait for requests."""
        return self.store.has_session(stored_id(id))

    def iter_sessions(self) -> Iterator[tuple[StoredId, Any]]:
        """List all sessions as (id, session), each in its current state, without waiting for requests.

        The ids are the store's (`StoredId`), also in the sessions: the ids in cookies are not stored.
        """
        for info in self.store.iter_sessions():
            id = StoredId(info.id)
            stored = self.store.load_session(id)
            if stored is not None:
                yield id, self._loaded(id, stored, None)

    def setup(self) -> None:
        """Create the store. AlreadyExistsError if there is one: nothing is overwritten."""
        self.store.setup()

    def delete_old_sessions(self, minutes: int) -> tuple[int, int]:
        """Delete the sessions last used at least `minutes` ago. Returns how many were deleted, and how many remain."""
        return self.store.delete_old_sessions(minutes)

    def _loaded(self, id: str, stored: StoredSession, hold: Hold | None) -> Any:
        try:
            session = self._loads(stored.data)
        except Exception as error:
            raise UnreadableSessionError(
                f"the session {stored.info.id} cannot be read ({type(error).__name__})"
            ) from error
        loaded = _Loaded(stored.info.version, stored.data, hold)
        vars(session).update({"id": id, "_access_time": stored.info.last_active, _LOADED: loaded})
        return session

    def _contents(self, session: Any) -> Contents:
        attributes = vars(session)
        left_out = {name: attributes.pop(name) for name in NOT_STORED if name in attributes}
        try:
            data = self._dumps(session)
        finally:
            attributes.update(left_out)
        return Contents(data, owner_of(getattr(session, "user", None)), self._idle_timeout)


def stored_id(id: str) -> StoredId:
    """The id in the store of a session: the SHA-256 of its Session3 id, in hexadecimal.

    Session3's ids contain characters that the store does not allow, and authenticate the client.
    """
    return id if isinstance(id, StoredId) else StoredId(hashlib.sha256(id.encode(errors="surrogatepass")).hexdigest())


def _pickle(session: Any) -> bytes:
    return pickle.dumps(session, _PICKLE_PROTOCOL)


def owner_of(user: Any) -> str | None:
    """The owner in the store of a session with this user: the user, if it is text."""
    return (
        user
        if isinstance(user, str) and 1 <= len(user.encode(errors="replace")) <= 256 and user.isprintable()
        else None
    )
