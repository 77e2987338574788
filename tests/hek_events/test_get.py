"""`sdo events get`: download from a fake HEK server, also in pages and after failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("zeep")

import sqlalchemy as sa
from astrodome import AstrodomeError
from astrodome_hek_events.client import responses
from astrodome_hek_events.client.windows import HekQuery, QueryWindow
from astrodome_hek_events.store.event_store import EventStore
from astrodome_hek_events.store.queries import EventFilter
from services import hek
from services.fake_server import FakeServer
from sunpy.net import attrs as a
from sunpy.net.hek import HEKClient

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For behaviour that does not depend on the database."""
DAY = ("--start", "2023-03-29", "--end", "2023-03-30T00:00")


def many(count: int = 300, days: int = 60, first: datetime = datetime(2012, 1, 1)) -> list[Any]:
    """Return regions with evenly spaced starts, each with a duration of two days."""
    step = timedelta(days=days) / count
    found = []
    for number in range(count):
        start = (first + number * step).replace(microsecond=0)
        found.append(
            hek.region(
                kb_archivid=f"ivo://helio-informatics.org/AR_{number}",
                event_starttime=start.isoformat(),
                event_endtime=(start + timedelta(days=2)).isoformat(),
            )
        )
    return found


@pytest.fixture
def serve(monkeypatch):
    """Start a fake HEK server, which ``sdo events get`` uses."""

    @contextmanager
    def start(base: hek.Hek) -> Iterator[FakeServer]:
        with base.server() as server:
            monkeypatch.setenv("ASTRODOME_HEK_URL", f"{server.url}/hek/her")
            monkeypatch.setenv("ASTRODOME_HEK_RETRIES", "0")
            yield server

    return start


@pytest.fixture
def get(events, database):
    """Run ``sdo events get`` into an empty database."""
    return lambda *args: events("get", *args, "--db-connection-string", database, "--json")


def stored(database: str) -> dict[str, Any]:
    records = EventStore(database).full_records(EventFilter())
    return {record["kb_archivid"]: record for record in records}


def wanted(base: hek.Hek) -> dict[str, Any]:
    return {name: dict(event) for name, event in base.events.items()}


def test_the_events_of_a_day_are_stored_with_all_fields(serve, get, database, events):
    base = hek.Hek(hek.day())
    with serve(base):
        result = get(*DAY, "--event-type", "AR", "--event-type", "FL").succeeded()
    assert result.json == {"done": 10, "skipped": 0, "failed": []}
    assert stored(database) == wanted(base)
    sizes = {len(record) for record in stored(database).values()}
    assert sizes == {170, 180}
    rows = events("list", "--db-connection-string", database, "--json").json
    assert len(rows) == 10
    (noaa,) = [row for row in rows if row["ar_noaanum"] == 13260 and row["event_type"] == "AR"]
    assert (noaa["hpc_x"], noaa["hpc_y"]) == (127.301, -205.38197)
    assert noaa["hpc_bbox"].startswith("POLYGON((119.301 ")
    assert noaa["hpc_x_min"] == pytest.approx(113.301)


def test_a_record_is_stored_with_the_same_fields_values_and_order(serve, get, database):
    base = hek.Hek([hek.region(event_score="0.050", event_c1error=1, hpc_x=637.90)])
    with serve(base) as server:
        get(*DAY).succeeded()
        page = base.respond(server.requests[-1]).body.decode()
    (record,) = EventStore(database).full_records(EventFilter())
    assert json.dumps([record]) == json.dumps(responses.parse(page).records)


@on_sqlite
def test_the_client_of_sunpy_finds_the_same_events(serve, get, database):
    base = hek.Hek(hek.day(), page=3)
    with serve(base) as server:
        get(*DAY, "--event-type", "all").succeeded()
        client = HEKClient(url=f"{server.url}/hek/her?")
        found = client.search(a.Time("2023-03-29", "2023-03-30"), a.hek.FL)
    records = stored(database)
    assert len(found) == 2
    for row in found.raw:
        record = records[str(row["kb_archivid"])]
        for name in record:
            assert row[name] == record[name], name


def test_the_command_line_of_sdo_cli_works_unchanged(serve, events, database, monkeypatch):
    monkeypatch.setenv("DB_CONNECTION_STRING", database)
    readme = ["--start=2012-01-01T00:00:00", "--end=2012-01-02T23:59:59", "--event-type=AR"]
    with serve(hek.Hek([*many(), *hek.day()])):
        events("get", *readme).succeeded()
    listed = events("list", *readme).succeeded().out.splitlines()
    assert len(listed) == 1 + len(many(days=60)[:10])


@on_sqlite
@pytest.mark.parametrize(
    "args", [(), ("--start", "2012-12-01T01:00:00"), ("--end", "2012-12-03T00:00")]
)
def test_start_and_end_have_the_documented_defaults(serve, get, database, args):
    def last_seen(number: int, start: str, end: str) -> Any:
        name = f"ivo://helio-informatics.org/AR_{number}"
        return hek.region(kb_archivid=name, event_starttime=start, event_endtime=end)

    base = hek.Hek(
        [
            last_seen(0, "2012-11-30T00:00:00", "2012-12-01T00:59:59"),
            last_seen(1, "2012-11-30T00:00:00", "2012-12-01T01:00:00"),
            last_seen(2, "2012-12-03T00:00:00", "2012-12-04T00:00:00"),
            last_seen(3, "2012-12-04T00:00:00", "2012-12-05T00:00:00"),
        ]
    )
    with serve(base):
        get(*args).succeeded()
    assert sorted(name[-1] for name in stored(database)) == ["1", "2"]


@on_sqlite
@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--event-type", "all"), 10),
        (("--event_type", "fl"), 2),
        (("--event-type", "AR,FL"), 10),
        ((), 8),
        (("--event-type", "all", "--frm", "SSW Latest Events"), 1),
        (("--event-type", "all", "--observatory", "GOES"), 1),
    ],
)
def test_types_methods_and_observatories_are_part_of_the_request(
    serve, get, database, args, expected
):
    with serve(hek.Hek(hek.day())):
        assert get(*DAY, *args).succeeded().json["done"] == expected
    assert len(stored(database)) == expected


@on_sqlite
def test_all_pages_of_a_window_are_stored(serve, get, database, monkeypatch):
    monkeypatch.setenv("ASTRODOME_HEK_PAGE_SIZE", "7")
    base = hek.Hek(many(), page=5)
    with serve(base):
        get("--start", "2012-01-01", "--end", "2012-03-05T00:00").succeeded()
    assert stored(database) == wanted(base)


@on_sqlite
def test_quiet_years_take_few_requests(serve, get, database):
    with serve(hek.Hek(many(20, 3650))) as server:
        get("--start", "2012-01-01", "--end", "2021-12-31T00:00", "--jobs", "2").succeeded()
    assert len(server.requests) < 240


def test_complete_windows_are_not_requested_again(serve, get, events, database):
    with serve(hek.Hek(hek.day())) as server:
        get(*DAY, "--event-type", "all").succeeded()
        before = len(server.requests)
        again = get(*DAY, "--event-type", "AR", "--frm", "SWPC").succeeded()
        assert len(server.requests) == before
        assert {request.query["result_limit"][0] for request in server.requests} == {"500"}
        assert (
            again.json["done"] == 0
            and "in the requested time range are already stored" in again.err
        )
        get("--start", "2023-03-28", "--end", "2023-03-29T12:00:00").succeeded()
        (request,) = server.requests[before:]
        assert request.query["event_endtime"] == ["2023-03-29T00:00:00"]
        get(*DAY, "--again").succeeded()
        assert len(server.requests) == before + 2


@on_sqlite
def test_a_window_that_has_not_settled_is_requested_again(serve, get, database, monkeypatch):
    """A window counts as complete for an hour, and again after its events have settled."""
    settled, fresh = timedelta(days=14), timedelta(hours=1)
    now = datetime(2023, 3, 30)
    with serve(hek.Hek(hek.day())):
        get(*DAY).succeeded()
    store = EventStore(database)
    window = QueryWindow(HekQuery("AR"), datetime(2023, 3, 29), now)
    assert store.missing_windows(window, settled, fresh) == []
    years = timedelta(days=40 * 365)
    assert store.missing_windows(window, years, fresh) == []
    assert store.missing_windows(window, years, -fresh) == [window]


def test_a_changed_event_replaces_the_stored_one(serve, get, database):
    base = hek.Hek(hek.day())
    with serve(base):
        get(*DAY).succeeded()
        base.issue(hek.region(13256, ar_numspots=77))
        get(*DAY, "--again").succeeded()
    assert stored(database)[hek.region(13256)["kb_archivid"]]["ar_numspots"] == 77
    assert len(stored(database)) == 8


@on_sqlite
@pytest.mark.parametrize("fault", ["500", "503", "html", "cut", "reset", "never", "loop"])
def test_a_failed_request_is_repeated_and_no_event_is_lost(
    serve, get, database, fault, monkeypatch
):
    monkeypatch.setenv("ASTRODOME_HEK_TIMEOUT", "0.5")
    base = hek.Hek(many(60, 10))
    with serve(base) as server:
        server.add_faults(*[fault] * 3)
        get("--start", "2012-01-01", "--end", "2012-01-13T00:00", "--jobs", "2").succeeded()
    assert stored(database) == wanted(base)


@on_sqlite
def test_retry_after_is_honoured(serve, get, database, monkeypatch):
    base = hek.Hek(hek.day())
    with serve(base) as server:
        monkeypatch.setenv("ASTRODOME_HEK_RETRIES", "2")
        server.add_faults("429 after 1")
        began = datetime.now()
        get(*DAY).succeeded()
        assert datetime.now() - began >= timedelta(seconds=1)
    assert len(stored(database)) == 8


@on_sqlite
def test_windows_that_time_out_are_split_until_hek_responds(serve, get, database):
    base = hek.Hek(many(60, 10), longest=timedelta(hours=4))
    with serve(base):
        get("--start", "2012-01-01", "--end", "2012-01-05T00:00", "--jobs", "2").succeeded()
    known = [event for event in many(60, 10) if event["event_starttime"] < "2012-01-05T00:01"]
    assert len(stored(database)) == len(known)


@on_sqlite
def test_missing_times_are_reported_and_downloaded_by_the_next_run(
    serve, get, database, monkeypatch
):
    base = hek.Hek(many(60, 10), longest=timedelta(0))
    with serve(base):
        failed = get("--start", "2012-01-01", "--end", "2012-01-13T00:00", "--jobs", "2")
        assert failed.code == 1
        names = [entry["name"] for entry in failed.json["failed"]]
        assert names == ["AR 2012-01-01T00:00:00 to 2012-01-13T00:00:00"]
        assert "HEK returned 504" in failed.json["failed"][0]["reason"]
        base.longest = timedelta.max
        get("--start", "2012-01-01", "--end", "2012-01-13T00:00").succeeded()
    assert stored(database) == wanted(base)


@on_sqlite
def test_without_a_connection_windows_are_not_split(serve, get, monkeypatch):
    monkeypatch.setenv("ASTRODOME_HEK_URL", "http://127.0.0.1:9/hek/her")
    result = get("--start", "2012-01-01", "--end", "2021-12-31T00:00", "--event-type", "AR,FL")
    assert result.code == 1
    assert [entry["name"] for entry in result.json["failed"]] == [
        "AR 2012-01-01T00:00:00 to 2021-12-31T00:00:00",
        "FL 2012-01-01T00:00:00 to 2021-12-31T00:00:00",
    ]
    assert all("Connection refused" in entry["reason"] for entry in result.json["failed"])
    assert result.err.count("\n") == 2


@on_sqlite
def test_an_invalid_record_is_reported_and_its_window_requested_again(serve, get, database):
    good, bad = hek.region(1), hek.region(2, event_type=None)
    base = hek.Hek([good])
    base.events["bad"] = bad
    with serve(base) as server:
        result = get(*DAY, "--event-type", "all")
        assert result.code == 1 and result.json["done"] == 1
        (failure,) = result.json["failed"]
        assert failure["name"] == f"all types: {bad['kb_archivid']}"
        assert failure["reason"] == "missing event_type"
        before = len(server.requests)
        base.events["bad"] = hek.region(2)
        assert get(*DAY, "--event-type", "all").succeeded().json["done"] == 2
        assert len(server.requests) == before + 1
    assert len(stored(database)) == 2


def test_nan_in_a_response_becomes_null(serve, get, database):
    base = hek.Hek([hek.region(1, area_raw=float("nan"), hpc_x=float("nan")), hek.region(2)])
    with serve(base):
        get(*DAY).succeeded()
    found = stored(database)[hek.region(1)["kb_archivid"]]
    assert found["area_raw"] is None and found["hpc_x"] is None and len(found) == 170


def test_an_unknown_type_is_wrong_usage(events):
    result = events("get", *DAY, "--event-type", "FLARE")
    assert result.code == 2
    assert "Unknown HEK event type: FLARE" in result.err and "FL (flare)" in result.err


def test_the_error_about_a_full_disk_contains_the_path_of_the_database(events, serve, disk) -> None:
    point = disk("size=64k")
    with serve(hek.Hek(many())):
        result = events(
            "get", "--start", "2012-01-01", "--end", "2012-03-01", "--event-type", "AR",
            "--db-connection-string", f"sqlite:///{point / 'events.sqlite'}",
        )  # fmt: skip
    assert result.code == 1
    assert f"No space left on the disk while writing {point / 'events.sqlite'}" in result.err
    assert result.err.count("No space left") == 1 and "Traceback" not in result.err


def test_the_error_about_a_read_only_folder_contains_the_path_of_the_database(
    events, serve, disk
) -> None:
    path = disk("size=64k,ro") / "events.sqlite"
    with serve(hek.Hek(many(2))):
        result = events("get", *DAY, "--db-connection-string", f"sqlite:///{path}")
    assert result.code == 1 and f"the event database {path}: unable to open" in result.err


def test_the_error_about_a_full_or_read_only_sqlite_file_contains_its_path(tmp_path) -> None:
    path = tmp_path / "events.sqlite"
    EventStore(f"sqlite:///{path}").add([hek.region()])
    read_only = EventStore(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(AstrodomeError, match=r"Read-only.*|Cannot read or write") as failure:
        read_only.add([hek.region(kb_archivid="ivo://helio-informatics.org/2")])
    assert str(path) in failure.value.message

    full = EventStore(f"sqlite:///{path}")

    @sa.event.listens_for(full.database.engine, "connect")
    def limit(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count=1")  # SQLite raises it to the current size

    with pytest.raises(AstrodomeError, match="No space left on the disk") as failure:
        full.add(many(2000))
    assert str(path) in failure.value.message
    assert len(EventStore(f"sqlite:///{path}").rows(EventFilter(), 10)) == 1
