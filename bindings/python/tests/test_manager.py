"""The manager, through Python: the types of its values, and concurrent requests."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from session3_wasm import errors
from session3_wasm.manager import Access, Manager, Session, Value


@pytest.fixture
def manager(directory: Path) -> Manager:
    return Manager(directory, {"cookie_name": "session", "cookie_secure": False}, lock_wait=0)


class Visitor:
    """A browser: one cookie."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.cookies: list[str] = []

    def start(self, access: Access = "optimistic") -> Session:
        return self.manager.start_request(self.cookies, "192.0.2.7", "test", access)

    def finish(self, session: Session) -> None:
        for name, value in session.finish():
            if name.lower() == "set-cookie":
                self.cookies = [value.partition(";")[0]]


@pytest.fixture
def visitor(manager: Manager) -> Visitor:
    return Visitor(manager)


VALUES: list[Value] = [
    None,
    True,
    False,
    0,
    -(2**63),
    2**63 - 1,
    0.5,
    "",
    "☃",
    b"",
    b"\0\xff",
    [1, [None]],
    {"a": {"b": 2}},
]


def test_values_keep_their_type(visitor: Visitor) -> None:
    session = visitor.start()
    for number, value in enumerate(VALUES):
        session[str(number)] = value
    visitor.finish(session)
    session = visitor.start()
    assert len(session) == len(VALUES)
    for number, value in enumerate(VALUES):
        found = session[str(number)]
        assert (found, type(found)) == (value, type(value))
    session.fail()


def test_it_is_a_dictionary(visitor: Visitor) -> None:
    session = visitor.start()
    session.update(a=1, b=2)
    assert (dict(session), sorted(session), "a" in session, session.get("c", 3)) == (
        {"a": 1, "b": 2},
        ["a", "b"],
        True,
        3,
    )
    assert session.pop("a") == 1
    with pytest.raises(KeyError):
        session["a"]
    with pytest.raises(KeyError):
        del session["a"]
    with pytest.raises(OverflowError):
        session["big"] = 2**63
    with pytest.raises(TypeError):
        session["set"] = {1}  # type: ignore[assignment]
    with pytest.raises(ValueError, match="JSON"):
        session["nan"] = [float("nan")]
    session.fail()


def test_a_visit_without_content_leaves_nothing(visitor: Visitor) -> None:
    session = visitor.start()
    assert (session.id, session.finish()) == (None, [])
    with pytest.raises(errors.SessionError, match="finished"):
        session["a"] = 1
    with pytest.raises(errors.SessionError, match="finished"):
        session.finish()


def test_login_and_logout(visitor: Visitor) -> None:
    session = visitor.start()
    session["a"] = 1
    visitor.finish(session)
    anonymous = visitor.cookies
    session = visitor.start()
    session.set_user("alice")
    visitor.finish(session)
    assert visitor.cookies != anonymous
    session = visitor.start("read-only")
    assert (session.user, session["a"]) == ("alice", 1)
    with pytest.raises(errors.AccessDeniedError):
        session["a"] = 2
    session.fail()
    session = visitor.start()
    session.expire()
    assert "set-cookie" not in dict(session.fail())  # A request that fails does not log out.
    session = visitor.start()
    assert session.user == "alice"
    session.expire()
    visitor.finish(session)
    visitor.cookies = anonymous
    session = visitor.start()
    assert (session.user, dict(session)) == (None, {})
    session.fail()


def test_flash_and_forms(visitor: Visitor) -> None:
    session = visitor.start()
    session.set_flash("note", ["saved"])
    token = session.create_form_token()
    visitor.finish(session)
    session = visitor.start()
    assert (session.take_flash("note"), session.take_flash("note")) == (["saved"], None)
    assert (session.remove_form_token(token), session.remove_form_token(token)) == (True, False)
    visitor.finish(session)


def test_concurrent_requests_are_merged(visitor: Visitor) -> None:
    """Changes to different attributes are merged; a change to the same attribute is refused."""
    session = visitor.start()
    session.update(a=1, b=1)
    visitor.finish(session)
    one, two, three = visitor.start(), visitor.start(), visitor.start()
    one["a"] = 2
    two["b"] = 2
    three["a"] = three["a"] + 10  # type: ignore[operator]
    one.finish()
    two.finish()
    with pytest.raises(errors.ConflictError):
        three.finish()
    session = visitor.start()
    assert dict(session) == {"a": 2, "b": 2}
    session.fail()


def test_an_exclusive_request_makes_others_wait(visitor: Visitor) -> None:
    session = visitor.start()
    session["a"] = 1
    visitor.finish(session)
    session = visitor.start("exclusive")
    with pytest.raises(errors.BusyError):
        visitor.start("exclusive")
    session.finish()
    visitor.start("exclusive").fail()
    forgotten = visitor.start("exclusive")
    del forgotten
    visitor.start("exclusive").fail()


def test_increments_add_up(visitor: Visitor) -> None:
    session = visitor.start()
    session["a"] = 0
    visitor.finish(session)
    visitor.manager = Manager(visitor.manager._store.directory, visitor.manager._configuration, lock_wait=60)

    def increment() -> None:
        for _ in range(50):
            session = visitor.start()
            session.increment("a")
            session.finish()

    threads = [threading.Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session = visitor.start()
    assert session["a"] == 200
    session.fail()


def test_configuration(directory: Path) -> None:
    session = Manager(directory).start_request([])
    session["a"] = 1
    [cookie] = [value for name, value in session.finish() if name.lower() == "set-cookie"]
    assert cookie.startswith("__Host-session=") and "; Secure" in cookie
    manager = Manager(
        directory, {"cookie_name": "s", "cookie_secure": False, "cookie_same_site": "strict", "idle_timeout": 60}
    )
    session = manager.start_request([])
    session["a"] = 1
    [cookie] = [value for name, value in session.finish() if name.lower() == "set-cookie"]
    assert cookie.startswith("s=") and "SameSite=Strict" in cookie
    with pytest.raises(errors.InvalidArgumentError):
        Manager(directory, {"cookie_secure": False}).start_request([])
