"""Processes that run the same script concurrently."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def run_together(script: str, *arguments: object, processes: int = 4) -> list[dict[str, Any]]:
    """Run a script of this folder in several processes. Each reports `ready`, waits for the others, and prints JSON."""
    line = [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]
    running = [
        subprocess.Popen([*line, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    try:
        for process in running:
            assert process.stdout and process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=120)[0]) for process in running]
    finally:
        for process in running:
            process.kill()
            process.communicate()


def wait_for_the_others() -> None:
    """In the script: report that it is ready."""
    _say("ready")
    sys.stdin.readline()


def report(answer: dict[Any, Any]) -> None:
    """In the script: report the result."""
    _say(json.dumps(answer))


def _say(line: str) -> None:
    # Quixote's logger captures sys.stdout.
    print(line, file=sys.__stdout__, flush=True)
