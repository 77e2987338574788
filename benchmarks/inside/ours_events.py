"""Run the tasks in ``older_events.py`` with ``astrodome_hek_events``."""

import json
import random
import statistics
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

from astrodome_hek_events import EventStore
from astrodome_hek_events.store.queries import TIME_MARGIN, EventFilter
from serve import seconds, serve

FIRST, YEARS = datetime(2010, 6, 1), 15
QUERIES = 50
MINUTES = (5, 12, 30, 60, 240, 720, 1440)
BATCH = 50_000


@cache
def store(database: str) -> EventStore:
    return EventStore(database)


def upsert(database: str, records: str) -> Any:
    found = json.loads(Path(records).read_text())
    return lambda: store(database).add(found)


def some(count: int) -> Iterator[dict[str, Any]]:
    """Yield ``count`` event records with durations from five minutes to a day."""
    rng = random.Random(count)
    for number in range(count):
        start = FIRST + timedelta(minutes=rng.randrange(YEARS * 365 * 1440))
        yield {
            "kb_archivid": f"ivo://bench/{count}/{number:08}",
            "event_type": rng.choice(("AR", "CH", "FL", "SG")),
            "event_starttime": start.isoformat(),
            "event_endtime": (start + timedelta(minutes=rng.choice(MINUTES))).isoformat(),
            "obs_observatory": "SDO",
            "obs_instrument": "AIA",
            "obs_channelid": "171",
            "hpc_bbox": "POLYGON((-350.5 380,-270 380,-270 430,-350.5 430,-350.5 380))",
            "hpc_boundcc": "",
            "hpc_coord": "POINT(-311.5 402.25)",
        }


def fill(database: str, count: int) -> None:
    """Add events until the store contains ``count`` events."""
    kept = store(database)
    stored = sum(row["events"] for row in kept.count_rows(EventFilter()))
    missing = islice(some(count), count - stored)
    while batch := list(islice(missing, BATCH)):
        kept.add(batch)


def at_time(time: datetime) -> EventFilter:
    return EventFilter(time - TIME_MARGIN, time + TIME_MARGIN, ["AR"], "SDO", "AIA")


def at(database: str) -> float:
    """Return the median duration of a query for the events at one time, in seconds."""
    rng = random.Random(1)
    times = [FIRST + timedelta(minutes=rng.randrange(YEARS * 365 * 1440)) for _ in range(QUERIES)]
    kept = store(database)
    assert any(kept.rows(at_time(time)) for time in times)
    return statistics.median(seconds(partial(lambda t: kept.rows(at_time(t)), t)) for t in times)


serve({"upsert": upsert, "fill": fill, "at": at})
