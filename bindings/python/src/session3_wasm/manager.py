"""The manager: `session-manager` of the contract, typed. Cookies in, header fields out.

Times are seconds since 1970, lengths of time seconds.
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
"""How a request works on its session: see the contract."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Value = Json | bytes
"""What an attribute may be. Integers have 64 bits."""

HeaderField = tuple[str, str]

_SESSION = "session-manager/[method]session."
_MANAGER = "session-manager/[method]manager."
_CONFIGURATION = "session-manager/[method]configuration.set-"


class Configuration(TypedDict, total=False):
    """How a manager works. The contract's `configuration` says what each means, and its default."""

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


_LENGTHS_OF_TIME = ("_timeout", "_interval", "_window", "_resolution")


class Manager:
    """Runs sessions over the store of a directory, which is made when missing. For all threads; see `Store` on the
    rest.

    InvalidArgumentError, at the first request: what browsers or the component would refuse in the configuration.
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
        """Begin a request with the values of its `Cookie` fields: find its session, or make a new one. BusyError."""
        request = cookies, (address, user_agent), access
        start = _MANAGER + "start-request-of"
        return self._pool.lend(
            lambda instance: Session(self._pool, instance, instance.call(start, instance.handle, *request))
        )

    def close(self) -> None:
        """End the instances that are idle."""
        self._pool.close()

    def _open(self) -> Instance:
        instance = self._store.new_instance()
        try:
            configuration = instance.call("session-manager/[constructor]configuration")
            for name, value in self._configuration.items():
                if name.endswith(_LENGTHS_OF_TIME):
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

    Values are copies: what changes a list that was read has to set it again. Finish the request with `finish` or
    `fail`.
    """

    def __init__(self, pool: Pool, instance: Instance, resource: ResourceAny) -> None:
        self._pool = pool
        self._resource = resource
        # None when it is finished: from then on nothing here keeps the instance.
        self._instances = [instance]
        self._kept: dict[str, Callable[..., Any]] = {}

    def finish(self, *, keep: bool = False) -> list[HeaderField]:
        """End a request that succeeded: store what changed. Returns the header fields to send. With `keep` the session
        can be read as it was, for a body that is made after its head: its attributes, `user` and `id`.

        On an error nothing was stored, and the response should be an error: ConflictError when another request has
        changed what this one has read and changed, GoneError when the session was ended meanwhile.
        """
        return self._end("finish-successful-request", keep)

    def fail(self, *, keep: bool = False) -> list[HeaderField]:
        """End a request that failed: nothing is stored, a logout is not done. Otherwise it is as `finish`."""
        return self._end("finish-failed-request", keep)

    @property
    def id(self) -> str | None:
        """The id, for logs: it is not what is in the cookie. None while the session has not been stored."""
        id: str | None = self._call("id")
        return id

    @property
    def user(self) -> str | None:
        """Who is logged in."""
        user: str | None = self._call("user")
        return user

    def set_user(self, user: str | None) -> None:
        """Log a user in or, with None, out. 1 to 256 bytes. The session gets a new id."""
        self._call("set-user", user)

    def increment(self, name: str, by: int = 1) -> int:
        """Add to an attribute, and return the sum as this request sees it. Increments of several requests all count."""
        return int(self._call("increment", name, by))

    def set_flash(self, name: str, value: Value) -> None:
        """Leave a value for a later request, to be read once."""
        self._call("set-flash", name, _lowered(value))

    def take_flash(self, name: str) -> Value:
        """Take a value that an earlier request has left, or None."""
        return _lifted(self._call("take-flash", name))

    def create_form_token(self) -> str:
        """Make a token for a form that may be sent once."""
        return str(self._call("create-form-token"))

    def remove_form_token(self, token: str) -> bool:
        """Use a token up, and say whether it was there."""
        return bool(self._call("remove-form-token", token))

    def remember(self, remember: bool = True) -> None:
        """Remember the session beyond the browser's end."""
        self._call("remember", remember)

    def regenerate(self) -> None:
        """Give the session a new id and cookie when the request is finished."""
        self._call("regenerate")

    def expire(self) -> None:
        """End the session when the request is finished: logout."""
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
        """Answer from now on what the session would have answered."""
        id, user, attributes = self.id, self.user, dict(self._call("entries"))
        self._kept = {
            "id": lambda: id,
            "user": lambda: user,
            "get": attributes.get,
            "names": lambda: list(attributes),
            "len": lambda: len(attributes),
        }


def _lowered(value: Value) -> Case:
    # bool before int, of which it is one.
    for python, case in ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "text"), (bytes, "bytes")):
        if isinstance(value, python):
            return Case(case, value)
    return Case("null") if value is None else Case("json", json.dumps(value, allow_nan=False))


def _lifted(value: Case | None) -> Value:
    if value is None:
        return None
    payload: Value = json.loads(value.payload) if value.name == "json" else value.payload
    return payload
