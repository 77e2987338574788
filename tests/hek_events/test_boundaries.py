"""Exact boundaries of requests to HEK, of the store and of analyses, and partial failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from astrodome_hek_events import records
from astrodome_hek_events.analysis import anomaly_maps, pairing
from astrodome_hek_events.client.hek_client import HekClient
from astrodome_hek_events.client.windows import HekQuery, QueryWindow
from astrodome_hek_events.settings import HekSettings
from astrodome_hek_events.store import coverage, schema, upsert
from astrodome_hek_events.store.event_store import EventStore
from astrodome_hek_events.store.queries import EventFilter
from services import hek
from services.fake_server import FakeServer

SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)
DAY = datetime(2023, 3, 29)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'hek.db'}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Start a fake HEK with four regions per day, which ``sdo events`` uses."""
    found = [
        hek.region(
            kb_archivid=f"ivo://x/{hours:03}",
            event_starttime=(DAY + timedelta(hours=hours)).isoformat(),
            event_endtime=(DAY + timedelta(hours=hours, minutes=10)).isoformat(),
        )
        for hours in range(0, 96, 6)
    ]
    with hek.Hek(found).server() as running:
        monkeypatch.setenv("ASTRODOME_HEK_URL", f"{running.url}/hek/her")
        monkeypatch.setenv("ASTRODOME_HEK_RETRIES", "0")
        yield running


def asked(server: FakeServer) -> list[tuple[str, str]]:
    """Return the times of all requests so far."""
    fields = ("event_starttime", "event_endtime")
    return [tuple(request.query[name][0] for name in fields) for request in server.requests]


# Windows that fail or are complete


def test_a_failed_window_is_reported_with_status_1_and_the_others_are_stored(events, server, url):
    broken = "2023-03-30T13:00:00"

    def fault(request: Any) -> str:
        start, end = (request.query[f"event_{name}time"][0] for name in ("start", "end"))
        return "500" if start <= broken <= end else ""

    server.choose = fault
    command = ("get", "--start=2023-03-29", "--end=2023-04-02", "--jobs=1", "--json")
    result = events(*command, "--db-connection-string", url)
    assert result.code == 1
    (failure,) = result.json["failed"]
    assert "HEK returned 500" in failure["reason"]
    name, start, _, end = failure["name"].split()
    assert name == "AR" and start <= broken < end
    length = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    whole = timedelta(days=5)
    assert abs(length - whole / 256) < SECOND, "the window was cut in two eight times"
    assert f"  failed  {failure['name']}: " in result.err
    assert result.json["done"] == 16 == len(EventStore(url).rows(EventFilter()))
    before = len(server.requests)
    server.choose = lambda request: ""
    again = events(*command, "--db-connection-string", url).succeeded()
    assert asked(server)[before:] == [(start, end)], (
        "only the window that failed is requested again"
    )
    assert again.json["failed"] == []


def fetched(url: str, when: datetime) -> None:
    """Change when the windows of a store were fetched."""
    with EventStore(url).database.writing() as connection:
        connection.execute(sa.update(schema.completed_windows).values(fetched=when))


def test_a_settled_window_is_not_requested_again_and_a_recent_one_is(
    events, server, url, monkeypatch
):
    monkeypatch.setenv("ASTRODOME_HEK_SETTLE_DAYS", "14")
    period = ("--start=2023-03-29", "--end=2023-03-30T00:00")
    command = ("get", *period, "--db-connection-string", url)
    events(*command).succeeded()
    end = datetime(2023, 3, 30)
    before = len(server.requests)
    fetched(url, end + timedelta(days=14))
    assert "in the requested time range are already stored" in events(*command).succeeded().err
    assert len(server.requests) == before
    fetched(url, end + timedelta(days=14) - TICK)
    events(*command).succeeded()
    assert asked(server)[before:] == [("2023-03-29T00:00:00", "2023-03-30T00:00:00")]


@pytest.mark.parametrize(
    ("when", "complete"),
    [
        (DAY + timedelta(days=14), True),
        (DAY + timedelta(days=14) - TICK, False),
        (DAY + timedelta(days=10), True),
        (DAY + timedelta(days=10) - TICK, False),
    ],
)
def test_a_window_is_complete_after_it_has_settled_or_while_it_is_fresh(url, when, complete):
    fresh_since = DAY + timedelta(days=10 if when < DAY + timedelta(days=12) else 20)
    whole = QueryWindow(HekQuery("AR"), DAY - timedelta(days=1), DAY)
    with EventStore(url).database.writing() as connection:
        row = {"event_type": "AR", "frm_name": "", "observatory": "", "fetched": when}
        row |= {"window_start": whole.start, "window_end": whole.end}
        upsert.upsert(connection, schema.completed_windows, [row])
        left = coverage.missing_windows(connection, whole, timedelta(days=14), fresh_since)
    assert left == ([] if complete else [whole])


def test_completed_windows_cover_queries_with_more_conditions(url):
    narrow = QueryWindow(HekQuery("AR", "SPoCA", "SDO"), DAY, DAY + timedelta(days=1))
    settle, since = timedelta(0), DAY
    for query, counts in (
        (HekQuery("AR", "SPoCA", "SDO"), True),
        (HekQuery("AR"), True),
        (HekQuery("**", "spoca"), True),
        (HekQuery("FL"), False),
        (HekQuery("AR", "SWPC"), False),
        (HekQuery("AR", "SPoCA", "GOES"), False),
    ):
        store = EventStore(f"{url}-{abs(hash(query))}")
        with store.database.writing() as connection:
            coverage.add_window(connection, QueryWindow(query, narrow.start, narrow.end))
            assert (coverage.missing_windows(connection, narrow, settle, since) == []) is counts, (
                query
            )


def test_the_gaps_between_complete_windows_are_missing():
    whole = QueryWindow(HekQuery("AR"), DAY, DAY + timedelta(days=10), splits=3)

    def done(first: float, last: float, query: HekQuery = whole.query) -> QueryWindow:
        return QueryWindow(query, DAY + timedelta(days=first), DAY + timedelta(days=last))

    assert whole.subtract([]) == [done(0, 10)]
    assert whole.subtract([done(-1, 2), done(2, 3), done(5, 6), done(5.5, 5.7)]) == [
        done(3, 5),
        done(6, 10),
    ]
    assert whole.subtract([done(0, 10)]) == whole.subtract([done(-5, 20)]) == []
    assert whole.subtract([done(0, 10, HekQuery("FL"))]) == [done(0, 10)]
    assert whole.subtract([done(9, 10)]) == [done(0, 9)]


def test_halves_meet_at_a_whole_second_and_cover_the_window():
    first, second = QueryWindow(HekQuery("AR"), DAY, DAY + timedelta(seconds=3), splits=2).split()
    assert (first.start, first.end, second.end) == (DAY, DAY + SECOND, DAY + 3 * SECOND)
    assert first.end == second.start and first.splits == second.splits == 3
    start = DAY + timedelta(microseconds=500_000)
    first, second = QueryWindow(HekQuery("AR"), start, start + SECOND / 4).split()
    assert first.start == first.end == second.start == start


# Requests


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 0, ("12:00:00", "13:00:00")),
        (0, 1, ("12:00:00", "13:00:01")),
        (999_999, 999_999, ("12:00:00", "13:00:01")),
        (1, 0, ("12:00:00", "13:00:00")),
    ],
)
def test_microseconds_widen_a_request_to_whole_seconds(server, start, end, expected):
    hour = DAY + timedelta(hours=12)
    window = QueryWindow(
        HekQuery("AR"), hour + start * TICK, hour + timedelta(hours=1) + end * TICK
    )
    with_url = HekSettings(url=f"{server.url}/hek/her", retries=0)
    HekClient(with_url).fetch(window)
    assert asked(server) == [tuple(f"2023-03-29T{time}" for time in expected)]


def test_an_end_with_microseconds_includes_the_event_of_that_second(events, server, url):
    until = ("--end=2023-03-29T11:59:59.5", "--db-connection-string", url, "--json")
    assert events("get", "--start=2023-03-29T11:00", *until).succeeded().json["done"] == 1


def test_a_window_is_divided_into_windows_of_at_most_the_given_length():
    window = QueryWindow(HekQuery("AR"), DAY, DAY + timedelta(days=3))
    parts = list(window.divide(timedelta(days=2)))
    assert [part.end - part.start for part in parts] == [timedelta(days=2), timedelta(days=1)]
    assert parts[0].end == parts[1].start and window.subtract(parts) == []
    assert list(window.divide(timedelta(days=3))) == [window]


# Records and queries


def test_texts_and_numbers_of_a_record_are_stored_up_to_their_limits(make_event):
    row = records.to_row(make_event(kb_archivid="i" * 500, hpc_coord="x" * 100_000))
    assert len(row["kb_archivid"]) == 500 and len(row["hpc_coord"]) == 100_000
    assert records.to_row(make_event(hpc_coord="x" * 100_001))["hpc_coord"] is None
    with pytest.raises(ValueError, match="kb_archivid: expected at most 500 characters, got 501"):
        records.to_row(make_event(kb_archivid="i" * 501))
    for given, kept in ((1, 1), ("999999", 999_999), (0, None), (1_000_000, None), (-1, None)):
        assert records.to_row(make_event(ar_noaanum=given))["ar_noaanum"] == kept


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        *((0, 8), (1, 8), (256, 8), (257, 9), (512, 9), (513, 10)),
        *((-1, 8), (2**23, 23), (2**23 + 1, 24), (2**24 + 1, 24), (2**26, 24)),
    ],
)
def test_the_duration_class_is_the_next_power_of_two(seconds, expected):
    assert records.duration_class(DAY, DAY + seconds * SECOND) == expected
    if seconds > 0:
        assert records.duration_class(DAY, DAY + seconds * SECOND - TICK) == expected


@pytest.mark.parametrize("days", [1, 366, 367])
def test_both_ends_of_a_query_are_included(make_event, url, days):
    store, end = EventStore(url), DAY + timedelta(days=days)
    for name, start, until in (
        ("before", DAY - 9 * SECOND, DAY - TICK),
        ("ends at start", DAY - 9 * SECOND, DAY),
        ("starts at end", end, end + SECOND),
        ("after", end + TICK, end + SECOND),
        ("around", DAY - timedelta(days=400), end + timedelta(days=400)),
    ):
        times = {"event_starttime": start.isoformat(), "event_endtime": until.isoformat()}
        store.add([make_event(kb_archivid=name, **times)])
    found = {row["kb_archivid"] for row in store.rows(EventFilter(DAY, end))}
    assert found == {"ends at start", "starts at end", "around"}


def test_at_includes_thirty_seconds_on_both_sides(events, answer, make_event, url):
    event = make_event(event_starttime="2012-01-01T06:00:00", event_endtime="2012-01-01T10:00:00")
    events("import", answer(event), "--db-connection-string", url).succeeded()
    for time, count in (
        ("2012-01-01T05:59:29.999999", 0),
        ("2012-01-01T05:59:30", 1),
        ("2012-01-01T10:00:30", 1),
        ("2012-01-01T10:00:30.000001", 0),
    ):
        listed = events("list", "--at", time, "--db-connection-string", url, "--json")
        assert len(listed.succeeded().json) == count, time


def test_a_limit_selects_the_events_that_start_first(events, server, url):
    events("get", "--start=2023-03-29", "--end=2023-04-01", "--db-connection-string", url)
    listed = events("list", "--limit=3", "--db-connection-string", url, "--json").succeeded().json
    assert [row["kb_archivid"][-3:] for row in listed] == ["000", "006", "012"]


def test_an_option_overrides_the_environment_and_the_environment_overrides_home(
    events, answer, make_event, tmp_path, monkeypatch
):
    def count(*args: str) -> int:
        return len(events("list", "--json", *args).succeeded().json)

    option = f"sqlite:///{tmp_path / 'option.db'}"
    monkeypatch.setenv("ASTRODOME_HOME", str(tmp_path / "home"))
    events("import", answer(make_event())).succeeded()
    assert count() == 1 and (tmp_path / "home" / "hek_events.sqlite").is_file()
    monkeypatch.setenv("DB_CONNECTION_STRING", f"sqlite:///{tmp_path / 'environment.db'}")
    events("import", answer(*(make_event(kb_archivid=str(n)) for n in range(2)))).succeeded()
    assert count() == 2
    three = answer(*(make_event(kb_archivid=str(n)) for n in range(3)))
    events("import", three, "--db-connection-string", option).succeeded()
    assert (count(), count("--db-connection-string", option)) == (2, 3)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_invalid_file_or_record_does_not_affect_the_others(
    events, make_event, tmp_path, url, order
):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps([make_event(), make_event(kb_archivid="2", event_type="")]))
    bad.write_text("{")
    files = [(good, bad)[number] for number in order]
    result = events("import", *files, "--db-connection-string", url, "--json")
    assert result.code == 1 and result.json["done"] == 1
    assert {failure["name"] for failure in result.json["failed"]} == {str(bad), "good.json 2"}


# Analysis


def test_a_map_is_paired_up_to_the_tolerance_with_the_nearest_image():
    def map_at(seconds: float, wavelength: int = 171) -> anomaly_maps.ImageFile:
        return anomaly_maps.ImageFile(Path(f"{seconds}.png"), DAY + seconds * SECOND, wavelength)

    picture = anomaly_maps.ImageFile(Path("a.jpeg"), DAY, 171)
    for offsets, nearest in (
        ((180,), 180),
        ((-180,), -180),
        ((180.000001,), None),
        ((-180.000001,), None),
        ((-100, 99), 99),
        ((-99, 100), -99),
        ((-500, -20, 500), -20),
    ):
        paired, alone = pairing.pair_images([picture], [map_at(s) for s in offsets], 180)
        if nearest is None:
            assert not paired and alone == [picture]
        else:
            assert paired[0].map == map_at(nearest) and not alone
    assert pairing.pair_images([picture], [map_at(0, 193)], 180) == ([], [picture])


def test_regions_of_exactly_the_smallest_and_largest_side_count():
    def found(height: int, width: int, **limits: float) -> int:
        scores = np.zeros((64, 64))
        scores[5 : 5 + height, 5 : 5 + width] = 200
        how = anomaly_maps.RegionDetection(threshold="binary", level=100, map_width=64, **limits)
        return len(anomaly_maps.detect_regions(anomaly_maps.AnomalyMap(scores, 0, 255), how))

    for side, inside in ((2, 0), (3, 1), (10, 1), (11, 0)):
        assert found(side, side, min_size=3, max_size=10) == inside
    assert found(3, 10, min_size=3, max_size=10) == 1
    assert found(2, 10, min_size=3, max_size=10) == found(3, 11, min_size=3, max_size=10) == 0


def test_a_score_equal_to_the_level_is_not_selected():
    scores = np.zeros((64, 64))
    scores[5:15, 5:15] = 100
    for level, count in ((99.9, 1), (100, 0)):
        how = anomaly_maps.RegionDetection(threshold="binary", level=level, map_width=64)
        assert (
            len(anomaly_maps.detect_regions(anomaly_maps.AnomalyMap(scores, 0, 255), how)) == count
        )
