"""A session engine for Django: `SESSION_ENGINE = "session3_wasm.django"`, with `SESSION3_DIRECTORY` in the settings.

`SESSION3_OPTIONS`, a dictionary, has the other arguments of `Store`. A session's owner is the id of its user, for
`session3 rm --owner`. Two requests that change different keys both succeed; if both change the same key, the second
gets an UpdateError, for which Django's middleware responds with 400. An unreadable record is logged and replaced by a
new session.
"""

from __future__ import annotations

import functools
import logging
import time
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions import middleware
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers

from .errors import AlreadyExistsError, ConflictError, CorruptError, GoneError
from .merge import merged
from .session3_store import stored_id
from .store import Contents, Store, StoredSession

_log = logging.getLogger(__name__)
_MAX_OWNER = 256


@functools.cache
def store() -> Store:
    """The store of this site."""
    return Store(settings.SESSION3_DIRECTORY, create=True, **getattr(settings, "SESSION3_OPTIONS", {}))


class SessionStore(SessionBase):
    """A Django session. Its file is named by a hash of the session key, so a listing reveals no key."""

    _loaded: StoredSession | None = None

    def load(self) -> dict[str, Any]:
        self._loaded = self._stored()
        if self._loaded is None:
            self._session_key = None
        return self._decoded(self._loaded)

    def exists(self, session_key: str | None) -> bool:
        try:
            return session_key is not None and store().has_session(stored_id(session_key))
        except CorruptError as error:
            _log_unreadable(error)
            return False

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
        except (GoneError, CorruptError) as error:
            raise UpdateError from error

    def _save(self, data: dict[str, Any]) -> None:
        base = self._loaded or self._newest()  # `clear` loads nothing.
        while True:
            contents = self._contents(data)
            try:
                version = store().save_session(base.info.id, contents, base.info.version)
            except ConflictError:
                newest = self._newest()
                combined = merged(
                    self._decoded(base), self.decode(contents.data.decode()), self._decoded(newest), self._dumped
                )
                if combined is None:
                    raise UpdateError from None
                self._session_cache = data = combined
                base = newest
            else:
                self._loaded = StoredSession(base.info._replace(version=version), contents.data)
                return

    def _newest(self) -> StoredSession:
        stored = self._stored()
        if stored is None:
            raise UpdateError
        return stored

    def _stored(self) -> StoredSession | None:
        try:
            stored = store().load_session(stored_id(self.session_key)) if self.session_key else None
            if stored:
                stored.data.decode()
        except (CorruptError, UnicodeDecodeError) as error:
            _log_unreadable(error)
            return None
        return stored

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            try:
                store().delete_session(stored_id(key))
            except CorruptError as error:
                _log_unreadable(error)

    @classmethod
    def clear_expired(cls) -> None:
        resume = store().collect_garbage(1000).resume
        while resume:
            resume = store().collect_garbage(1000, resume).resume

    def _contents(self, data: dict[str, Any]) -> Contents:
        deadline = max(0.0, time.time() + self.get_expiry_age())
        return Contents(self.encode(data).encode(), _owner(data.get(SESSION_KEY)), deadline=deadline)

    def _decoded(self, stored: StoredSession | None) -> dict[str, Any]:
        return self.decode(stored.data.decode()) if stored else {}

    def _dumped(self, value: Any) -> bytes:
        return self.serializer().dumps({"": value})


class SessionMiddleware(middleware.SessionMiddleware):
    """Django's own, for caches that ignore the `Vary: Cookie` that Django sends with a response made from a session:
    adds `Cache-Control: private`. A stream may read its session after its head is sent, so it always gets both.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().process_response(request, response)
        may_read_later = response.streaming and not isinstance(response, FileResponse)
        if may_read_later:
            patch_vary_headers(response, ["Cookie"])
        if may_read_later or request.session.accessed or settings.SESSION_COOKIE_NAME in response.cookies:
            patch_cache_control(response, private=True)
        return response


def _owner(user: object) -> str | None:
    """A user's id as an owner, if valid. A login does not fail for an odd primary key."""
    owner = "" if user is None else str(user)
    return owner if 1 <= len(owner.encode(errors="replace")) <= _MAX_OWNER else None


def _log_unreadable(error: Exception) -> None:
    _log.warning("replacing an unreadable session by a new one: %s", error)
