"""Takes the sessions of Session3's DirectorySessionStore over, so that users stay logged in.

    python -m session3_wasm.import_session3 OLD NEW [--session-class MODULE.CLASS]... [--idle-timeout SECONDS] [--json]

OLD is only read. NEW is a directory for `session3_wasm.DirectorySessionStore`, created if it is missing. The cookies stay
valid. Of each session, user, times, form tokens and attributes of plain data are kept; what is not kept is named. No code
of the application runs. Sessions that NEW has already are skipped, so it can be run again after an interruption.

Exit code 0: all was taken over; 1: not all; 2: the command line is wrong.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import AlreadyExistsError, SessionError, TooLargeError
from .session3_pickle import NotASession, OldSession, read, seconds
from .session3_store import NOT_STORED, owner_of, stored_id
from .store import SessionInfo, Store, StoredSession

CLASSES = ("session3.Session.Session", "session3.DictSession.DictSession", "quixote.session.Session")
"""The classes of sessions that need not be named: Session3's and Quixote's."""

_PROTOCOL = 4


@dataclass
class Report:
    """What was done, in sessions."""

    imported: int = 0
    already_there: int = 0
    incomplete: int = 0
    """Of the imported ones, those of which an attribute was left out."""
    failed: int = 0


def import_sessions(
    old: Path,
    store: Store,
    *,
    classes: tuple[str, ...] = CLASSES,
    idle_timeout: float | None = None,
    tell: Callable[[str], None],
) -> Report:
    """Import every session of a directory. `tell` gets a line for each that is not imported in full: it contains the
    session's id in the store, as `session3 ls` shows it, and not the file's name, which is the cookie."""
    report = Report()
    for path in _files(old):
        name = stored_id(path.name)
        try:
            session = read(path)
            imported = _converted(path.name, session, classes, idle_timeout)
        except NotASession as error:
            report.failed += 1
            tell(f"{name}: not imported: {error}")
            continue
        try:
            store.import_session(imported)
        except AlreadyExistsError:
            report.already_there += 1
            continue
        except TooLargeError as error:
            report.failed += 1
            tell(f"{name}: not imported: {error}")
            continue
        report.imported += 1
        if session.left_out:
            report.incomplete += 1
            tell(f"{name}: imported without {', '.join(session.left_out)}: not plain data")
    return report


def _files(directory: Path) -> Iterator[Path]:
    # In the order of their names, so that two runs say the same.
    return iter(sorted(path for path in directory.iterdir() if not path.is_dir()))


def _converted(name: str, session: OldSession, classes: tuple[str, ...], idle_timeout: float | None) -> StoredSession:
    attributes = session.attributes
    if session.class_name not in classes:
        raise NotASession(f"its class is {session.class_name}; if it is a session's, add --session-class")
    if attributes.get("id") != name:
        raise NotASession("its file has not the name of its id")
    if "user" in session.left_out:
        raise NotASession("its user is not plain data")
    now = time.time()
    modified = min(session.modified, now)
    last_active = min(seconds(attributes.get("_access_time")) or modified, now)
    created = min(seconds(attributes.get("_creation_time")) or modified, modified, last_active)
    data = _pickled(session.class_name, {key: value for key, value in attributes.items() if key not in NOT_STORED})
    owner = owner_of(attributes.get("user"))
    info = SessionInfo(
        id=stored_id(name),
        version=1,
        owner=owner,
        created=created,
        modified=modified,
        last_active=last_active,
        idle_timeout=idle_timeout,
        deadline=None,
        size=len(data),
    )
    return StoredSession(info, data)


def _pickled(class_name: str, attributes: dict[str, object]) -> bytes:
    """The pickle of an object, whose class need not be importable here: GLOBAL, NEWOBJ without arguments, BUILD."""
    module, _, name = class_name.rpartition(".")
    # The opcodes between those of the protocol and of the end.
    state = pickle.dumps(attributes, _PROTOCOL)[2:-1]
    start = pickle.PROTO + bytes([_PROTOCOL]) + pickle.GLOBAL + f"{module}\n{name}\n".encode()
    return start + pickle.EMPTY_TUPLE + pickle.NEWOBJ + state + pickle.BUILD + pickle.STOP


def _class_name(text: str) -> str:
    module, _, name = text.rpartition(".")
    if not module or not all(part.isidentifier() for part in text.split(".")):
        raise argparse.ArgumentTypeError("use MODULE.CLASS, such as myapp.sessions.ShopSession")
    return text


def _arguments(line: list[str] | None) -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        "python -m session3_wasm.import_session3",
        description=first,
        epilog=rest.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", metavar="OLD", type=Path, help="directory of Session3's DirectorySessionStore")
    parser.add_argument("new", metavar="NEW", type=Path, help="directory for session3_wasm.DirectorySessionStore")
    parser.add_argument(
        "--session-class",
        metavar="MODULE.CLASS",
        type=_class_name,
        action="append",
        default=list(CLASSES),
        help="a class of sessions of the application, beside those of Session3 and Quixote; may be repeated",
    )
    parser.add_argument("--idle-timeout", metavar="SECONDS", type=float, help="as for DirectorySessionStore")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    return parser.parse_args(line)


def main(line: list[str] | None = None) -> int:
    """The command."""
    arguments = _arguments(line)
    try:
        report = import_sessions(
            arguments.old,
            Store(arguments.new, create=True, size_limit=16 << 20),
            classes=tuple(arguments.session_class),
            idle_timeout=arguments.idle_timeout,
            tell=lambda text: print(text, file=sys.stderr),
        )
    except (OSError, SessionError) as error:
        print(f"import_session3: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(asdict(report)))
    else:
        text = f"imported {report.imported} sessions, {report.incomplete} of them without some attributes"
        print(f"{text}; {report.already_there} were there already; {report.failed} failed")
    return 1 if report.incomplete or report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
