"""Store and query events with sdo-cli. This module runs in the environment of sdo-cli.

The HEK response is simulated.
"""

import json
import random
import statistics
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

from serve import seconds, serve

FIRST, YEARS = datetime(2010, 6, 1), 15
QUERIES = 50


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


def upsert(database: str, records: str) -> Any:
    from astropy.table import Table
    from sdo.events import event_loader

    found = json.loads(Path(records).read_text())
    for record in found:
        record["refs"] = json.dumps(record["refs"])
        for name in ("event_starttime", "event_endtime"):
            record[name] = datetime.fromisoformat(record[name])
    event_loader.Fido = FidoReplacement(Table(found))
    own = manager(database)
    return lambda: own.load_and_store_events(FIRST, FIRST + timedelta(days=1), "AR")


def copy(database: str, count: int) -> None:
    """Copy ``count`` events from the astrodome table to the sdo-cli table."""
    columns = (
        "event_type, event_starttime, event_endtime, obs_observatory, obs_instrument, "
        "obs_channelid, kb_archivid, hpc_bbox, hpc_boundcc, hpc_coord"
    )
    with manager(database).db.begin() as connection:
        connection.exec_driver_sql("DELETE FROM hek_events")
        connection.exec_driver_sql(
            f"INSERT INTO hek_events (event_id, {columns}, full_event) "
            f"SELECT nextval('event_id_seq'), {columns}, full_event::jsonb "
            f"FROM hek_records LIMIT {int(count)}"
        )


def at(database: str) -> float:
    """Return the median duration of a query for the events at one time, in seconds."""
    rng = random.Random(1)
    times = [FIRST + timedelta(minutes=rng.randrange(YEARS * 365 * 1440)) for _ in range(QUERIES)]
    find = manager(database).find_events_at
    find(FIRST)
    return statistics.median(seconds(partial(find, t, ["AR"], "SDO", "AIA")) for t in times)


serve({"upsert": upsert, "copy": copy, "at": at})
