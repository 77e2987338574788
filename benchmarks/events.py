"""Storing and querying HEK events, compared with sdo-cli on the same PostgreSQL server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.services import hek, postgresql

from . import older
from .measure import (
    Effort,
    Figure,
    Worker,
    alone,
    cost,
    in_turn,
    per_second,
    rate,
    repeated,
    workers,
)

RECORDS = 2_000
FEW, MANY = 100_000, 1_000_000
"""Numbers of events in the stores for queries by time."""
TURNS = 2
"""Maximum number of runs; each takes sdo-cli some seconds."""
ORM = "sqlalchemy==1.4.54"
"""The last version that works with the events commands of sdo-cli; other commands accept newer."""


def events(place: Path, effort: Effort) -> Iterator[Figure]:
    """Update stored records with all 186 fields, and query events by time in large stores."""
    count = effort.size(RECORDS, 50)
    records = place / "records.json"
    records.write_text(json.dumps([full(number) for number in range(count)]))
    with (
        postgresql.server() as server,
        workers("sdo", "events", [older.beside("sdo", ORM)]) as (a, b),
    ):
        postgres, sqlite = f"{server}postgres", f"sqlite:///{place / 'events.sqlite'}"
        on_postgres = in_turn(
            lambda: a("upsert", database=postgres, records=records),
            lambda: b("upsert", database=postgres, records=records),
            effort.at_most(TURNS),
        )
        subject = f"{count:,} stored HEK events updated, 186 fields"
        yield rate(f"{subject}, PostgreSQL", *on_postgres, count, "events", "≥ 10")
        on_sqlite = repeated(lambda: b("upsert", database=sqlite, records=records), effort)
        yield alone(f"{subject}, SQLite", per_second(on_sqlite, count), "events/s", "≥ 8,000/s")
        yield from _at(a, b, postgres, sqlite, effort)


def _at(a: Worker, b: Worker, postgres: str, sqlite: str, effort: Effort) -> Iterator[Figure]:
    """Query the active regions of SDO/AIA at the same times on both sides."""
    for count, goal in (
        (effort.size(FEW, 20_000), "≤ 5 ms"),
        (effort.size(MANY, 30_000), "≤ 5 ms"),
    ):
        b("fill", database=postgres, count=count)
        b("fill", database=sqlite, count=count)
        a("copy", database=postgres, count=count)
        theirs, ours = in_turn(
            lambda: 1e3 * a("at", database=postgres),
            lambda: 1e3 * b("at", database=postgres),
            effort,
        )
        subject = f"HEK events at one time among {count:,}"
        yield cost(f"{subject}, PostgreSQL", theirs, ours, "ms", goal)
        file = repeated(lambda: 1e3 * b("at", database=sqlite), effort)
        yield alone(f"{subject}, SQLite", file, "ms", goal)


def full(number: int) -> dict[str, object]:
    """Return the record of an active region that also has the fields of flares."""
    flare = dict.fromkeys(hek.FLARE.split())
    return flare | dict(hek.region(number, kb_archivid=f"ivo://bench/{number:08}"))
