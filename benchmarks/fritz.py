"""Compare downloads of classifications from a fake marshal with scope-ml."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.services.fritz import Fritz

from .measure import Effort, Figure, rate, repeated, workers

COUNT, FEWEST = 400, 8
CONNECTIONS = 8
"""Default number of connections of ``scope download-classification``; scope-ml always uses one."""
LATENCY = 0.05
"""Duration of each response of the fake marshal, in seconds."""
TOKEN = "a-token"
GOAL = "≥ 6"
TURNS = 2


def fritz(place: Path, effort: Effort) -> Iterator[Figure]:
    """Download the classes, periods and votes of sources from a fake marshal on localhost."""
    store, count = Fritz(token=TOKEN), effort.size(COUNT, FEWEST)
    names = [f"ZTFJ{number:06}" for number in range(count)]
    for number, name in enumerate(names):
        store.add_source(name, number * 360 / count, 10.0, 360)
        record = {"obj_id": name, "taxonomy_id": 7, "group_ids": [360], "probability": 0.5}
        store.post_classification({**record, "classification": "variable"})
        store.post_annotation({"origin": "o", "data": {"period": 1.5}}, name)
    sample = place / "sample.csv"
    rows = [f"{name},{number * 360 / count},10.0" for number, name in enumerate(names)]
    sample.write_text("\n".join(["obj_id,ra,dec", *rows]) + "\n")
    with store.server() as server:
        server.latency = LATENCY
        os.environ |= {"ASTRODOME_FRITZ_URL": server.url, "ASTRODOME_FRITZ_TOKEN": TOKEN}
        os.environ["ASTRODOME_HOME"] = str(place / "state")
        few, call = effort.at_most(TURNS), {"path": sample}
        with workers("scope", "fritz") as sides:
            one = sides.compare(few, "download", {"jobs": 1}, **call)
            many = repeated(lambda: sides.ours("download", **call, jobs=CONNECTIONS), few)
    subject = f"`scope download-classification`, {count:,} sources, 50 ms per response"
    yield rate(f"{subject}, 1 connection", *one, count, "sources")
    eight = f"{subject}, defaults (astrodome: {CONNECTIONS} connections)"
    yield rate(eight, one[0], many, count, "sources", GOAL)
