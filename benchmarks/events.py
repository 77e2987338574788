"""Compare the storage and queries of HEK events with sdo-cli on the same PostgreSQL server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.services import hek, postgresql

from . import older
from .measure import Effort, Figure, Workers, alone, cost, rate, repeated, workers

RECORDS = 2_000
FEW, MANY = 100_000, 1_000_000
"""Numbers of stored events in the benchmarks of queries by time."""
TURNS = 2
"""Maximum number of runs, because each run of sdo-cli takes several seconds."""
ORM = "sqlalchemy==1.4.54"
"""Latest version of SQLAlchemy with which the ``events`` commands of sdo-cli work."""


def events(place: Path, effort: Effort) -> Iterator[Figure]:
    """Update stored records with all 186 fields, and query large numbers of events by time."""
    count = effort.size(RECORDS, 50)
    records = place / "records.json"
    records.write_text(json.dumps([full(number) for number in range(count)]))
    with (
        postgresql.server() as server,
        workers("sdo", "events", [older.beside("sdo", ORM)]) as sides,
    ):
        postgres, sqlite = f"{server}postgres", f"sqlite:///{place / 'events.sqlite'}"
        given = {"database": postgres, "records": records}
        on_postgres = sides.compare(effort.at_most(TURNS), "upsert", **given)
        subject = f"updating {count:,} stored HEK events with 186 fields"
        yield rate(f"{subject}, PostgreSQL", *on_postgres, count, "events", "≥ 10")
        given["database"] = sqlite
        on_sqlite = [count / x for x in repeated(lambda: sides.ours("upsert", **given), effort)]
        yield alone(f"{subject}, SQLite", on_sqlite, "events/s", "≥ 8,000/s")
        yield from _at(sides, postgres, sqlite, effort)


def _at(sides: Workers, postgres: str, sqlite: str, effort: Effort) -> Iterator[Figure]:
    """Query the active regions of SDO/AIA at the same times on both sides."""
    for count in (effort.size(FEW, 20_000), effort.size(MANY, 30_000)):
        for database in (postgres, sqlite):
            sides.ours("fill", database=database, count=count)
        sides.older("copy", database=postgres, count=count)
        seconds = sides.compare(effort, "at", database=postgres)
        milliseconds = ([1e3 * x for x in side] for side in seconds)
        subject = f"query of HEK events at one time among {count:,} events"
        yield cost(f"{subject}, PostgreSQL", *milliseconds, "ms", "≤ 5 ms")
        file = repeated(lambda: 1e3 * sides.ours("at", database=sqlite), effort)
        yield alone(f"{subject}, SQLite", file, "ms", "≤ 5 ms")


def full(number: int) -> dict[str, object]:
    """Return the record of an active region. The fields for flares are empty."""
    flare = dict.fromkeys(hek.FLARE.split())
    return flare | dict(hek.region(number, kb_archivid=f"ivo://bench/{number:08}"))
