"""The engine for Django: its interface, and concurrent requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, UpdateError

settings.configure(
    SECRET_KEY="for tests only",
    SESSION_ENGINE="session3_wasm.django",
    MIDDLEWARE=["session3_wasm.django.SessionMiddleware"],
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
)
django.setup()

from django.contrib.sessions.middleware import SessionMiddleware  # noqa: E402  # They want settings.
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from session3_wasm import Contents  # noqa: E402
from session3_wasm.django import SessionStore, store  # noqa: E402
from session3_wasm.session3_store import stored_id  # noqa: E402


def count(request: Any) -> HttpResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(str(request.session["count"]))


def flush(request: Any) -> HttpResponse:
    request.session.flush()
    return HttpResponse("bye")


def show(request: Any) -> HttpResponse:
    response = HttpResponse(str(request.session.get("count")))
    response["Cache-Control"] = "public, max-age=600"
    return response


def fail(request: Any) -> HttpResponse:
    raise RuntimeError(f"on purpose, at {request.session.get('count')}")


def stream(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(str(request.session.get("count")) for _ in range(2))


def file(request: Any) -> FileResponse:
    return FileResponse(open(__file__, "rb"))


def static(request: Any) -> HttpResponse:
    return HttpResponse("the same for all")


urlpatterns = [path(view.__name__, view) for view in (count, flush, show, fail, stream, file, static)]


@pytest.fixture(autouse=True)
def site(directory: Path) -> Iterator[None]:
    settings.SESSION3_DIRECTORY = directory
    settings.SESSION3_OPTIONS = {"lock_wait": 10}
    store.cache_clear()
    yield
    store.cache_clear()


@pytest.fixture
def session() -> SessionStore:
    session = SessionStore()
    session["a"] = 1
    session.save()
    return session


def loaded(session: SessionStore) -> dict[str, Any]:
    return dict(SessionStore(session.session_key).items())


def test_over_requests() -> None:
    client = Client()
    assert [client.get("/count").content for _ in range(3)] == [b"1", b"2", b"3"]
    cookie = client.cookies["sessionid"].value
    client.get("/flush")
    assert client.cookies["sessionid"].value == ""
    client.cookies = SimpleCookie({"sessionid": cookie})
    assert client.get("/count").content == b"1"


def test_new_sessions_have_no_key_until_they_are_saved() -> None:
    session = SessionStore()
    assert (session.session_key, session.modified, session.accessed) == (None, False, False)
    assert session.get("a") is None
    assert list(store().iter_sessions()) == []


def test_save_and_load(session: SessionStore) -> None:
    assert session.exists(session.session_key)
    assert loaded(session) == {"a": 1}
    session["b"] = [1, {"c": None}]
    del session["a"]
    session.save()
    assert loaded(session) == {"b": [1, {"c": None}]}
    session.clear()
    session.save()
    assert loaded(session) == {}
    assert session.exists(session.session_key)


def test_clear_first(session: SessionStore) -> None:
    again = SessionStore(session.session_key)
    again.clear()
    again.save()
    assert loaded(session) == {}


def test_unknown_keys_are_not_adopted() -> None:
    for key in ("unknownunknown", "../../etc/passwd", "\0\0\0\0\0\0\0\0"):
        session = SessionStore(key)
        assert session.get("a") is None
        assert session.session_key is None
        session["a"] = 1
        session.save()
        assert session.session_key not in (None, key)


def test_must_create(session: SessionStore) -> None:
    again = SessionStore(session.session_key)
    with pytest.raises(CreateError):
        again.save(must_create=True)
    assert loaded(session) == {"a": 1}


def test_delete_and_flush(session: SessionStore) -> None:
    key = session.session_key
    session.delete(key)
    session.delete(key)
    assert not session.exists(key)
    session = SessionStore()
    session["a"] = 1
    session.save()
    key = session.session_key
    session.flush()
    assert (session.exists(key), session.session_key, session.modified) == (False, None, True)


def test_cycle_key(session: SessionStore) -> None:
    key = session.session_key
    session.cycle_key()
    session.save()
    assert session.session_key != key
    assert not session.exists(key)
    assert loaded(session) == {"a": 1}


def test_logouts_are_not_undone(session: SessionStore) -> None:
    late = SessionStore(session.session_key)
    late["a"] = 2
    session.delete()
    with pytest.raises(UpdateError):
        late.save()
    assert not session.exists(session.session_key)


def test_changes_of_different_keys_are_merged(session: SessionStore) -> None:
    one, two = SessionStore(session.session_key), SessionStore(session.session_key)
    one["b"] = 1
    two["c"] = 1
    del two["a"]
    one.save()
    two.save()
    assert loaded(session) == {"b": 1, "c": 1}
    assert dict(two.items()) == {"b": 1, "c": 1}


def test_changes_of_the_same_key_are_refused(session: SessionStore) -> None:
    one, two = SessionStore(session.session_key), SessionStore(session.session_key)
    one["a"] += 1
    two["a"] += 2
    one.save()
    with pytest.raises(UpdateError):
        two.save()
    assert loaded(session) == {"a": 2}


def test_the_middleware_answers_with_400(session: SessionStore) -> None:
    def late(request: Any) -> HttpResponse:
        request.session["a"] = 2
        session.delete()
        return HttpResponse("stored")

    request: Any = HttpRequest()
    request.COOKIES["sessionid"] = session.session_key
    from django.contrib.sessions.exceptions import SessionInterrupted

    with pytest.raises(SessionInterrupted):
        SessionMiddleware(late)(request)


def test_expiry(session: SessionStore) -> None:
    info = next(store().iter_sessions())
    assert info.deadline == pytest.approx(info.created + settings.SESSION_COOKIE_AGE, abs=2)
    session.set_expiry(timedelta(hours=1))
    session.save()
    info = next(store().iter_sessions())
    assert info.deadline == pytest.approx(info.modified + 3600, abs=2)
    session.set_expiry(-1)
    session.save()
    assert not session.exists(session.session_key)
    assert SessionStore(session.session_key).get("a") is None


def test_clear_expired(session: SessionStore, directory: Path) -> None:
    other = SessionStore()
    other.set_expiry(-1)
    other.save()
    files = number_of_files(directory)
    SessionStore.clear_expired()
    assert number_of_files(directory) == files - 1
    assert loaded(session) == {"a": 1}


def test_an_unrequested_session_does_not_exist() -> None:
    assert [SessionStore().exists(key) for key in (None, "", "unknownunknown")] == [False, False, False]


def test_a_damaged_session_is_replaced(session: SessionStore, directory: Path) -> None:
    """Whichever operation finds the damage first."""

    def write_over(damage: bytes) -> str:
        session = SessionStore()
        session["a"] = 1
        session.save()
        [file] = directory.glob(f"**/{stored_id(session.session_key)}*")
        file.write_bytes(damage)
        return str(session.session_key)

    for damage in (b"", b"no record of ours" * 100):
        key = write_over(damage)
        again = SessionStore(key)
        assert (again.get("a"), again.session_key) == (None, None)
        again["b"] = 1
        again.save()
        assert again.session_key != key
        assert loaded(again) == {"b": 1}
        assert not SessionStore().exists(write_over(damage))
        SessionStore().delete(write_over(damage))
        client = Client(raise_request_exception=False)
        client.cookies = SimpleCookie({"sessionid": write_over(damage)})
        assert [client.get("/count").content for _ in range(2)] == [b"1", b"2"]
    late = SessionStore(session.session_key)
    late["a"] = 2
    [file] = directory.glob(f"**/{stored_id(session.session_key)}*")
    file.write_bytes(b"damaged under way")
    with pytest.raises(UpdateError):
        late.save()


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b"text", b"[1]"])
def test_a_record_of_another_program_is_no_session(data: bytes) -> None:
    key = "someotherprogram"
    store().create_session(Contents(data), stored_id(key))
    assert dict(SessionStore(key).items()) == {}
    client = Client(raise_request_exception=False)
    client.cookies = SimpleCookie({"sessionid": key})
    assert [client.get("/count").content for _ in range(2)] == [b"1", b"2"]


@pytest.mark.parametrize(
    "value", [float("nan"), [float("nan")], (1, 2), {1: "one"}, {"n": {"m": float("nan")}}], ids=repr
)
def test_values_unequal_to_their_stored_copies_do_not_conflict(value: Any) -> None:
    session = SessionStore()
    session.update({"odd": value, "a": True})
    session.save()
    one, two = SessionStore(session.session_key), SessionStore(session.session_key)
    one["odd"], two["odd"] = value, value
    one["a"] = 1  # Which is equal to True, and another value.
    two["c"] = 1
    one.save()
    two.save()
    together = loaded(session)
    assert (together["a"], together["c"]) == (1, 1)
    assert together["a"] is not True


def test_a_user_whose_id_cannot_be_an_owner_logs_in() -> None:
    for user, owner in ((7, "7"), ("x" * 256, "x" * 256), ("x" * 257, None), ("", None)):
        session = SessionStore()
        session["_auth_user_id"] = user
        session.save()
        stored = store().load_session(stored_id(session.session_key))
        assert stored and stored.info.owner == owner


@pytest.mark.parametrize("path", ["show", "fail", "stream", "count", "flush"])
def test_responses_made_from_a_session_are_private(path: str) -> None:
    client = Client(raise_request_exception=False)
    client.get("/count")
    response = client.get(f"/{path}")
    assert response["Vary"] == "Cookie"
    assert "private" in response["Cache-Control"] and "public" not in response["Cache-Control"]


def test_responses_without_a_session_are_cacheable() -> None:
    client = Client()
    client.get("/count")
    for path in ("static", "file"):
        response = client.get(f"/{path}")
        response.close()
        assert not response.has_header("Vary") and not response.has_header("Cache-Control")


def test_djangos_own_tests_of_engines(directory: Path, django_tests: Path) -> None:
    """`SessionTestsMixin`, and the tests of the middleware that apply to any engine."""
    script = Path(__file__).with_name("django_own_tests.py")
    done = subprocess.run(
        [sys.executable, script, str(directory)],
        env={**os.environ, "PYTHONPATH": str(django_tests)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"engine": 65, "middleware": 10}


def test_the_disk_has_no_keys_but_owners(directory: Path) -> None:
    session = SessionStore()
    session["_auth_user_id"] = "7"
    session.save()
    assert [info.id for info in store().sessions_of("7")] == [stored_id(session.session_key)]
    for file in directory.rglob("*"):
        assert session.session_key not in file.name
        assert not file.is_file() or session.session_key.encode() not in file.read_bytes()


def number_of_files(directory: Path) -> int:
    return sum(path.is_file() for path in directory.rglob("*"))
