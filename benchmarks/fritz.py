"""Downloading classifications from a marshal that takes its time, beside scope-ml's own tool."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.services.fritz import Fritz

from . import older
from .measure import Figure, in_turn, rate, worker

COUNT = 5_000
FEW = 200
"""Sources that the older tool asks for; its rate does not depend on how many there are."""
LATENCY = 0.05
"""Seconds that every answer takes."""
TOKEN = "a-token"
GOAL = "≥ 6"
TURNS = 2


def fritz(place: Path, repeat: int) -> Iterator[Figure]:
    """Classes, periods and votes of sources by their names, from a server on loopback."""
    store = Fritz(token=TOKEN)
    names = [f"ZTFJ{number:06}" for number in range(COUNT)]
    for number, name in enumerate(names):
        store.add_source(name, number * 360 / COUNT, 10.0, 360)
        record = {"obj_id": name, "taxonomy_id": 7, "group_ids": [360], "probability": 0.5}
        store.post_classification({**record, "classification": "variable"})
        store.post_annotation({"origin": "o", "data": {"period": 1.5}}, name)
    many, few = place / "many.csv", place / "few.csv"
    rows = [f"{name},{number * 360 / COUNT},10.0" for number, name in enumerate(names)]
    for path, count in ((many, COUNT), (few, FEW)):
        path.write_text("\n".join(["obj_id,ra,dec", *rows[:count]]) + "\n")
    with store.twin() as twin:
        twin.latency = LATENCY
        os.environ |= {"ASTRODOME_FRITZ_URL": twin.url, "ASTRODOME_FRITZ_TOKEN": TOKEN}
        os.environ["ASTRODOME_HOME"] = str(place / "state")
        with (
            worker(older.environment("scope") / "python", "older_fritz") as a,
            worker(sys.executable, "ours_fritz") as b,
        ):
            host = twin.url.removeprefix("http://")
            slow, fast = in_turn(
                lambda: a("download", path=few, host=host, token=TOKEN),
                lambda: b("download", path=many, jobs=8),
                min(repeat, TURNS),
            )
    subject = f"download {COUNT:,} sources, 50 ms an answer"
    yield rate(subject, [s * COUNT / FEW for s in slow], fast, COUNT, "sources", GOAL)
