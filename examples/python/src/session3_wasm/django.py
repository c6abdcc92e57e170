"""A session engine for Django: `SESSION_ENGINE = "session3_wasm.django"`, with `SESSION3_DIRECTORY` in the settings.

`SESSION3_OPTIONS`, a dictionary, is for the other arguments of `Store`. A session's owner is the id of its user, for
`session3 rm --owner`. Two requests that change different keys both succeed; when both change the same key, the second
gets an UpdateError, which Django's middleware answers with 400.
"""

from __future__ import annotations

import functools
import time
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError

from .errors import AlreadyExistsError, ConflictError, GoneError
from .merge import merged
from .session3_store import stored_id
from .store import Contents, Store, StoredSession


@functools.cache
def store() -> Store:
    """The store of this site."""
    return Store(settings.SESSION3_DIRECTORY, create=True, **getattr(settings, "SESSION3_OPTIONS", {}))


class SessionStore(SessionBase):
    """A session of Django's. Its file is named by a hash of the session key, so listings let nobody in."""

    _loaded: StoredSession | None = None

    def load(self) -> dict[str, Any]:
        self._loaded = store().load_session(stored_id(self.session_key)) if self.session_key else None
        if self._loaded is None:
            self._session_key = None
        return self._decoded(self._loaded)

    def exists(self, session_key: str) -> bool:
        return store().has_session(stored_id(session_key))

    def create(self) -> None:
        self.modified = True
        while True:
            self._session_key = self._get_new_session_key()
            try:
                return self.save(must_create=True)
            except CreateError:
                continue

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return self.create()
        data = self._get_session(no_load=must_create)
        try:
            if must_create:
                info = store().create_session(self._contents(data), stored_id(self.session_key))
                self._loaded = StoredSession(info, self._contents(data).data)
            else:
                self._save(data)
        except AlreadyExistsError:
            raise CreateError from None
        except GoneError:
            raise UpdateError from None

    def _save(self, data: dict[str, Any]) -> None:
        base = self._loaded or self._newest()  # `clear` loads nothing.
        while True:
            contents = self._contents(data)
            try:
                version = store().save_session(base.info.id, contents, base.info.version)
            except ConflictError:
                newest = self._newest()
                together = merged(self._decoded(base), data, self._decoded(newest))
                if together is None:
                    raise UpdateError from None
                self._session_cache = data = together
                base = newest
            else:
                self._loaded = StoredSession(base.info._replace(version=version), contents.data)
                return

    def _newest(self) -> StoredSession:
        stored = store().load_session(stored_id(self.session_key)) if self.session_key else None
        if stored is None:
            raise UpdateError
        return stored

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            store().delete_session(stored_id(key))

    @classmethod
    def clear_expired(cls) -> None:
        resume = store().collect_garbage(1000).resume
        while resume:
            resume = store().collect_garbage(1000, resume).resume

    def _contents(self, data: dict[str, Any]) -> Contents:
        deadline = time.time() + self.get_expiry_age()
        return Contents(self.encode(data).encode(), data.get(SESSION_KEY) or None, deadline=deadline)

    def _decoded(self, stored: StoredSession | None) -> dict[str, Any]:
        return self.decode(stored.data.decode()) if stored else {}
