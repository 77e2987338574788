"""The public Python API: names, examples in docstrings, arguments and results."""

from __future__ import annotations

import doctest
import importlib
import inspect
import runpy
from datetime import UTC, datetime
from pathlib import Path

import astrodome_hek_events as hek_events
import numpy as np
import pandas as pd
import pytest
from astrodome import AstrodomeError
from astropy.time import Time
from hek_events import sun
from matplotlib.figure import Figure
from services import hek

ROOT = Path(__file__).parents[2]
NAMES = {
    *("AddResult", "AnalysisResult", "EventStore", "Overlap"),
    *("analyze", "boxes_on_image", "download", "overlap", "plot", "search"),
}
DURING = {"event_starttime": "2013-12-31T22:00:00", "event_endtime": "2014-01-01T02:00:00"}


@pytest.fixture
def store(database):
    """A store with the ten events of a day."""
    made = hek_events.EventStore(database)
    made.add(hek.day())
    return made


def test_the_public_names_are_stable():
    assert set(hek_events.__all__) == NAMES
    assert set(dir(hek_events)) >= NAMES
    assert hek_events.__version__


@pytest.mark.parametrize("name", sorted(NAMES))
def test_public_objects_have_complete_docstrings(name):
    public = getattr(hek_events, name)
    functions = [public] if inspect.isfunction(public) else []
    if name == "EventStore":
        functions = [public.add, public.query, public.counts, public.records]
    for function in functions:
        text = inspect.getdoc(function)
        assert "Parameters\n---" in text and "Returns\n---" in text, function.__name__
        for parameter in list(inspect.signature(function).parameters)[1:]:
            assert parameter in text, f"{function.__name__}: {parameter}"
    assert inspect.getdoc(public)


@pytest.fixture
def server(monkeypatch):
    """Start a fake HEK server with the ten events of a day."""
    with hek.Hek(hek.day()).server() as running:
        monkeypatch.setenv("ASTRODOME_HEK_URL", f"{running.url}/hek/her")
        monkeypatch.setenv("ASTRODOME_HEK_RETRIES", "0")
        yield running


@pytest.mark.parametrize(
    "module",
    [
        "analysis.iou",
        "analysis.run",
        "downloads",
        "placement",
        "store.event_store",
        "views.image_plot",
    ],
)
def test_examples_in_docstrings_are_correct(module, server, make_event, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sun.write_image(tmp_path / "images", sun.corona(128))
    sun.write_map(tmp_path / "maps", np.eye(128) * 200)
    if module != "store.event_store":
        hek_events.EventStore("events.sqlite").add([make_event(**DURING)])
    result = doctest.testmod(importlib.import_module(f"astrodome_hek_events.{module}"))
    assert result.attempted and not result.failed


def test_the_example_runs_and_prints_results(capsys):
    runpy.run_path(str(ROOT / "examples/hek_events_api.py"))
    assert "IoU 0." in capsys.readouterr().out


@pytest.mark.parametrize(
    "time",
    [
        "2023-03-29T16:05",
        datetime(2023, 3, 29, 16, 5),
        datetime(2023, 3, 29, 16, 5, tzinfo=UTC),
        np.datetime64("2023-03-29T16:05"),
        pd.Timestamp("2023-03-29T18:05+02:00"),
        Time("2023-03-29T16:05:00"),
    ],
)
def test_queries_accept_times_of_every_type(store, time):
    found = store.query(time, time, ["FL"])
    assert len(found) == 2 and set(found["event_type"]) == {"FL"}


def test_one_event_type_may_be_a_string_and_an_unknown_one_is_an_error(store):
    expected = store.query(event_types=["FL"])
    assert len(expected) and len(store.query(event_types="FL")) == len(expected)
    assert len(store.records(event_types="fl,AR")) == len(store.records(event_types=["FL", "AR"]))
    for method in (store.query, store.records, store.counts):
        with pytest.raises(AstrodomeError, match="Unknown HEK event type: XX"):
            method(event_types=["XX"])


def test_an_end_without_a_time_of_day_includes_the_day(store):
    day = str(store.query()["event_starttime"].iloc[0].date())
    assert len(store.query(day, day)) == len(store.query(f"{day}T00:00", f"{day}T23:59:59.999999"))
    with pytest.raises(AstrodomeError, match="is before the start"):
        store.query("2023-03-30", "2023-03-29")


def test_tables_have_typed_columns(store):
    found = store.query()
    assert len(found) == 10
    assert found["event_starttime"].dtype.kind == "M" and found["event_peaktime"].dtype.kind == "M"
    assert found["hpc_x"].dtype == float and found["ar_noaanum"].dtype == "Int64"
    assert store.query(limit=3)["kb_archivid"].tolist() == found["kb_archivid"][:3].tolist()
    assert store.counts().to_dict("list") == {
        "month": ["2023-03", "2023-03"],
        "event_type": ["AR", "FL"],
        "events": [8, 2],
    }
    assert store.query("1999-01-01", "1999-02-01").columns.equals(found.columns)


def test_an_invalid_time_is_an_error(store):
    with pytest.raises(AstrodomeError, match="Invalid time 'soon'"):
        store.query("soon")


@pytest.mark.parametrize("kind", [str, Path, "~/events.sqlite"])
def test_a_store_is_a_path_or_an_address(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = kind if isinstance(kind, str) else kind(tmp_path / "events.sqlite")
    hek_events.EventStore(path).add(hek.day())
    address = f"sqlite:///{tmp_path / 'events.sqlite'}"
    assert len(hek_events.EventStore(address).query()) == 10


def test_search_returns_the_events_of_hek_as_a_table(server, store):
    found = hek_events.search("2023-03-29", "2023-03-30", ["AR"])
    expected = store.query("2023-03-29", "2023-03-30", ["AR"])
    pd.testing.assert_frame_equal(found, expected)
    assert len(hek_events.search("2023-03-29", "2023-03-30", frm="SWPC")) == 1
    assert hek_events.search("1999-01-01", "1999-01-02").empty


def test_search_without_hek_is_an_error(monkeypatch):
    monkeypatch.setenv("ASTRODOME_HEK_URL", "http://127.0.0.1:9/hek/her")
    with pytest.raises(AstrodomeError, match="Connection refused"):
        hek_events.search("2023-03-29", "2023-03-30")
    with pytest.raises(AstrodomeError, match="Unknown HEK event type"):
        hek_events.search("2023-03-29", "2023-03-30", ["FLARE"])


def test_download_adds_events_and_requests_complete_days_only_once(server, tmp_path):
    local = hek_events.EventStore(tmp_path / "events.sqlite")
    first = hek_events.download(tmp_path / "events.sqlite", "2023-03-29", "2023-03-30", [])
    assert (first.done, first.failed) == (10, [])
    before = len(server.requests)
    assert hek_events.download(local, "2023-03-29", "2023-03-30", ["FL"]).done == 0
    assert len(server.requests) == before
    again = hek_events.download(local, "2023-03-29", "2023-03-30", ["FL"], overwrite=True)
    assert again.done == 2


@pytest.fixture
def image(tmp_path) -> Path:
    return sun.write_image(tmp_path / "images", sun.corona(256))


def test_events_are_placed_and_plotted_on_an_image(image, make_event, tmp_path):
    local = hek_events.EventStore(tmp_path / "events.sqlite")
    away = make_event(kb_archivid="away", hpc_bbox=sun.wkt(5e3, 0, 6e3, 9), **DURING)
    nowhere = make_event(kb_archivid="nowhere", hpc_bbox="", hpc_coord="", hpc_x=None, **DURING)
    local.add([make_event(kb_archivid="box", **DURING), away, nowhere])
    events = local.query("2014-01-01", "2014-01-01T01:00")
    boxes = hek_events.boxes_on_image(image, events).set_index("kb_archivid")
    assert set(boxes.index) == {"box", "away"} and boxes.loc["box", "is_visible"]
    corners = boxes.loc["box", ["x_min_px", "y_min_px", "x_max_px", "y_max_px"]].to_numpy(float)
    assert tuple(corners) == boxes.loc["box", "shape"].bounds
    assert 0 < corners[0] < corners[2] < 256 and np.isnan(boxes.loc["away", "x_min_px"])
    assert boxes.equals(
        hek_events.boxes_on_image(str(image), local.records()).set_index("kb_archivid")
    )
    assert isinstance(hek_events.plot(image, events, labels=False), Figure)
    assert hek_events.overlap(boxes["shape"], [boxes.loc["box", "shape"]]).iou == 1


def test_an_event_without_a_shape_is_placed_at_hpc_x_and_hpc_y(image, make_event):
    event = make_event(hpc_bbox="", hpc_coord="", hpc_x="0", hpc_y=100.0, **DURING)
    boxes = hek_events.boxes_on_image(image, event, rotate=False)
    expected = make_event(hpc_bbox="", hpc_coord="POINT(0 100)", **DURING)
    assert boxes["shape"][0].geom_type == "Point"
    assert boxes.equals(hek_events.boxes_on_image(image, [expected], rotate=False))


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (5, "Invalid events: expected HEK records or a DataFrame, got int"),
        ("AR", "Invalid events: expected HEK records or a DataFrame, got str"),
        (["AR"], "Invalid event record 1: expected a dict, got str"),
        ({"kb_archivid": "AR_1"}, "Invalid event AR_1: missing event_starttime"),
        (pd.DataFrame({"hpc_x": [1.0]}), "Invalid event record 1: missing event_starttime"),
    ],
)
def test_invalid_events_are_errors(image, events, message):
    for function in (hek_events.boxes_on_image, hek_events.plot):
        with pytest.raises(AstrodomeError, match=message):
            function(image, events)


def test_a_record_or_a_table_can_be_added(make_event, tmp_path):
    local = hek_events.EventStore(tmp_path / "events.sqlite")
    assert local.add(make_event()).done == 1
    other = hek_events.EventStore(tmp_path / "other.sqlite")
    assert other.add(local.query()).done == 1
    pd.testing.assert_frame_equal(other.query(), local.query())
    with pytest.raises(AstrodomeError, match="Invalid events"):
        local.add(5)


def test_the_representation_of_a_store_and_of_a_result_is_short(store, image, tmp_path):
    assert repr(store).startswith("EventStore('") and "scott" not in repr(store)
    sun.write_map(tmp_path / "maps", np.eye(256) * 200)
    result = hek_events.analyze(image.parent, tmp_path / "maps", store, ["AR"], jobs=1)
    assert repr(result) == "AnalysisResult(1 images, 0 failed)"


def test_images_can_be_maps_of_sunpy(make_event):
    import sunpy.map
    from sunpy.data.test import get_test_filepath

    path = get_test_filepath("aia_171_level1.fits")
    day = {"event_starttime": "2011-02-15T00:00:00", "event_endtime": "2011-02-15T23:00:00"}
    event = make_event(**day)
    from_file = hek_events.boxes_on_image(path, [event])
    from_map = hek_events.boxes_on_image(sunpy.map.Map(path), [event])
    pd.testing.assert_frame_equal(from_file, from_map)


def test_analyze_returns_tables(image, make_event, tmp_path):
    scores = np.zeros((256, 256))
    scores[60:80, 40:60] = 200
    sun.write_map(tmp_path / "maps", scores)
    local = hek_events.EventStore(tmp_path / "events.sqlite")
    local.add([make_event(**DURING)])
    result = hek_events.analyze(image.parent, str(tmp_path / "maps"), local, ["AR"], jobs=1)
    assert result.images["image"].tolist() == [image.name] and not result.failed
    assert result.summary["iou"]["mean"] == result.images["iou"].mean()
    folder = result.write(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} >= {"iou.csv", "summary.json"}
