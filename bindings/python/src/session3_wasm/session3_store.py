"""Session3's store interface on the component: for `session3.SessionManager`, unchanged.

What a Quixote application gets beyond `session3.store.DirectorySessionStore`: see the README.
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
# Where a session remembers what it was loaded from. Never stored.
_LOADED = "_session3_wasm_loaded"
# Not in the stored bytes: the id is the secret in the cookie, and when the session was last used is the store's to
# know, so that a request which changes nothing else writes no data.
_NOT_STORED = (_LOADED, "id", "_access_time")


class StoredId(str):
    """The name of a session in the store, as `iter_sessions` gives it and `session3 ls` shows it.

    It is a hash of the id in the cookie: who sees it cannot use it as a cookie. The store's methods take either.
    """


class _Loaded(NamedTuple):
    version: int
    data: bytes
    hold: Hold | None


class DirectorySessionStore:
    """Sessions as files in a directory, for all processes and threads of a machine.

    With `exclusive`, the default, a session that is loaded is this request's alone until it is saved, deleted or no
    longer referenced; others wait, at most `lock_wait` seconds (BusyError). Without it requests run side by side, and
    the second of two that have changed a session gets a ConflictError from `save_session`.

    A session that was deleted while a request worked on it stays deleted: `save_session` raises GoneError.

    `idle_timeout` in seconds: sessions expire when unused for so long; None: never, as with Session3. `dumps` and
    `loads` turn sessions into bytes and back; pickle unless given. A user that is a string becomes the session's owner,
    for `session3 ls --owner`. The other arguments: see `Store`.
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
        """The store below, for what Session3's interface has no name for."""
        self._locks = RequestLocks(lock_file(self.store.directory), lock_wait) if exclusive else None
        self._idle_timeout = idle_timeout
        self._dumps = dumps or _pickle
        self._loads = loads

    def load_session(self, id: str, default: Any = None) -> Any:
        """Return the session, or `default` when there is none. A session loaded again is another object."""
        name = stored_id(id)
        hold = self._locks.hold(name) if self._locks else None
        stored = self.store.load_session(name)
        return default if stored is None else self._loaded(id, stored, hold)

    def save_session(self, session: Any) -> None:
        """Store a session. One that was not loaded from here is new: AlreadyExistsError when its id is taken.

        One that is as it was loaded is not written; only its use is noted. GoneError, ConflictError: see the class.
        Once saved, the session is open to other requests.
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
        """Delete a session. That it is gone already is no error."""
        self.store.delete_session(stored_id(session.id))
        loaded: _Loaded | None = vars(session).get(_LOADED)
        if loaded and loaded.hold:
            loaded.hold.release()

    def has_session(self, id: str) -> bool:
        """Whether there is a session. Waits for nobody."""
        return self.store.has_session(stored_id(id))

    def iter_sessions(self) -> Iterator[tuple[StoredId, Any]]:
        """List all sessions as (id, session), each as it is at that moment, without waiting for requests.

        The ids are the store's (`StoredId`), also in the sessions: those in the cookies are not kept.
        """
        for info in self.store.iter_sessions():
            id = StoredId(info.id)
            stored = self.store.load_session(id)
            if stored is not None:
                yield id, self._loaded(id, stored, None)

    def setup(self) -> None:
        """Set the store up. AlreadyExistsError when there is one already; nothing is overwritten."""
        self.store.setup()

    def delete_old_sessions(self, minutes: int) -> tuple[int, int]:
        """Delete the sessions last used at least so many minutes ago. Returns how many were deleted, and how many
        remain."""
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
        left_out = {name: attributes.pop(name) for name in _NOT_STORED if name in attributes}
        try:
            data = self._dumps(session)
        finally:
            attributes.update(left_out)
        return Contents(data, _owner(session), self._idle_timeout)


def stored_id(id: str) -> StoredId:
    """The name in the store of the session with an id: the SHA-256 of the id, in hexadecimal.

    Ids of Session3 have characters that names of the store have not, and are what lets a client in.
    """
    return id if isinstance(id, StoredId) else StoredId(hashlib.sha256(id.encode(errors="surrogatepass")).hexdigest())


def _pickle(session: Any) -> bytes:
    return pickle.dumps(session, _PICKLE_PROTOCOL)


def _owner(session: Any) -> str | None:
    user = getattr(session, "user", None)
    return (
        user
        if isinstance(user, str) and 1 <= len(user.encode(errors="replace")) <= 256 and user.isprintable()
        else None
    )
