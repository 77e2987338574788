"""`sdo events list`, `stats` and `show`: formats, counts and complete records."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import redirect_stdout

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from astrodome import plugins, spreadsheets
from astrodome.app import main
from astrodome_hek_events import plugin
from astropy.table import Table
from services import hek


@pytest.fixture
def stored(events, answer, monkeypatch, database):
    """Store the events of a day and another event, and return a function for ``sdo events``."""
    monkeypatch.setenv("DB_CONNECTION_STRING", database)
    outline = "POLYGON((0 0,100 0,100 50,0 0))"
    spoca = hek.region(
        1,
        kb_archivid="ivo://helio-informatics.org/CH_SPoCA_1",
        event_type="CH",
        event_starttime="2012-02-01T00:00:00",
        event_endtime="2012-02-02T00:00:00",
        frm_name="SPoCA",
        hpc_boundcc=outline,
        hpc_x="",
    )
    events("import", answer(spoca, *hek.day())).succeeded()
    return events


FIRST = {
    "kb_archivid": "ivo://helio-informatics.org/CH_SPoCA_1",
    "event_starttime": "2012-02-01T00:00:00",
    "hpc_y": 445.945566,
}


def table(path, kind) -> Table:
    return Table.read(path, format={"ecsv": "ascii.ecsv", "csv": "ascii.csv"}.get(kind, kind))


@pytest.mark.parametrize("kind", ["csv", "ecsv", "votable"])
def test_astropy_reads_what_list_writes(stored, tmp_path, kind):
    path = tmp_path / f"events.{kind}"
    written = stored("list", "--format", kind, "--out", path, "--json").succeeded().json
    assert written == {"file": str(path), "format": kind, "events": 11}
    found = table(path, kind)
    rows = stored("list", "--json").json
    assert len(found) == len(rows) == 11
    for name, value in FIRST.items():
        assert found[name][0] == value
    for row, line in zip(rows, found, strict=True):
        for name, value in row.items():
            if value is None:
                assert np.ma.is_masked(line[name]) or line[name] == "", name
            else:
                assert line[name] == pytest.approx(value) or str(line[name]) == str(value), name
    if kind != "csv":
        assert str(found["hpc_x_min"].unit) == "arcsec"


def test_text_cells_of_csv_cannot_become_formulas(events, answer, monkeypatch, database):
    monkeypatch.setenv("DB_CONNECTION_STRING", database)
    name = '=HYPERLINK("http://evil.example")'
    day = {"event_starttime": "2012-02-01T00:00:00", "event_endtime": "2012-02-02T00:00:00"}
    event = hek.region(1, event_type="CH", frm_name=name, kb_archivid="ivo://x/CH_1", **day)
    events("import", answer(event)).succeeded()
    (row,) = csv.DictReader(io.StringIO(events("list", "--format", "csv").succeeded().out))
    assert row["frm_name"] == f"'{name}" and spreadsheets.original(row["frm_name"]) == name
    assert events("list", "--json").succeeded().json[0]["frm_name"] == name


def test_text_formats_can_be_written_to_a_pipe_and_parquet_cannot(stored):
    assert stored("list", "--format", "csv").succeeded().out.count("\n") == 12
    assert stored("list", "--format", "votable").succeeded().out.startswith("<?xml")
    result = stored("list", "--format", "parquet")
    assert result.code == 2 and "--out FILE" in result.err
    assert stored("list", "--format", "csv", "--json").code == 2


def test_parquet_has_times_units_and_provenance(stored, tmp_path):
    path = tmp_path / "events.parquet"
    stored("list", "--out", path).succeeded()
    found = pq.read_table(path)
    assert str(found.schema.field("event_starttime").type) == "timestamp[us, tz=UTC]"
    assert found.schema.field("hpc_x").metadata[b"unit"] == b"arcsec"
    assert "HEK events from" in json.loads(found.schema.metadata[b"astrodome"])["source"]
    rows = stored("list", "--json").json
    listed = found.to_pylist()
    assert [row["kb_archivid"] for row in listed] == [row["kb_archivid"] for row in rows]
    assert listed[0]["hpc_x"] is None and listed[0]["ar_noaanum"] == 1


def test_geojson_contains_outlines_boxes_and_points(stored, tmp_path):
    path = tmp_path / "events.geojson"
    stored("list", "--out", path).succeeded()
    hole, region, *_ = json.loads(path.read_text())["features"]
    assert shapely.geometry.shape(hole["geometry"]).area == 2500
    assert hole["properties"]["frm_name"] == "SPoCA" and "hpc_bbox" not in hole["properties"]
    shape = shapely.geometry.shape(region["geometry"])
    assert shape.geom_type == "Polygon" and tuple(region["bbox"]) == shape.bounds


def test_an_export_in_the_format_of_hek_is_imported_with_all_fields(stored, tmp_path, events):
    path = tmp_path / "events.json"
    stored("list", "--out", path, "--event-type", "AR").succeeded()
    other = f"sqlite:///{tmp_path / 'other.sqlite'}"
    events("import", path, "--db-connection-string", other).succeeded()
    again = tmp_path / "again.json"
    events("list", "--out", again, "--db-connection-string", other).succeeded()
    assert again.read_text() == path.read_text()
    (record,) = [r for r in json.loads(path.read_text())["result"] if r["ar_noaanum"] == 13259]
    assert record == hek.day()[3]


def test_an_unknown_file_extension_is_wrong_usage(stored, tmp_path):
    result = stored("list", "--out", tmp_path / "events.doc")
    assert result.code == 2 and "--format csv|parquet" in result.err


def test_stats_count_by_type_and_month(stored):
    assert stored("stats", "--json").succeeded().json == [
        {"month": "2012-02", "event_type": "CH", "events": 1},
        {"month": "2023-03", "event_type": "AR", "events": 8},
        {"month": "2023-03", "event_type": "FL", "events": 2},
    ]
    lines = stored("stats").out.splitlines()
    assert lines == [
        "month\tAR\tCH\tFL\ttotal",
        "2012-02\t0\t1\t0\t1",
        "2023-03\t8\t0\t2\t10",
        "total\t8\t1\t2\t11",
    ]
    some = stored("stats", "--start", "2023-01-01", "--event-type", "fl", "--json").json
    assert [row["events"] for row in some] == [2]
    assert stored("stats", "--frm", "spoca", "--json").json[0]["event_type"] == "CH"


def test_show_prints_the_record_for_an_id_or_a_part_of_it(stored):
    flare = hek.flare()
    for name in (flare["kb_archivid"], "20230329155800", "FL_SWPC"):
        assert stored("show", name, "--json").succeeded().json == flare
    lines = dict(line.split("\t", 1) for line in stored("show", "FL_SWPC").out.splitlines())
    assert lines["fl_goescls"] == "C5.6" and lines["frm_institute"].startswith("NOAA")
    assert "area_raw" not in lines


def test_show_lists_the_ids_that_match_an_ambiguous_part(stored):
    result = stored("show", "AR_NOAA")
    assert result.code == 1
    assert "More than 5 events" in result.err and result.err.count("ivo://") == 5
    assert "2 events have ids that contain 'FL_'" in stored("show", "FL_").err
    nothing = stored("show", "100%_")
    assert nothing.code == 1 and "Event '100%_' not found" in nothing.err


def test_list_accepts_all_types_and_a_method(stored):
    assert len(stored("list", "--event-type", "all", "--json").json) == 11
    assert len(stored("list", "--event-type", "ar,fl", "--frm", "swpc", "--json").json) == 1
    assert stored("list", "--event-type", "XX").code == 2


class Terminal(io.StringIO):
    """A text stream that pretends to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 140, 200, 300])
def test_list_on_a_terminal_splits_no_cell_and_shows_the_peak_of_flares(stored, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    registry = plugins.of("sdo", hek=plugin)
    with redirect_stdout(Terminal()) as out, pytest.raises(SystemExit) as left:
        main("sdo", ["events", "list", "--event-type", "FL"], registry)
    assert left.value.code == 0
    shown = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())
    lines = [line.rstrip() for line in shown.splitlines() if line.strip()]
    assert len(lines) == 2 + 2 and max(map(len, lines)) <= width
    header, _, *rows = lines
    assert [row.split()[:2] for row in rows] == [["FL", "2023-03-29T15:58:00"]] * 2
    assert width < 60 or all("2023-03-29T16:12:00" in row for row in rows)
    assert width < 80 or "C5.7" in rows[0]
    assert width < 100 or all("2023-03-29T16:14:00" in row for row in rows)
    assert width < 300 or "ivo://helio-informatics.org/FL_SWPC_20230330" in rows[1]
    assert ("kb_archivid" in header) == (width == 300)


def test_list_in_a_pipe_has_all_columns(stored):
    header, first, *_ = stored("list", "--event-type", "FL").succeeded().out.splitlines()
    shown = dict(zip(header.split("\t"), first.split("\t"), strict=True))
    assert shown["event_peaktime"] == "2023-03-29T16:12:00" and len(shown) == 13
    assert shown["kb_archivid"].startswith("ivo://helio-informatics.org/FL_")
