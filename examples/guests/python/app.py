"""A counter with login."""

import re
import sys

import web
from componentize_py_types import Err
from web import Refused
from wit_world import exports
from wit_world.imports.session_manager import Access, Configuration, Manager, Value_Integer
from wit_world.imports.session_store import Durability, Options
from wit_world.imports.session_store import Error_Busy, Error_Conflict, Error_Gone, Error_InvalidArgument

METHODS = {"/": ["GET", "HEAD"], "/increment": ["POST"], "/login": ["POST"], "/logout": ["POST"]}
OPTIONS = Options(create=True, durability=Durability.RELAXED, size_limit=None, lock_wait=None)


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request, response_out):
        fields = []
        try:
            status, text = respond(request, fields)
        except Refused as refused:
            status, text = refused.args
        except Err as error:
            status, text = explain(error.value, fields)
        web.send(response_out, status, fields, text)


def respond(request, fields):
    """A status and a text. Appends header fields to `fields`, even if it raises."""
    path = web.path(request)
    if path not in METHODS:
        raise Refused(404, "There is no such page.")
    if web.method(request) not in METHODS[path]:
        allowed = ", ".join(METHODS[path])
        fields.append(("allow", allowed))
        raise Refused(405, f"Allowed: {allowed}.")
    if path != "/":
        web.refuse_other_sites(request)
    # Before the session is locked: others would wait while a slow client sends its form.
    user = web.form_value(request, "user") if path == "/login" else None

    manager = Manager.open(".", OPTIONS, configuration(request))
    access = Access.OPTIMISTIC if path == "/" else Access.EXCLUSIVE
    session = manager.start_request(web.values(request, "cookie"), None, access)
    try:
        text = act(session, path, user)
    except Err:
        fields += manager.finish_failed_request(session)
        raise
    fields += manager.finish_successful_request(session)
    if text is not None:
        return 200, text
    fields.append(("location", "/"))
    return 303, "Done."


def act(session, path, user):
    """The text of the page; None after a change."""
    count = session.get("count") or Value_Integer(0)
    match path:
        case "/increment":
            session.set("count", Value_Integer(count.value + 1))
        case "/login":
            session.set_user(user)
        case "/logout":
            session.expire()
        case _:
            return f"count={count.value} user={session.user() or '-'}"


def configuration(request):
    """Not every browser keeps Secure cookies over plain http, so allow others for development on this machine."""
    configuration = Configuration()
    host = re.sub(r":\d*$", "", request.authority() or "")
    if host in ("localhost", "127.0.0.1", "[::1]"):
        configuration.set_cookie_secure(False)
        configuration.set_cookie_name("session")
    return configuration


def explain(error, fields):
    match error:
        case Error_Busy():
            fields.append(("retry-after", "1"))
            return 503, "Your session is busy. Try again."
        case Error_Conflict() | Error_Gone():
            return 409, "Your session was changed elsewhere. Try again."
        case Error_InvalidArgument():
            return 400, "That cannot be a user's name."
        case _:
            # For the log, not the visitor: it may name files.
            print(error, file=sys.stderr)
            return 500, "The session store failed."
