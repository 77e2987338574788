"""Events into a database and out of it again, beside sdo-cli on the same PostgreSQL."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.services import hek, postgresql

from . import older
from .measure import Figure, Worker, cost, in_turn, rate, worker

RECORDS = 2_000
FEW, MANY = 100_000, 1_000_000
"""Events in the stores that are asked for those of a time."""
TURNS = 2
"""The older tool takes seconds for each."""
ORM = "sqlalchemy==1.4.54"
"""The last line with which sdo-cli's events work; its other commands do not mind a newer one."""


def events(place: Path, repeat: int) -> Iterator[Figure]:
    """Upserts of records with all 186 fields, and the events at a time among many."""
    records = place / "records.json"
    records.write_text(json.dumps([full(number) for number in range(RECORDS)]))
    turns = min(repeat, TURNS)
    python = older.environment("sdo") / "python"
    with (
        postgresql.server() as server,
        worker(python, "older_events", paths=[older.beside("sdo", ORM)]) as a,
        worker(sys.executable, "ours_events") as b,
    ):
        postgres, sqlite = f"{server}postgres", f"sqlite:///{place / 'events.sqlite'}"
        on_postgres = in_turn(
            lambda: a("upsert", database=postgres, records=records),
            lambda: b("upsert", database=postgres, records=records),
            turns,
        )
        fields = "records of 186 fields"
        yield rate(f"upsert {fields}, PostgreSQL", *on_postgres, RECORDS, "records", "≥ 10")
        on_sqlite = [b("upsert", database=sqlite, records=records) for _ in range(repeat)]
        subject = f"upsert {fields}, SQLite (older: PostgreSQL)"
        yield rate(subject, on_postgres[0], on_sqlite, RECORDS, "records", "≥ 8,000/s")
        yield from _at(a, b, postgres, sqlite, repeat)


def _at(a: Worker, b: Worker, postgres: str, sqlite: str, repeat: int) -> Iterator[Figure]:
    for count, goal in ((FEW, "≤ 1 ms"), (MANY, "≤ 5 ms")):
        b("fill", database=postgres, count=count)
        b("fill", database=sqlite, count=count)
        a("copy", database=postgres, count=count)
        theirs, ours = in_turn(
            lambda: 1e3 * a("at", database=postgres),
            lambda: 1e3 * b("at", database=postgres),
            repeat,
        )
        yield cost(f"events at a time, {count:,}, PostgreSQL", theirs, ours, "ms", goal)
        file = [1e3 * b("at", database=sqlite) for _ in range(repeat)]
        subject = f"events at a time, {count:,}, SQLite (older: PostgreSQL)"
        yield cost(subject, theirs, file, "ms", goal)


def full(number: int) -> dict[str, object]:
    """A region with the fields of flares too, as in a table of both."""
    flare = dict.fromkeys(hek.FLARE.split())
    return flare | dict(hek.region(number, kb_archivid=f"ivo://bench/{number:08}"))
