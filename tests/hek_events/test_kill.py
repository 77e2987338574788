"""A store is intact after a kill signal at any time, and the next run completes it."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from astrodome_hek_events.store.event_store import EventStore
from astrodome_hek_events.store.queries import EventFilter
from services import hek
from services.starter import Starter

COUNT = 600


@pytest.fixture(scope="module")
def regions() -> list[dict]:
    """Return regions of most of a year, with durations up to four days."""
    found = []
    for number in range(COUNT):
        start = datetime(2012, 1, 1) + number * timedelta(hours=12)
        found.append(
            hek.region(
                kb_archivid=f"ivo://helio-informatics.org/AR_{number}",
                event_starttime=start.isoformat(),
                event_endtime=(start + timedelta(days=number % 5)).isoformat(),
            )
        )
    return found


@pytest.fixture(scope="module")
def starter(tmp_path_factory) -> Iterator[Starter]:
    """Run ``sdo events`` without the time for imports, so that many commands can be killed."""
    modules = ("astrodome_hek_events.downloads", "astrodome_hek_events.store.event_store")
    with Starter("sdo events", tmp_path_factory.mktemp("output"), *modules) as made:
        yield made


def sound(path: Path) -> None:
    with sqlite3.connect(path, timeout=60) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def content(database: str) -> dict[str, str]:
    """Return the row and the record of each event by id."""
    store = EventStore(database)
    rows, records = store.rows(EventFilter()), store.records()
    return {
        row["kb_archivid"]: f"{row} {record}" for row, record in zip(rows, records, strict=True)
    }


@pytest.fixture(scope="module")
def truth(regions, tmp_path_factory) -> dict[str, str]:
    database = f"sqlite:///{tmp_path_factory.mktemp('truth') / 'events.sqlite'}"
    EventStore(database).add(regions)
    return content(database)


def test_get_resumes_after_it_was_killed(regions, truth, starter, tmp_path, torture, monkeypatch):
    """One store is killed repeatedly until it is complete, then the next one."""
    base, kills, store = hek.Hek(regions, page=20), torture(3, 100), 0
    rng = random.Random(1)
    with base.server() as server:
        monkeypatch.setenv("ASTRODOME_HEK_URL", f"{server.url}/hek/her")
        monkeypatch.setenv("ASTRODOME_HEK_PAGE_SIZE", "20")
        while kills > 0:
            store += 1
            path = tmp_path / f"{store}.sqlite"
            database = f"sqlite:///{path}"
            command = (
                "get",
                "--start",
                "2012-01-01",
                "--end",
                "2012-12-01T00:00",
                "--event-type",
                "AR",
            )
            command += ("--jobs", "2", "--db-connection-string", database)
            ended = False
            while not ended and kills > 0:
                seen = len(server.requests)
                process = starter.start(*command)
                until(lambda seen=seen: len(server.requests) > seen, starter, process)
                time.sleep(rng.uniform(0, 0.5))
                starter.kill(process)
                ended = starter.wait(process).code == 0
                kills -= not ended
                if path.exists():
                    sound(path)
            before = len(server.requests)
            starter.run(*command).succeeded()
            assert content(database) == truth
            asked = [request.query["event_starttime"][0] for request in server.requests[before:]]
            assert not (ended and asked)


def test_an_import_is_stored_completely_or_not_at_all(regions, truth, starter, tmp_path, torture):
    rng = random.Random(2)
    file = tmp_path / "hek.json"
    file.write_text(json.dumps({"result": regions, "overmax": False}))
    for number in range(torture(3, 100)):
        path = tmp_path / f"{number}.sqlite"
        database = f"sqlite:///{path}"
        process = starter.start("import", file, "--db-connection-string", database)
        until(path.exists, starter, process)
        time.sleep(rng.uniform(0, 0.15))
        starter.kill(process)
        starter.wait(process)
        sound(path)
        with sqlite3.connect(path) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            count = "SELECT count(*) FROM hek_records"
            found = connection.execute(count).fetchone()[0] if tables else 0
        connection.close()
        assert found in (0, COUNT)
        starter.run("import", file, "--db-connection-string", database).succeeded()
        assert content(database) == truth
        path.unlink()


def until(met, starter: Starter, process: int) -> None:
    limit = time.monotonic() + 60
    while not met() and starter.running(process):
        assert time.monotonic() < limit
        time.sleep(0.002)


def test_four_processes_write_to_one_store_without_loss_or_duplicates(
    regions, truth, starter, database, tmp_path
):
    """Each process imports half of the events in random order; each event is in two files."""
    rng = random.Random(3)
    writers = []
    for number in range(4):
        own = [region for place, region in enumerate(regions) if (place + number) % 4 < 2]
        rng.shuffle(own)
        parts = []
        for part in range(5):
            parts.append(tmp_path / f"{number}-{part}.json")
            parts[-1].write_text(json.dumps(own[part::5]))
        writers.append(starter.start("import", *parts, "--db-connection-string", database))
    for writer in writers:
        starter.wait(writer).succeeded()
    assert content(database) == truth


@pytest.fixture
def reader_and_writer(database, regions) -> Iterator[tuple[EventStore, EventStore]]:
    yield EventStore(database), EventStore(database)


def test_a_store_is_read_while_another_process_writes(reader_and_writer, regions):
    reader, writer = reader_and_writer
    writer.add(regions[:10])
    with writer.database.writing() as connection:
        connection.execute(sa.text("UPDATE hek_records SET event_type = 'XX'"))
        assert {row["event_type"] for row in reader.rows(EventFilter())} == {"AR"}
