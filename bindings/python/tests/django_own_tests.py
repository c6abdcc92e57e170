"""Runs Django's own tests of session engines on ours: DIRECTORY. They are on PYTHONPATH, see `run-tests`.

Prints how many there were; fails, and says why on stderr, when one of them does.
"""

from __future__ import annotations

import sys
import unittest
from typing import Any

import django
from django.conf import settings
from workers import report

settings.configure(
    SECRET_KEY="for tests only",
    SESSION_ENGINE="session3_wasm.django",
    SESSION3_DIRECTORY=sys.argv[1],
    # Django's tests import its own engines, which store sessions in a table.
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "sessions_tests"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=False,
)
django.setup()

from django.test import SimpleTestCase  # noqa: E402  # They want settings.
from session3_wasm.django import SessionStore  # noqa: E402
from sessions_tests import tests  # type: ignore[import-not-found]  # noqa: E402


class Engine(tests.SessionTestsMixin, SimpleTestCase):  # type: ignore[misc]
    backend = SessionStore


class Middleware(tests.SessionMiddlewareTests):  # type: ignore[misc]
    # Tests that use the table.
    test_empty_session_saved: Any = None
    test_session_update_error_redirect: Any = None


def run(case: type[unittest.TestCase]) -> int:
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    result = unittest.TextTestRunner(sys.stderr).run(suite)
    if not result.wasSuccessful() or result.skipped:
        sys.exit(1)
    return result.testsRun


if __name__ == "__main__":
    report({"engine": run(Engine), "middleware": run(Middleware)})
