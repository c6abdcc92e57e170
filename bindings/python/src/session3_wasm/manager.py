"""The manager: `session-manager` of the contract, typed. Cookies in, header fields out.

Times are seconds since 1970, durations seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from os import PathLike
from typing import Any, Literal, TypedDict

from wasmtime.component import ResourceAny

from .component import Instance
from .errors import SessionError
from .pool import Pool
from .store import Durability, Store, to_milliseconds
from .values import Case

Access = Literal["read-only", "optimistic", "exclusive"]
"""How a request uses its session: see the contract."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Value = Json | bytes
"""The value of an attribute. Integers have 64 bits."""

HeaderField = tuple[str, str]

_SESSION = "session-manager/[method]session."
_MANAGER = "session-manager/[method]manager."
_CONFIGURATION = "session-manager/[method]configuration.set-"


class Configuration(TypedDict, total=False):
    """The options of a manager. The contract's `configuration` documents them and their defaults."""

    cookie_name: str
    cookie_secure: bool
    cookie_same_site: Literal["strict", "lax", "none"]
    cookie_path: str
    cookie_domain: str | None
    cookie_partitioned: bool
    clear_site_data: bool
    idle_timeout: float | None
    activity_resolution: float
    absolute_timeout: float | None
    remember_timeout: float
    renewal_interval: float | None
    grace_window: float
    unconfirmed_timeout: float | None
    new_session_limit: int | None
    ipv6_prefix: int


_DURATIONS = ("_timeout", "_interval", "_window", "_resolution")


class Manager:
    """Manages the sessions in a directory, which is created if missing. Threads may share it; otherwise see `Store`.

    The first request raises InvalidArgumentError for a configuration that browsers or the component would reject.
    """

    def __init__(
        self,
        directory: str | PathLike[str],
        configuration: Configuration | None = None,
        *,
        durability: Durability = "relaxed",
        size_limit: int | None = None,
        lock_wait: float | None = None,
        component: str | PathLike[str] | None = None,
    ) -> None:
        self._store = Store(
            directory,
            create=True,
            durability=durability,
            size_limit=size_limit,
            lock_wait=lock_wait,
            component=component,
        )
        self._configuration = configuration or {}
        self._pool = Pool(self._open)

    def start_request(
        self,
        cookies: list[str],
        address: str | None = None,
        user_agent: str | None = None,
        access: Access = "optimistic",
    ) -> Session:
        """Begin a request with the values of its `Cookie` fields: find its session, or create one. BusyError."""
        request = cookies, (address, user_agent), access
        start = _MANAGER + "start-request-of"
        return self._pool.lend(
            lambda instance: Session(self._pool, instance, instance.call(start, instance.handle, *request))
        )

    def close(self) -> None:
        """Close the idle instances."""
        self._pool.close()

    def _open(self) -> Instance:
        instance = self._store.new_instance()
        try:
            configuration = instance.call("session-manager/[constructor]configuration")
            for name, value in self._configuration.items():
                if name.endswith(_DURATIONS):
                    value = to_milliseconds(value)  # type: ignore[arg-type]  # A number, by its name.
                instance.call(_CONFIGURATION + name.replace("_", "-"), configuration, value)
            options = self._store.options
            instance.handle = instance.call("session-manager/[static]manager.open", ".", options, configuration)
        except BaseException:
            instance.close()
            raise
        return instance


class Session(MutableMapping[str, Value]):
    """A session during one request: a dictionary of its attributes. Names are 1 to 256 bytes.

    Values are copies: after changing a list, set it again. End the request with `finish` or `fail`.
    """

    def __init__(self, pool: Pool, instance: Instance, resource: ResourceAny) -> None:
        self._pool = pool
        self._resource = resource
        # Empty once finished, so as not to keep the instance alive.
        self._instances = [instance]
        self._kept: dict[str, Callable[..., Any]] = {}

    def finish(self, *, keep: bool = False) -> list[HeaderField]:
        """End a successful request: store its changes. Returns the header fields to send. With `keep` the attributes,
        `user` and `id` remain readable, for a body that is generated after the head.

        On an error nothing was stored, and the response should be an error: ConflictError if another request has
        changed what this one has read and changed, GoneError if the session has ended meanwhile.
        """
        return self._end("finish-successful-request", keep)

    def fail(self, *, keep: bool = False) -> list[HeaderField]:
        """End a failed request: nothing is stored, a logout is not done. Otherwise like `finish`."""
        return self._end("finish-failed-request", keep)

    @property
    def id(self) -> str | None:
        """The id, for logs: it does not contain the secret. None until the session is stored."""
        id: str | None = self._call("id")
        return id

    @property
    def user(self) -> str | None:
        """The user who is logged in."""
        user: str | None = self._call("user")
        return user

    def set_user(self, user: str | None) -> None:
        """Log a user in (1 to 256 bytes) or, with None, out. The session gets a new id."""
        self._call("set-user", user)

    def increment(self, name: str, by: int = 1) -> int:
        """Add to an attribute, and return the sum as this request sees it. Concurrent increments add up."""
        return int(self._call("increment", name, by))

    def set_flash(self, name: str, value: Value) -> None:
        """Store a value for a later request, to be read once."""
        self._call("set-flash", name, _lowered(value))

    def take_flash(self, name: str) -> Value:
        """Take a value that an earlier request has stored, or None."""
        return _lifted(self._call("take-flash", name))

    def create_form_token(self) -> str:
        """Create a token for a form that may be submitted once."""
        return str(self._call("create-form-token"))

    def remove_form_token(self, token: str) -> bool:
        """Consume a token. Returns whether it was valid."""
        return bool(self._call("remove-form-token", token))

    def remember(self, remember: bool = True) -> None:
        """Keep the session when the browser closes."""
        self._call("remember", remember)

    def regenerate(self) -> None:
        """Give the session a new id and cookie at the end of the request."""
        self._call("regenerate")

    def expire(self) -> None:
        """End the session at the end of the request: logout."""
        self._call("expire")

    def __getitem__(self, name: str) -> Value:
        value = self._call("get", name)
        if value is None:
            raise KeyError(name)
        return _lifted(value)

    def __setitem__(self, name: str, value: Value) -> None:
        self._call("set", name, _lowered(value))

    def __delitem__(self, name: str) -> None:
        if self._call("remove", name) is None:
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._call("names"))

    def __len__(self) -> int:
        return int(self._call("len"))

    def __repr__(self) -> str:
        return f"<Session {self.id}>" if self._instances else "<Session, finished>"

    def _call(self, name: str, *arguments: Any) -> Any:
        if self._instances:
            return self._instances[0].call(_SESSION + name, self._resource, *arguments)
        if name in self._kept:
            return self._kept[name](*arguments)
        raise SessionError("the request is finished")

    def _end(self, name: str, keep: bool) -> list[HeaderField]:
        if not self._instances:
            raise SessionError("the request is finished")
        if keep:
            self._keep()
        instance = self._instances.pop()
        fields: list[HeaderField] = self._pool.take_back(
            instance, lambda: instance.call(_MANAGER + name, instance.handle, self._resource)
        )
        return fields

    def _keep(self) -> None:
        """Keep a copy for reads after the end of the request."""
        id, user, attributes = self.id, self.user, dict(self._call("entries"))
        self._kept = {
            "id": lambda: id,
            "user": lambda: user,
            "get": attributes.get,
            "names": lambda: list(attributes),
            "len": lambda: len(attributes),
        }


def _lowered(value: Value) -> Case:
    # bool first, as it is a subclass of int.
    for python, case in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "text"), (bytes, "bytes")):
        if isinstance(value, python):
            return Case(case, value)
    return Case("null") if value is None else Case("json", json.dumps(value, allow_nan=False))


def _lifted(value: Case | None) -> Value:
    if value is None:
        return None
    payload: Value = json.loads(value.payload) if value.name == "json" else value.payload
    return payload
