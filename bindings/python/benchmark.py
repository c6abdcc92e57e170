"""The cost of a load and a save, against Session3's own store and a bare pickle, in one run.

python benchmark.py DIRECTORY
"""

import pickle
import statistics
import sys
import time
from pathlib import Path

from session3.Session import Session
from session3.store.DirectorySessionStore import DirectorySessionStore as TheirStore
from session3_wasm import DirectorySessionStore as OurStore

ROUNDS = 300


class PlainFile:
    """A pickle in a file, without locks."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(exist_ok=True)

    def load_session(self, id):
        return pickle.loads((self.directory / id).read_bytes())

    def save_session(self, session):
        (self.directory / session.id).write_bytes(pickle.dumps(session, 4))


def session_of(size):
    session = Session.__new__(Session)
    vars(session).update(id="benchmark", user="alice", _form_tokens=[], text="x" * size, count=0)
    return session


def microseconds(operation):
    start = time.perf_counter()
    operation()
    return (time.perf_counter() - start) * 1e6


def measure(stores, size):
    costs = {name: ([], []) for name in stores}
    for store in stores.values():
        store.save_session(session_of(size))
    for _ in range(ROUNDS):
        # Interleaved, so that other load on the machine affects all equally.
        for name, store in stores.items():
            loads, saves = costs[name]
            store.load_session("benchmark")  # Warm the caches that the others have displaced.
            loads.append(microseconds(lambda: store.load_session("benchmark")))
            session = store.load_session("benchmark")
            session.count += 1
            saves.append(microseconds(lambda: store.save_session(session)))
    print(f"{size} bytes, medians in microseconds    load   save")
    for name, pair in costs.items():
        load, save = (statistics.median(values) for values in pair)
        print(f"  {name:34} {load:6.0f} {save:6.0f}")


if __name__ == "__main__":
    root = Path(sys.argv[1])
    for size in (100, 1_000, 10_000, 100_000):
        measure(
            {
                "pickle in a file": PlainFile(root / f"plain{size}"),
                "session3.DirectorySessionStore": TheirStore(root / f"theirs{size}", create=True),
                "session3_wasm, exclusive": OurStore(root / f"ours{size}", create=True),
                "session3_wasm, exclusive=False": OurStore(root / f"side{size}", create=True, exclusive=False),
                "session3_wasm, durable": OurStore(root / f"durable{size}", create=True, durability="durable"),
            },
            size,
        )
