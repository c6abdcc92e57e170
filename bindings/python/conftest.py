"""Fixtures with the paths of the build, and the report at the end of a run."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from session3_wasm.component import VARIABLE
from session3_wasm.store import Store

ROOT = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
os.environ.setdefault(VARIABLE, str(TARGET / "components" / "session_store.wasm"))

# A separate program with its own settings.
collect_ignore = ["tests/django_own_tests.py"]

_REPORT = "--compatibility"
_passed: Counter[str] = Counter()
_processes: list[str] = []


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory for a store, which does not exist yet."""
    return tmp_path / "sessions"


@pytest.fixture
def store(directory: Path) -> Iterator[Store]:
    store = Store(directory, create=True)
    yield store
    store.close()


@pytest.fixture
def session3(directory: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the `session3` command on the directory."""

    def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        line = [str(TARGET / "release" / "session3"), command, "--dir", str(directory), *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def django_tests() -> Path:
    """The folder of Django's own tests of sessions, which its wheel lacks."""
    folder = TARGET / "django-tests" / version("Django")
    assert folder.is_dir(), "Django's own tests are missing; bindings/python/run-tests gets them"
    return folder


@pytest.fixture
def tell_processes() -> Callable[[str], None]:
    """Receives the figure for the table of hosts: the updates of several processes that were kept."""
    return _processes.append


@pytest.fixture(autouse=True)
def readme_has_a_folder_for_itself(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(tmp_path)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(_REPORT, type=Path, help="if all tests pass, write the results to this file")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _passed[Path(report.fspath).stem] += 1


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    path: Path | None = session.config.getoption(_REPORT)
    if path is None or exitstatus != 0:
        return
    manager = _passed["test_manager"] + _passed["test_wsgi"]
    line = {
        "host": "Python",
        "version": f"wasmtime-py {version('wasmtime')}",
        "store": f"{sum(_passed.values()) - manager} tests",
        "manager": f"{manager} tests",
        "locks": "processes of a machine, with session3",
        "processes": _processes[-1],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(line) + "\n")
