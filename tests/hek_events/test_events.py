"""`sdo events import` and `list`, with SQLite and PostgreSQL."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from astrodome import AstrodomeError
from astrodome_hek_events.source import HekEvents
from astrodome_hek_events.store.event_store import EventStore
from astrodome_hek_events.store.queries import EventFilter
from astrodome_solar.protocols import EventSource

DAY = datetime(2012, 1, 1), datetime(2012, 1, 2)


@pytest.fixture
def stored(events, answer, database):
    """Store two active regions and a flare, and return a function that lists ids."""
    events("import", answer(), "--db-connection-string", database).succeeded()

    def ids(*args):
        listed = events("list", *args, "--db-connection-string", database, "--json").succeeded()
        return [row["kb_archivid"].rsplit("_", 1)[1] for row in listed.json]

    return ids


def test_events_are_listed_in_order_of_start_with_typed_columns(stored, events, database):
    rows = events("list", "--db-connection-string", database, "--json").succeeded().json
    assert [row["event_type"] for row in rows] == ["AR", "FL", "AR"]
    region, flare, _ = rows
    assert region["event_starttime"] == "2012-01-01T06:00:00"
    assert region["event_probability"] == 0.75 and region["fl_goescls"] is None
    corners = [region[f"hpc_{name}"] for name in ("x_min", "y_min", "x_max", "y_max")]
    assert corners == [-352, 380, -268.75, 430]
    assert (flare["ar_noaanum"], flare["fl_goescls"]) == (11389, "C2.4")
    assert flare["event_peaktime"] == "2012-01-01T08:21:00" and flare["hpc_x_min"] is None


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--event-type", "fl"), ["F1"]),
        (("--event-type", "FL", "--event_type", "AR"), ["AR1", "F1", "AR2"]),
        (("--event-type", "CH"), []),
        (("--start", "2012-01-01T08:36:00"), ["AR1", "AR2"]),
        (("--end", "2012-01-01T08:00:00"), ["AR1"]),
        (("--end", "2012-01-01"), ["AR1", "F1", "AR2"]),
        (("--end", "2011-12-31"), []),
        (("--start", "2012-01-01T10:00:01", "--end", "2012-01-01T11:00:00"), ["AR2"]),
        (("--at", "2012-01-01T08:35:20"), ["AR1", "F1"]),
        (("--at", "2012-01-01T09:59:40Z"), ["AR1", "AR2"]),
        (("--at", "2012-01-01T08:36:00"), ["AR1"]),
        (("--observatory", "sdo", "--instrument", "aia"), ["AR1", "AR2"]),
        (("--channel", "193"), ["AR1", "AR2"]),
        (("--channel", "1_1"), []),
        (("--limit", "2"), ["AR1", "F1"]),
    ],
)
def test_each_option_of_list_selects_events(stored, args, expected):
    assert stored(*args) == expected


def test_list_prints_tab_separated_values_in_a_pipe(stored, events, database):
    lines = events("list", "--db-connection-string", database).succeeded().out.splitlines()
    assert lines[0].split("\t")[:3] == ["event_type", "event_starttime", "event_peaktime"]
    assert lines[1].split("\t")[:2] == ["AR", "2012-01-01T06:00:00"]


def test_other_plugins_get_unchanged_records(events, answer, database, monkeypatch):
    path = answer()
    monkeypatch.setenv("DB_CONNECTION_STRING", database)
    events("import", path).succeeded()
    source = HekEvents()
    assert isinstance(source, EventSource)
    served = {record["kb_archivid"]: record for record in json.loads(path.read_text())["result"]}
    found = source.search(*DAY)
    assert len(found) == 3
    for record in found:
        assert json.dumps(record) == json.dumps(served[record["kb_archivid"]])
    (flare,) = source.search(*DAY, ["FL"])
    assert flare["frm_name"] == "SWPC"
    noon = datetime(2012, 1, 1, 12, tzinfo=UTC)
    assert [r["kb_archivid"][-3:] for r in source.search(noon, noon)] == ["AR2"]


def test_a_changed_event_replaces_the_stored_one(stored, events, answer, make_event, database):
    again = answer(make_event(ar_noaanum="11390"), make_event(ar_noaanum="11391"))
    events("import", again, "--db-connection-string", database).succeeded()
    rows = events("list", "--db-connection-string", database, "--json").json
    assert [row["ar_noaanum"] for row in rows] == [11391, 11389, None]
    first, *_ = EventStore(database).records()
    assert first["ar_noaanum"] == "11391"


def test_invalid_records_are_reported_and_the_others_stored(events, answer, make_event, database):
    bad = [
        make_event(kb_archivid=""),
        make_event(kb_archivid="ivo://a", event_type=None),
        make_event(kb_archivid="ivo://b", event_starttime="2012-01-01T25:00:00"),
        make_event(kb_archivid="ivo://c", event_endtime=[]),
        make_event(kb_archivid="ivo://d", frm_name="null\0byte"),
        make_event(kb_archivid="ivo://e\ud800"),
        make_event(kb_archivid="ivo://" + "f" * 5000),
        "no event",
        None,
    ]
    result = events("import", answer(make_event(), *bad), "--db-connection-string", database)
    assert result.code == 1
    assert "1 event stored, 9 failed." in result.err
    reasons = {
        "record 2": "missing kb_archivid",
        "ivo://a": "missing event_type",
        "ivo://b": "invalid event_starttime: expected ISO 8601, got '2012-01-01T25:00:00'",
        "ivo://c": "invalid event_endtime",
        "ivo://d": "invalid Unicode character in frm_name",
        "ivo://e": "invalid Unicode character in kb_archivid",
        "ivo://ffff": "invalid kb_archivid: expected at most 500 characters, got 5006",
        "record 9": "expected a JSON object, got str",
        "record 10": "expected a JSON object, got NoneType",
    }
    lines = [line for line in result.err.splitlines() if "failed  hek.json " in line]
    for (name, reason), line in zip(reasons.items(), lines, strict=True):
        assert f"hek.json {name}" in line and reason in line
    assert len(EventStore(database).rows(EventFilter())) == 1


def test_invalid_values_are_null_in_the_columns_and_unchanged_in_the_record(
    events, answer, make_event, database
):
    odd = make_event(
        ar_noaanum="about 11389",
        hpc_x=float("nan"),
        hpc_y="1e999",
        event_peaktime="noon",
        hpc_bbox="POLYGON((1 2,3",
        event_score="\0",
    )
    events("import", answer(odd), "--db-connection-string", database).succeeded()
    (row,) = EventStore(database).rows(EventFilter())
    for column in ("ar_noaanum", "hpc_x", "hpc_y", "event_peaktime", "hpc_x_min"):
        assert row[column] is None
    (record,) = EventStore(database).records()
    assert record["hpc_y"] == "1e999" and record["hpc_bbox"] == "POLYGON((1 2,3"


def test_nan_in_added_records_becomes_null(make_event, database):
    store = EventStore(database)
    assert store.add([make_event(hpc_x=float("nan"))]).done == 1
    assert store.records()[0]["hpc_x"] is None


def test_a_file_with_a_list_of_records_is_imported(events, answer, make_event, database, tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps([make_event()]))
    events("import", path, "--db-connection-string", database).succeeded()
    assert len(EventStore(database).rows(EventFilter())) == 1


def test_concurrent_writers_lose_no_events(make_event, database):
    def write(writer):
        EventStore(database).add(
            make_event(kb_archivid=f"ivo://{writer}/{n}" if n else "ivo://shared")
            for n in range(200)
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(EventStore(database).rows(EventFilter())) == 4 * 199 + 1


def test_the_error_about_an_empty_store_suggests_commands(events, database):
    result = events("list", "--db-connection-string", database)
    assert result.code == 1
    assert "No events found in" in result.err and "sdo events import" in result.err
    with pytest.raises(AstrodomeError, match="No events"):
        HekEvents(database).search(*DAY)
