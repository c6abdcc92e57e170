"""Takes a lock in a lock file, reports it, and holds it until killed: FILE NAME exclusive|shared NUMBER."""

from __future__ import annotations

import sys

from session3_wasm.locks import LockSpace
from workers import report

if __name__ == "__main__":
    file, name, mode, _ = sys.argv[1:]
    lock = LockSpace.of(file).acquire("worker", name, mode == "exclusive", 10)
    report({"holds": name})
    sys.stdin.readline()
