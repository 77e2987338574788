"""Storing and querying events with sdo-cli; run with the Python of its environment.

Only the response of HEK is simulated.
"""

import json
import random
import statistics
import time
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from serve import serve

FIRST, YEARS = datetime(2010, 6, 1), 15
QUESTIONS = 50


class FidoReplacement:
    """Replacement for Fido that returns a table."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def search(self, *_: object) -> dict[str, Any]:
        return {"hek": self.table}


@cache
def manager(database: str) -> Any:
    from sdo.events.event_loader import HEKEventManager

    return HEKEventManager(database)


def upsert(database: str, records: str) -> float:
    from astropy.table import Table
    from sdo.events import event_loader

    own = manager(database)
    found = json.loads(Path(records).read_text())
    for record in found:
        record["refs"] = json.dumps(record["refs"])
        for name in ("event_starttime", "event_endtime"):
            record[name] = datetime.fromisoformat(record[name])
    event_loader.Fido = FidoReplacement(Table(found))
    started = time.perf_counter()
    own.load_and_store_events(FIRST, FIRST + timedelta(days=1), "AR")
    return time.perf_counter() - started


def copy(database: str, count: int) -> float:
    """Copy ``count`` events from the table of astrodome in the same database."""
    own = manager(database)
    columns = (
        "event_type, event_starttime, event_endtime, obs_observatory, obs_instrument, "
        "obs_channelid, kb_archivid, hpc_bbox, hpc_boundcc, hpc_coord"
    )
    started = time.perf_counter()
    with own.db.begin() as connection:
        connection.exec_driver_sql("DELETE FROM hek_events")
        connection.exec_driver_sql(
            f"INSERT INTO hek_events (event_id, {columns}, full_event) "
            f"SELECT nextval('event_id_seq'), {columns}, full_event::jsonb "
            f"FROM hek_records LIMIT {int(count)}"
        )
    return time.perf_counter() - started


def at(database: str) -> float:
    """Return the median duration of a query by time, in seconds."""
    rng = random.Random(1)
    minutes = [rng.randrange(YEARS * 365 * 1440) for _ in range(QUESTIONS)]
    own = manager(database)
    own.find_events_at(FIRST)
    took = []
    for minute in minutes:
        started = time.perf_counter()
        own.find_events_at(FIRST + timedelta(minutes=minute), ["AR"], "SDO", "AIA")
        took.append(time.perf_counter() - started)
    return statistics.median(took)


serve({"upsert": upsert, "copy": copy, "at": at})
