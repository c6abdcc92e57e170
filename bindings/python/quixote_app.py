"""A counter with a login, on Quixote. Several processes on one directory share the sessions.

python quixote_app.py DIRECTORY PORT
"""

import html
import sys

from quixote import get_field, get_session, get_session_manager, redirect
from quixote.directory import Directory
from quixote.publish import Publisher
from quixote.server import simple_server
from session3.Session import Session
from session3.SessionManager import SessionManager

# The one changed line. Was: from session3.store.DirectorySessionStore import DirectorySessionStore
from session3_wasm import DirectorySessionStore


class CountingSession(Session):
    def __init__(self, id):
        super().__init__(id)
        self.counter = 0

    def has_info(self):
        return bool(self.user or self.counter)


class Pages(Directory):
    _q_exports = ["", "increment", "fail", "login", "logout"]

    def _q_index(self):
        session = get_session()
        return f"{html.escape(session.user or 'nobody')}: {session.counter}\n"

    def increment(self):
        get_session().counter += 1
        return redirect("/")

    def fail(self):
        get_session().counter += 1
        raise RuntimeError("on purpose: nothing of this request is stored")

    def login(self):
        get_session().set_user(get_field("user"))
        return redirect("/")

    def logout(self):
        get_session_manager().expire_session()
        return redirect("/")


def create_publisher():
    store = DirectorySessionStore(sys.argv[1], create=True)
    return Publisher(Pages(), session_manager=SessionManager(store, CountingSession))


if __name__ == "__main__":
    simple_server.run(create_publisher, host="127.0.0.1", port=int(sys.argv[2]))
