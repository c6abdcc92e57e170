"""Persistent web sessions: the component `session_store.wasm`, run by Wasmtime, for Python.

- `DirectorySessionStore`: Session3's store interface, for Quixote.
- `session3_wasm.wsgi`: a middleware for any WSGI application.
- `session3_wasm.django`: a session engine for Django.
- `Store`: the store itself, typed.
"""

from .errors import SessionError
from .session3_store import DirectorySessionStore, StoredId
from .store import Contents, Store

__all__ = ["Contents", "DirectorySessionStore", "SessionError", "Store", "StoredId"]
