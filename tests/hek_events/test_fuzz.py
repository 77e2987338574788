"""Mutated records and responses: every record is stored or reported."""

from __future__ import annotations

import io
import json
import math
import random
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from astrodome import AstrodomeError
from astrodome_hek_events import records
from astrodome_hek_events.client import responses
from astrodome_hek_events.client.hek_client import HekClient
from astrodome_hek_events.client.windows import HekQuery, QueryWindow
from astrodome_hek_events.settings import HekSettings
from astrodome_hek_events.store.event_store import EventStore
from astrodome_hek_events.store.queries import EventFilter
from astrodome_hek_events.views import export
from astropy.table import Table
from services import hek
from services.fake_server import FakeServer, Response
from shapely.geometry import shape

VALUES: list[Any] = [
    *(None, "", " ", "\0", "\ud800", "é\U0001f31e", "x" * 700, True, False, 0, -1, 1e308, 10**400),
    *(float("nan"), float("inf"), -0.0, [], [[]], {}, {"a": {"b": None}}, "null", "NaN", "N/A"),
    *("2012-01-01", "2012-01-01 00:00:00", "2012-01-01T00:00:00Z", "2012-13-01T00:00:00"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2016-12-31T23:59:60"),
    *("2012-W01-1", "20120101T000000.123456789", "-2012-01-01", "1325376000", "tomorrow"),
    *("POLYGON((0 0,1 0,1 1,0 0))", "POLYGON((0 0,1 1))", "POLYGON EMPTY", "POLYGON((0 0 0,1))"),
    *("POLYGON((1e400 0,1 0,1 1,1e400 0))", "POLYGON((nan nan,1 0,1 1,nan nan))", "POINT(1 2)"),
    *("MULTIPOLYGON(((0 0,1 0,1 1,0 0)))", "polygon ((0 0,1 0,1 1,0 0))", "POLYGON" + "(" * 500),
    "GEOMETRYCOLLECTION(" * 20_000,
    "POLYGON((" + ",".join(f"{n} {n % 7}" for n in range(2000)) + ",0 0))",
]
TYPED = [
    *("kb_archivid", "event_type", "event_starttime", "event_endtime", "event_peaktime"),
    *(*records.TEXT_COLUMNS, *records.NUMBER_COLUMNS, "ar_noaanum"),
]


def mutated(rng: random.Random, number: int) -> Any:
    """Return a region with one to three mutated fields, or a value that is not a record."""
    if rng.random() < 0.02:
        return rng.choice(VALUES)
    record = hek.region(kb_archivid=f"ivo://fuzz/{number}")
    for _ in range(rng.randint(1, 3)):
        field = rng.choice(TYPED) if rng.random() < 0.8 else rng.choice(list(record))
        what = rng.random()
        if what < 0.7:
            record[field] = rng.choice(VALUES)
        elif what < 0.8:
            record.pop(field, None)
        else:
            text = list(str(record.get(field)) or "x")
            text[rng.randrange(len(text))] = chr(rng.choice((0, 9, 34, 40, 44, 92, 233, 0x1F31E)))
            record[field] = "".join(text)
    return record


def test_each_mutated_record_is_stored_or_reported(database, torture):
    rng = random.Random(20120101)
    store = EventStore(database)
    number = 0
    for _ in range(torture(10, 250)):
        batch = [mutated(rng, number := number + 1) for _ in range(100)]
        text = json.dumps({"result": batch, "overmax": False})
        found = responses.parse(text).records
        assert len(found) == len(batch)
        outcome = store.add(found, label="fuzz")
        ids = Counter(record["kb_archivid"] for record in batch if _has_id(record))
        doubles = sum(count - 1 for count in ids.values())
        assert 0 <= len(batch) - outcome.done - len(outcome.failed) <= doubles
        assert len(set(outcome.ids)) == outcome.done
        for name, reason in outcome.failed:
            assert name.startswith("fuzz ") and reason
            assert reason.isprintable() and len(reason) < 200
    rows = store.rows(EventFilter())
    assert len(rows) == len(store.records()) > 0
    for kind, reader in (("votable", "votable"), ("ecsv", "ascii.ecsv")):
        text = export.to_text(rows[:500], kind, "fuzz")
        assert len(Table.read(io.BytesIO(text.encode()), format=reader)) == len(rows[:500])
    document = json.loads(export.to_text(rows, "geojson", "fuzz"), parse_constant=pytest.fail)
    for row, feature in zip(rows, document["features"], strict=True):
        assert feature["id"] == row["kb_archivid"]
        placed = None not in (row["hpc_x"], row["hpc_y"])
        assert feature["geometry"] or not placed
        if feature["geometry"]:
            drawn = shape(feature["geometry"])
            assert math.isfinite(sum(map(abs, drawn.bounds))) and not drawn.is_empty
            assert drawn.geom_type == "Point" or drawn.area > 0
            assert placed or drawn.geom_type != "Point"


def _has_id(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("kb_archivid"), str)


@pytest.fixture(scope="module")
def page() -> bytes:
    document = {"result": [hek.region(), hek.flare()], "overmax": False}
    return json.dumps(document, ensure_ascii=False).encode()


def spoilt(rng: random.Random, page: bytes) -> bytes:
    """Return the page with some bytes changed, removed, repeated or truncated."""
    body = bytearray(page)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body) or 1)
        what = rng.randrange(5)
        if what == 0:
            body[at : at + 1] = bytes([rng.randrange(256)])
        elif what == 1:
            del body[at : at + rng.choice((1, 5, 500))]
        elif what == 2:
            body[at:at] = rng.choice((b'"', b"[" * 3000, b"NaN", b"}", b",", b"\\ud83d", b"\xff"))
        elif what == 3:
            body[at:at] = body[at : at + 300]
        else:
            del body[at:]
    return bytes(body)


def test_a_mutated_file_is_parsed_as_json_or_rejected(page, tmp_path, torture):
    rng = random.Random(20120102)
    path = tmp_path / "spoilt.json"
    for _ in range(torture(500, 20_000)):
        content = spoilt(rng, page)
        path.write_bytes(content)
        try:
            found = responses.read_file(path)
        except AstrodomeError as error:
            assert str(path) in error.message
        else:
            document = json.loads(content, parse_constant=lambda _: None)
            events = document["result"] if isinstance(document, dict) else document
            assert found == events


def test_a_mutated_response_is_stored_or_rejected(page, tmp_path, torture):
    rng = random.Random(20120103)
    store = EventStore(f"sqlite:///{tmp_path / 'events.sqlite'}")
    start, end = datetime(2023, 3, 29), datetime(2023, 3, 30)
    window = QueryWindow(HekQuery("AR"), start, end)
    with FakeServer(lambda _: Response(spoilt(rng, page))) as server:
        client = HekClient(HekSettings(url=server.url, retries=0, timeout=5))
        for _ in range(torture(100, 5_000)):
            try:
                found = client.fetch(window)
            except AstrodomeError as error:
                assert error.message.startswith("HEK ")
            else:
                outcome = store.add(found, label="response", window=window)
                assert outcome.done <= len(found) <= 4000
