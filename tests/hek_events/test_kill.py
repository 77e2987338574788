"""A killed import leaves a whole database, and the next one finishes the work."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

from astrodome_hek_events.store import EventStore

WRITER = """
import json, sys
from astrodome_hek_events.store import EventStore
store, record = EventStore(sys.argv[1]), json.loads(sys.argv[2])
for answer in range(1000):
    store.put(record | {"kb_archivid": f"ivo://{answer}/{n}"} for n in range(100))
    print(answer, flush=True)
"""
"""Stores answer after answer, each of a hundred events."""


def test_a_killed_writer_leaves_whole_answers_behind(make_event, tmp_path, torture):
    for number in range(torture(2, 10)):
        path = tmp_path / f"{number}.sqlite"
        command = [sys.executable, "-c", WRITER, f"sqlite:///{path}", json.dumps(make_event())]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == "0\n"
            time.sleep(random.Random(number).uniform(0, 0.5))
            os.kill(writer.pid, signal.SIGKILL)
            reported = len(writer.stdout.readlines()) + 1
        store = EventStore(f"sqlite:///{path}")
        whole, rest = divmod(len(store.search()), 100)
        assert whole >= reported and rest == 0
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        assert store.put([make_event()]).done == 1
